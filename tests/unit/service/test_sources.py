"""Every kind of source gives the same exemplars; every bad row gets a reason and a place."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from service.source import (
    ROW_BYTES_MAX,
    Columns,
    SourceInvalid,
    SourceRow,
    open_source,
    readers,
    row_of,
)
from service.sources import json_lines

ROWS: list[dict[str, Any]] = [
    {"id": "1", "label": "Acme", "text": "an anvil", "year": "1950"},
    {"id": "2", "label": "Bolt", "text": 'a "quoted",\nbroken line', "year": "1960"},
    {"id": "3", "label": "Ünï", "text": "東京", "year": "1970"},
]


def read(path: Path, columns: Columns | None = None) -> list[SourceRow]:
    source = open_source(path, columns or Columns())
    rows = list(source.rows)
    done = [row.done for row in rows]
    assert done == sorted(done)
    assert not done or done[-1] <= source.total
    return rows


def good(rows: list[SourceRow]) -> list[dict[str, Any]]:
    assert all(row.exemplar for row in rows), rows
    return [row.exemplar for row in rows if row.exemplar]


def want(row: dict[str, Any]) -> dict[str, Any]:
    rest = {k: v for k, v in row.items() if k not in ("id", "label", "text")}
    item = {"text": row["text"]}
    return {"id": row["id"], "label": row["label"], "item": item, "payload": rest}


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> None:
    import csv

    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.ndjson", "A.PARQUET", "folder"])
def test_a_source_is_read_by_one_kind_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch() if "." in name else path.mkdir()
    assert [reader.recognises(path) for reader in readers()].count(True) == 1


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_each_table_gives_the_same_exemplars(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"rows.{kind}"
    if kind in ("csv", "tsv"):
        write_csv(path, ROWS, "," if kind == "csv" else "\t")
    elif kind == "jsonl":
        path.write_text("\n\n".join(json.dumps(row) for row in ROWS), "utf-8")
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    assert good(read(path)) == [want(row) for row in ROWS]


def test_a_folder_labels_by_its_folders(tmp_path: Path) -> None:
    (tmp_path / "poems" / "old").mkdir(parents=True)
    (tmp_path / "top.txt").write_text("top")
    (tmp_path / "poems" / "old" / "a.md").write_text("a poem")
    (tmp_path / "poems" / "b.bin").write_bytes(b"\0")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    rows = read(tmp_path)
    assert [(r.place, r.exemplar and r.exemplar["label"], bool(r.reason)) for r in rows] == [
        ("bad.txt", None, True),
        ("poems/old/a.md", "poems/old", False),
        ("top.txt", None, False),
    ]


def test_rows_without_id_are_known_by_content(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,x\nhello,1\nhello,2\nhello,1\n")
    first, second, third = (row["id"] for row in good(read(path)))
    assert first == third != second


def test_other_columns_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("key,brand,words\n1,Acme,hello\n")
    (row,) = good(read(path, Columns(id="key", label="brand", text="words")))
    assert row == {"id": "1", "label": "Acme", "item": {"text": "hello"}, "payload": None}


def test_vectors_and_items(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": 1, "vector": [1, 2]}\n{"item": {"text": "x"}, "payload": {"p": 1}}\n')
    first, second = good(read(path))
    assert (first["id"], first["item"]) == ("1", {"vector": [1, 2]})
    assert (second["item"], second["payload"]) == ({"text": "x"}, {"p": 1})
    table = tmp_path / "a.csv"
    table.write_text('id,vector\n1,"[0.5, 1]"\n')
    assert good(read(table))[0]["item"] == {"vector": [0.5, 1]}


def test_nulls_are_nothing_and_a_payload_column_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"id": null, "text": "x", "label": null, "y": null}\n{"text": "x", "y": null}\n'
    )
    first, second = good(read(path))
    assert first == second
    assert (first["label"], first["payload"]) == (None, {"y": None})
    table = tmp_path / "a.csv"
    table.write_text("id,text,payload\n1,x,kept\n")
    assert good(read(table))[0]["payload"] == {"payload": "kept"}


@pytest.mark.parametrize("odd", ["true", "[1]", '{"a": 1}'])
def test_an_id_is_a_string_or_a_number(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"id": {odd}, "text": "x"}}\n')
    (row,) = read(path)
    assert row.reason == "'id' is neither a string nor a number"


def test_what_a_folder_hides_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "good.txt").write_text("x")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_text("x")

    def walk(path: Path, onerror: Any) -> Any:
        onerror(PermissionError(13, "Permission denied", str(tmp_path / "closed")))
        return walked(path)

    walked = os.walk
    monkeypatch.setattr(os, "walk", walk)
    rows = read(tmp_path)
    assert [(row.place, row.reason) for row in rows if row.exemplar is None] == [
        ("closed", "Permission denied"),
        (r"\udcff.txt", "the file's name is not UTF-8; rename it"),
    ]
    assert [row.exemplar["id"] for row in rows if row.exemplar] == ["good.txt"]


def test_a_damaged_table_says_how_far_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"text": [f"text {n}" * 9 for n in range(5000)]}
    pyarrow.parquet.write_table(pa.table(columns), path, compression="gzip", use_dictionary=False)
    raw = bytearray(path.read_bytes())
    raw[200:2000] = bytes(1800)
    path.write_bytes(raw)
    with pytest.raises(SourceInvalid, match=r"cannot be read after row \d+"):
        read(path)


def test_a_type_that_python_has_not_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    moments = pa.array([1_000_000_001], pa.timestamp("ns"))
    pyarrow.parquet.write_table(pa.table({"text": ["x"], "at": moments}), path)
    with pytest.raises(SourceInvalid, match="cannot be read after row 0"):
        read(path)


def test_bad_rows_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'id,text\n1,good\n2\n3,too,many\n4,\xff\n5,\n\n6,"good"\n7,"un"closed\n8,last\n'
    )
    rows = read(path)
    said = [(row.place, row.reason) for row in rows if row.exemplar is None]
    assert [place for place, _ in said] == ["line 3", "line 4", "line 5", "line 6", "line 9"]
    assert [row.exemplar["id"] for row in rows if row.exemplar] == ["1", "6", "8"]
    assert "1 fields; the header has 2" in said[0][1]
    assert "UTF-8" in said[2][1]
    assert "empty" in said[3][1]


def test_a_line_that_is_too_long_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "LINE_BYTES_MAX", 30)
    path = tmp_path / "a.jsonl"
    lines = [b'{"text": "first"}', b'{"text": "%s"}' % (b"x" * 200), b'{"text": "last"}']
    for end in (b"", b"\n", b"x" * 100):
        path.write_bytes(b"\n".join(lines) + end)
        rows = read(path)
        texts = [row.exemplar["item"]["text"] for row in rows if row.exemplar]
        assert texts == (["first"] if b"x" in end else ["first", "last"])
        assert (rows[1].place, rows[1].reason) == ("line 2", "more than 30 bytes; split it")
        assert rows[-1].done == path.stat().st_size


@pytest.mark.parametrize("picture", ["QUJD", "é", 'a"\n'])
@pytest.mark.parametrize("named", [{}, {"id": "one"}])
def test_a_picture_comes_out_as_it_went_in(picture: str, named: dict[str, str]) -> None:
    item = {"image": picture, "reads": "Acme"}
    row = row_of("line 1", 1, {"item": item, "label": "x", **named}, Columns())
    assert row.exemplar is not None
    assert row.exemplar["item"] == item
    assert item["image"] == picture


@pytest.mark.parametrize("named", [{}, {"id": "one"}])
def test_a_picture_counts_in_the_size_of_its_row(named: dict[str, str]) -> None:
    row = row_of("line 1", 1, {"item": {"image": "A" * ROW_BYTES_MAX}, **named}, Columns())
    assert row.exemplar is None
    assert f"more than {ROW_BYTES_MAX} bytes" in row.reason


def test_a_parquet_column_of_json_is_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    kind = pa.json_(pa.string())
    columns = {
        "item": pa.array(['{"text": "x"}', '"y"', None], kind),
        "payload": pa.array(['{"n": [1, null]}', "{}", "[1]"], kind),
        "text": ["a", "b", "c"],
    }
    pyarrow.parquet.write_table(pa.table(columns), path)
    first, second, third = good(read(path))
    assert (first["item"], first["payload"]) == ({"text": "x"}, {"text": "a", "n": [1, None]})
    assert (second["item"], second["payload"]) == ("y", {"text": "b"})
    assert (third["item"], third["payload"]) == ({"text": "c"}, {"payload": [1]})
    columns["item"] = pa.array(["{", None, None], kind)
    pyarrow.parquet.write_table(pa.table(columns), path)
    with pytest.raises(SourceInvalid, match="cannot be read after row 0"):
        read(path)


def test_bad_rows_of_jsonl(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        b'{"id": "1", "text": "good"}', b"{", b"[1]", b'{"id": "2"}', b'{"text": "\\ud800"}',
        b'{"text": "x", "y": NaN}', b"[" * 100_000, b"\xff", b'{"text": "x", "label": {"a": 1}}',
        b'{"text": "x", "y": %s}' % (b"9" * 400),
        b'{"text": "x", "y": %s}' % (b"[" * 300 + b"]" * 300),
        b'{"id": "9", "text": "good"}',
    ]  # fmt: skip
    path.write_bytes(b"\n".join(lines))
    rows = read(path)
    assert [bool(row.exemplar) for row in rows] == [True, *[False] * 10, True]
    assert all(row.reason for row in rows if row.exemplar is None)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"id,words\n1,x\n", "--text-column"),
        ("a.csv", b"", "has none"),
        ("a.csv", b"text,x,x\n", "two columns 'x'"),
        ("a.csv", b"te\xffxt,text\n", "not UTF-8"),
        ("a.csv", b'id,"te"xt,text\n', "not a CSV header"),
        ("a.parquet", b"not parquet", "not Parquet"),
        ("a.xlsx", b"", "of no kind that is read here: .*csv.*folder.*jsonl.*parquet.*zip"),
    ],
)
def test_sources_that_cannot_be_read(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceInvalid, match=said):
        open_source(tmp_path / name, Columns())
    with pytest.raises(SourceInvalid, match="does not exist"):
        open_source(tmp_path / "missing.csv", Columns())


def test_an_empty_folder_is_said_to_be_empty(tmp_path: Path) -> None:
    with pytest.raises(SourceInvalid, match="no file"):
        open_source(tmp_path, Columns())
