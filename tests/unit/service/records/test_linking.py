"""Tables linked end to end by encoders made of letters: who gets whom, how sure, and the output."""

import asyncio
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.linking.curves import Curves
from index.linking.pairs import Pairs
from service.errors import SchemaInvalid
from service.records.asked import fields_said, fields_told, on_said, schema_for
from service.records.linking import Linked, Terms, likely_of, link
from service.records.output import Output, Side
from service.records.pooling import Pooled, pooled
from service.records.schema import Field, Schema
from service.records.tables import Table
from tests.lettered import Lettered

SCHEMA = Schema((Field("name", "name"),))


def made(table: Table, schema: Schema = SCHEMA) -> Pooled:
    return asyncio.run(pooled(table, schema, Lettered()))


def named(*names: str | None, key: str = "k") -> Table:
    return Table.of([{"key": f"{key}{n}", "name": name} for n, name in enumerate(names)])


def linked(left: Table, right: Table, **terms: Any) -> Linked:
    return link(made(left), made(right), Terms(**({"threshold": 0.5} | terms)))


def pairs_of(found: Linked) -> list[tuple[int, int]]:
    return list(zip(found.pairs.left.tolist(), found.pairs.right.tolist(), strict=True))


LEFT = named("Acme Ltd", "Acme Limited", "Zeta Works", None, "Nobody")
RIGHT = named("Acme Ltd", "Zeta Work", "Acme Ltd", "Otherwise")


def test_each_left_record_gets_its_best() -> None:
    found = linked(LEFT, RIGHT)
    assert pairs_of(found) == [(0, 0), (1, 0), (2, 1)]
    assert found.threshold == 0.5
    assert found.probabilities is None  # of a handful of scores nothing can be told
    assert "too few" in str(found.why)
    assert found.nearest.left.tolist() == [0, 1, 2, 4]


def test_where_nothing_is_known_nobody_is_linked_and_all_are_told() -> None:
    left, right = named(None, "..."), named("Acme")
    for pairing in ("best", "one_to_one", "one_to_many"):
        found = linked(left, right, pairing=pairing, threshold=None)
        assert len(found.pairs) == 0 == len(found.nearest)
        assert found.why == "no two records have anything in common"
    sides = Side(left, made(left)), Side(right, made(right))
    rows = list(Output(*sides, found, Terms(), "outer").rows())
    assert [row[7] for row in rows] == ["no match: nothing to compare by"] * 2 + ["no match"]


def test_one_to_one_and_one_to_many() -> None:
    assert pairs_of(linked(LEFT, RIGHT, pairing="one_to_one")) == [(0, 0), (1, 2), (2, 1)]
    many = linked(LEFT, RIGHT, pairing="one_to_many")
    assert pairs_of(many) == [(0, 0), (0, 2), (2, 1)]
    assert pairs_of(linked(LEFT, RIGHT, threshold=0.999)) == [(0, 0)]


def test_without_a_threshold_nothing_is_cut_where_scores_do_not_tell() -> None:
    found = linked(LEFT, RIGHT, threshold=None)
    assert found.threshold is None
    assert len(found.pairs) == 4


def test_a_threshold_is_found_from_the_scores_of_many() -> None:
    draw = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = ["".join(draw.choice(letters) for _ in range(14)) for _ in range(400)]
    typed = [one[:5] + draw.choice(letters) + one[6:] for one in names[:200]]
    found = linked(named(*typed), named(*names), threshold=None, rerank=0.5)
    assert found.expected is not None
    assert found.threshold == pytest.approx(found.expected.threshold)
    right = sum(one == other for one, other in pairs_of(found))
    assert right >= 190
    assert right / len(found.pairs) > 0.95
    assert found.probabilities is not None
    assert found.probabilities.min() > 0.3
    assert found.probabilities.max() <= 1


def test_candidates_as_good_as_each_other_share_what_is_likely() -> None:
    chance = np.array([[0.0, 0.5, 0.9, 1.0]])
    curves = Curves(0.0, 1.0, chance, np.ones(1))
    rivals = Pairs.of([0, 0, 1, 1, 2], [0, 1, 2, 3, 4], [0.6, 0.1, 0.6, 0.6, 0.3])
    likely = likely_of(rivals, rivals, curves)
    # Odds of 9 beside 0; 9 and 9; 1 alone: o / (1 + sum of them).
    assert likely == pytest.approx([0.9, 0.0, 9 / 19, 9 / 19, 0.5])
    twins = Pairs.of([0, 0], [0, 1], [1.0, 1.0])
    assert likely_of(twins, twins, curves) == pytest.approx([0.5, 0.5], abs=1e-5)


def test_the_output_holds_both_rows_score_reason_and_whoever_is_left() -> None:
    schema = Schema((Field("name", "name"), Field("n", "number", scale=1.0)))
    left = Table.of([{"key": "a", "name": "Acme", "n": 1}, {"key": "b", "name": "Nobody"}, {}])
    right = Table.of([{"key": "x", "name": "Zzyzx"}, {"key": "y", "name": "Acme", "n": "2"}])
    sides = Side(left, made(left, schema), "key"), Side(right, made(right, schema), "key")
    terms = Terms(threshold=0.7)
    found = link(sides[0].pooled, sides[1].pooled, terms)
    output = Output(*sides, found, terms, "outer")
    assert output.names == [
        "left_key", "left_name", "left_n", "right_key", "right_name", "right_n",
        "score", "probability", "shared", "reason", "score_name", "score_n",
    ]  # fmt: skip
    rows = list(output.rows())
    score = round((1 + np.exp(-0.5)) / 2, 4)
    assert rows[0] == [
        "a", "Acme", 1, "y", "Acme", "2", score, None, 1.0, "name 1.00, n .61", 1.0, 0.6065
    ]  # fmt: skip
    assert rows[1][:4] == ["b", "Nobody", None, None]
    assert rows[1][9].startswith("no match: ")
    assert rows[1][9].endswith("below .70")
    assert rows[2][9] == "no match: nothing to compare by"
    assert rows[3][3:5] == ["x", "Zzyzx"]
    assert rows[3][9] == "no match"
    assert len(rows) == 4
    assert len(list(Output(*sides, found, terms, "left").rows())) == 3
    assert list(Output(*sides, found, terms, "inner").rows()) == rows[:1]


def test_sides_of_two_schemas_are_refused() -> None:
    vectors = Schema((Field("v", "vector"),))
    one = made(Table.of([{"v": [1.0, 0.0]}]), vectors)
    other = made(Table.of([{"v": [1.0, 0.0, 0.0]}]), vectors)
    with pytest.raises(SchemaInvalid, match="2 and 3 numbers"):
        link(one, other, Terms())


def test_fields_are_said_in_short_in_json_or_in_a_file(tmp_path: Path) -> None:
    short = fields_said("name::3, born:date ,price:number:0.5")
    assert [(one.name, one.kind, one.weight) for one in short] == [
        ("name", "name", 3.0),
        ("born", "date", 1.0),
        ("price", "number", 0.5),
    ]
    long = '[{"name": "scan", "kind": "image", "of": "name", "encoder": "crops"}]'
    (tmp_path / "fields.json").write_text(long)
    for said in (long, f"@{tmp_path / 'fields.json'}"):
        assert fields_said(said) == [Field("scan", "image", 1.0, "crops", None, "name")]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("name", "a list of objects"),
        ([], "a list of objects"),
        (["name"], r"fields\[0\] is no object"),
        ([{"name": "a", "weigth": 1}], "has no 'weigth'"),
        ([{"kind": "name"}], r"fields\[0\].name is no text"),
        ([{"name": "a", "kind": "nam"}], "kind is 'nam'"),
        ([{"name": "a", "weight": "1"}], "weight is no number"),
        ([{"name": "a", "of": 1}], "of is no text"),
    ],
)
def test_fields_that_mean_nothing_are_refused_by_place(told: Any, words: str) -> None:
    with pytest.raises(SchemaInvalid, match=words):
        fields_told(told)


@pytest.mark.parametrize(
    ("said", "words"),
    [("name:nme", "kind is 'nme'"), ("a:name:x", "no weight"), ("[", "not JSON"), ("@no", "read")],
)
def test_what_is_said_of_fields_and_means_nothing_is_refused(said: str, words: str) -> None:
    with pytest.raises(SchemaInvalid, match=words):
        fields_said(said)


def test_columns_called_otherwise_are_paired() -> None:
    assert on_said(["name", "city=town", "n=n"]) == (["name", "city", "n"], {"town": "city"})
    for wrong in ("=town", "city="):
        with pytest.raises(SchemaInvalid, match="LEFT=RIGHT"):
            on_said([wrong])


def test_a_model_is_for_names_and_texts_that_name_none() -> None:
    fields = [Field("name", "name"), Field("about", "text", encoder="minilm"), Field("n", "number")]
    table = Table.of([{"name": "a", "about": "b", "n": 1}])
    schema = schema_for([table], fields=fields, model="mine").schema
    assert [one.embedded_by for one in schema.fields] == ["mine", "minilm", None]
    assert schema.fields[2].scale == 1.0
    with pytest.raises(SchemaInvalid, match="'x': table has no such column; it has 'name'"):
        schema_for([table], fields=[Field("x", "name")])


def test_of_a_name_and_its_picture_one_side_may_have_one_only() -> None:
    fields = [Field("name", "name"), Field("scan", "image", of="name")]
    seen, filed = Table.of([{"scan": "Acme"}], "seen"), Table.of([{"name": "Acme"}], "filed")
    schema = schema_for([seen, filed], fields=fields).schema
    found = link(made(seen, schema), made(filed, schema), Terms(threshold=0.9))
    assert found.pairs.scores.tolist() == [1.0]
    with pytest.raises(SchemaInvalid, match="'name' and 'scan': filed has no such column"):
        schema_for([seen, Table.of([{"n": 1}], "filed")], fields=fields)
    with pytest.raises(SchemaInvalid, match="'scan': filed has no such column"):
        schema_for([filed, filed], fields=fields)
