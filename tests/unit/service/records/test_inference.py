"""What columns hold, found out from their cells."""

import datetime

import pytest

from service.errors import SchemaInvalid
from service.records.inference import inferred
from service.records.tables import Table

KINDS = {
    "name": ["Acme Ltd", "Zeta & Co", "Böhm"],
    "about": ["a long text of many words that nobody would take for the name of a company"] * 3,
    "price": ["1,200.50", "$ 9.99", 3],
    "founded": ["1998-03-01", datetime.date(2000, 1, 2), "2001/4/5"],
    "seen": ["13/01/2020", "1/2/2020", "5/6/2021"],
    "zip": ["01234", "99999", "00501"],
    "phone": ["+4712345678", "004712345678", "4712345678"],
    "scan": ["a/1.png", "a/2.JPG", "b.webp"],
    "row": [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]],
    "nothing": [None, "", " "],
}


def tables() -> list[Table]:
    return [Table(name, dict(KINDS), range(3)) for name in ("left.csv", "right.csv")]


def test_kinds_are_told_from_the_cells_and_said() -> None:
    found = inferred(tables(), without=("zip",))
    kinds = {field.name: field.kind for field in found.schema.fields}
    assert kinds == {
        "name": "name",
        "about": "text",
        "price": "number",
        "founded": "date",
        "seen": "date",
        "phone": "name",
        "scan": "image",
        "row": "vector",
    }
    assert found.schema.field("scan").of == "name"
    assert found.schema.field("price").scale == pytest.approx(89.8, abs=0.1)
    assert found.notes[0] == ("column 'nothing' is left out: it is empty in left.csv and right.csv")
    assert "name (name, weight 1, by names)" in found.notes[1]
    zips = inferred(tables(), on=["zip"]).schema
    assert zips.field("zip").kind == "name"


def test_what_is_asked_for_and_not_there_is_refused_by_name() -> None:
    with pytest.raises(SchemaInvalid, match="right has no column 'city'; it has 'town'"):
        inferred(
            [Table.of([{"city": "a"}], "left"), Table.of([{"town": "a"}], "right")], on=["city"]
        )
    with pytest.raises(SchemaInvalid, match=r"share no column .*left has city; right has town"):
        inferred([Table.of([{"city": "a"}], "left"), Table.of([{"town": "a"}], "right")])
    with pytest.raises(SchemaInvalid, match=r"'nothing' is empty in left.csv and right.csv"):
        inferred(tables(), on=["nothing"])
    with pytest.raises(SchemaInvalid, match="no column is left"):
        inferred([Table.of([{"a": None}]), Table.of([{"a": ""}])])
