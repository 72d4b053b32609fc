"""Tables as they are: encodings, delimiters, kinds of files; and whatever is wrong with one."""

import datetime
from pathlib import Path
from typing import Any

import pytest

from service.records.formats.text import encoding_of, inert
from service.records.tables import Bounds, Table, TableInvalid, read_table, write_table

NAMES = "id,name\n1,Böhm & Söhne\n2,Société Générale\n"
openpyxl = pytest.importorskip("openpyxl")


def written(path: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path.write_bytes(content.encode(encoding) if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_encodings_are_found_out_and_said(encoding: str, found: str, tmp_path: Path) -> None:
    table = read_table(written(tmp_path / "a.csv", NAMES, encoding))
    assert table.columns == {"id": ["1", "2"], "name": ["Böhm & Söhne", "Société Générale"]}
    assert table.notes == [f"a.csv read as {found}"]
    assert (table.place(0), table.place(1)) == ("line 2", "line 3")
    told = read_table(tmp_path / "a.csv", encoding=encoding)
    assert told.columns == table.columns


def test_bytes_that_cp1252_has_not_are_latin_1(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"name\nB\xf6hm \x81\n")
    assert encoding_of(path) == "latin-1"


def test_a_part_boundary_within_a_letter_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.records.formats.text.PART_BYTES", 3)
    assert encoding_of(written(tmp_path / "a.csv", NAMES)) == "utf-8"


def test_a_few_bad_bytes_are_refused_by_row_and_column_and_the_rest_is_read(tmp_path: Path) -> None:
    content = NAMES.encode() + b"3,bad \xff byte\n" + "4,Å\n".encode()
    table = read_table(written(tmp_path / "a.csv", content))
    assert table.columns["id"] == ["1", "2", "4"]
    (refused,) = table.refused
    assert (refused.place, refused.column) == ("line 4", "name")
    assert "is not utf-8" in refused.reason
    assert refused.cells == ("3", "bad ? byte")
    told = read_table(written(tmp_path / "b.csv", NAMES, "cp1252"), encoding="utf-8")
    assert [one.place for one in told.refused] == ["line 2", "line 3"]


def test_a_wrong_encoding_that_is_told_is_refused_by_name(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", NAMES)
    with pytest.raises(TableInvalid, match="no encoding 'utf8x'"):
        read_table(path, encoding="utf8x")
    with pytest.raises(TableInvalid, match="name its encoding"):
        read_table(path, encoding="utf-16")
    path = written(tmp_path / "b.csv", b"id,n\xff\n1,2\n")
    assert read_table(path).names == ["id", "n\xff"]  # no letter of UTF-8: it is cp1252
    with pytest.raises(TableInvalid, match="its header is not utf-8"):
        read_table(path, encoding="utf-8")


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_delimiters_are_found_out(sign: str, tmp_path: Path) -> None:
    table = read_table(written(tmp_path / "a.csv", f'id{sign}name\n1{sign}"a{sign} b"\n'))
    assert table.record(0) == {"id": "1", "name": f"a{sign} b"}
    told = read_table(written(tmp_path / "b.csv", "id:name\n1:a\n"), delimiter=":")
    assert told.names == ["id", "name"]


def test_ragged_rows_are_refused_each_with_its_line_and_none_is_lost(tmp_path: Path) -> None:
    content = 'id,name\n1,a\n2\n\n3,c,d\n"4\nand more",e\n5,"open\n6,f\n'
    table = read_table(written(tmp_path / "a.csv", content))
    assert table.columns["id"] == ["1", "4\nand more"]
    assert [table.place(row) for row in range(2)] == ["line 2", "line 6"]
    told = [(one.place, one.reason, one.cells) for one in table.refused]
    assert told[0] == ("line 3", "1 cells; the header has 2", ("2",))
    assert told[1] == ("line 5", "3 cells; the header has 2", ("3", "c", "d"))
    assert told[2][0] == "line 8"
    assert "up to line 9: is a quote not closed?" in told[2][1]


def test_a_cell_of_a_million_characters_is_refused_by_row_and_column(tmp_path: Path) -> None:
    content = f"id,name\n1,a\n2,{'x' * 1_000_000}\n3,b\n"
    table = read_table(written(tmp_path / "a.csv", content))
    assert table.columns["id"] == ["1", "3"]
    (refused,) = table.refused
    assert (refused.place, refused.column) == ("line 3", "name")
    assert "1000000 characters; the limit is 100000 (SEMBLANCE_CELL_CHARACTERS_MAX)" in (
        refused.reason
    )
    assert refused.cells == ("2", "x" * 200)
    for kind in ("parquet", "xlsx"):
        path = tmp_path / f"a.{kind}"
        write_table(path, ["id", "name"], [["1", "a"], ["2", "x" * 30_000], ["3", "b"]])
        table = read_table(path, Bounds(cell_characters_max=20_000))
        assert table.columns["id"] == ["1", "3"]
        (refused,) = table.refused
        assert (refused.place, refused.column) == ("row 3" if kind == "xlsx" else "row 2", "name")


def test_too_large_a_table_is_refused_by_its_setting(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", NAMES)
    with pytest.raises(TableInvalid, match="SEMBLANCE_TABLE_BYTES_MAX"):
        read_table(path, Bounds(bytes_max=10))
    for kind in ("csv", "parquet", "xlsx"):
        path = tmp_path / f"b.{kind}"
        write_table(path, ["id", "name"], [[n, "a"] for n in range(1500)])
        with pytest.raises(TableInvalid, match="SEMBLANCE_TABLE_CELLS_MAX"):
            read_table(path, Bounds(cells_max=1000))
    with pytest.raises(TableInvalid, match=r"unpacks to .*SEMBLANCE_TABLE_BYTES_MAX"):
        read_table(tmp_path / "b.xlsx", Bounds(bytes_max=(tmp_path / "b.xlsx").stat().st_size))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("id,id\n1,2\n", "two columns 'id'"),
        ("id,\n1,2\n", "column 2 has no name"),
        (b"PK\x03\x04...", "call it .xlsx"),
    ],
)
def test_a_header_that_means_nothing_is_refused(
    content: str | bytes, words: str, tmp_path: Path
) -> None:
    with pytest.raises(TableInvalid, match=words):
        read_table(written(tmp_path / "a.csv", content))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    for name, words in (
        ("a.doc", "of no kind"),
        ("a.parquet", "not Parquet"),
        ("a.xlsx", "no workbook"),
    ):
        with pytest.raises(TableInvalid, match=words):
            read_table(written(tmp_path / name, b"\x00\x01"))
    with pytest.raises(TableInvalid, match="is no file"):
        read_table(tmp_path / "nothing.csv")
    with pytest.raises(TableInvalid, match="neither a list of objects"):
        Table.of([1, 2])


FORMULAS = ["=1+1", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1+1"]


def test_no_spreadsheet_runs_what_a_cell_holds(tmp_path: Path) -> None:
    rows = [[one, "plain"] for one in FORMULAS] + [["-5.2", "+7"], [-5, None]]
    write_table(tmp_path / "a.csv", ["=name", "b"], rows)
    table = read_table(tmp_path / "a.csv")
    assert table.names == ["'=name", "b"]
    assert table.columns["'=name"] == [*(f"'{one}" for one in FORMULAS), "-5.2", "-5"]
    write_table(tmp_path / "a.xlsx", ["=name", "b"], rows)
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx").worksheets[0]
    kinds = {cell.data_type for row in sheet.iter_rows(max_row=8) for cell in row}
    assert kinds == {"s"}  # no formula
    assert inert("a=1") == "a=1"


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet", "xlsx"])
def test_what_is_written_is_read_again(kind: str, tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["Böhm", 1.5, None],
        ['a "quoted", b\nc', 2.0, datetime.date(2020, 1, 2)],
    ]
    write_table(tmp_path / f"a.{kind}", ["name", "n", "day"], rows)
    table = read_table(tmp_path / f"a.{kind}")
    assert table.columns["name"] == ["Böhm", 'a "quoted", b\nc']
    assert [float(one) for one in table.columns["n"]] == [1.5, 2.0]
    assert table.columns["day"][0] is None
    assert str(table.columns["day"][1]).startswith("2020-01-02")
    write_table(tmp_path / f"b.{kind}", ["mixed"], [[1], ["a"]])
    assert [str(one) for one in read_table(tmp_path / f"b.{kind}").columns["mixed"]] == ["1", "a"]


def test_ragged_rows_of_a_workbook_are_filled_up_or_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["id", "name"], [1, "a"], [2], [], [3, "c", "more"], [4, "=1+1"]):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    table = read_table(tmp_path / "a.xlsx")
    assert table.columns == {"id": [1, 2, 4], "name": ["a", None, None]}
    assert [(one.place, one.reason) for one in table.refused] == [
        ("row 5", "3 cells; the header has 2")
    ]


def test_ids_stand_once_and_the_others_are_told_by_where_the_first_is() -> None:
    table = Table.of([{"id": one, "n": n} for n, one in enumerate(["a", "b", "a", None, [1.0]])])
    kept = table.keyed("id")
    assert kept.columns["n"] == [0, 1]
    assert [(one.place, one.column, one.reason) for one in kept.refused] == [
        ("record 2", "id", "the id 'a' stands at record 0 already"),
        ("record 3", "id", "the id is empty"),
        ("record 4", "id", "the id is a list"),
    ]
    with pytest.raises(TableInvalid, match="has no column 'key'; it has 'id', 'n'"):
        table.keyed("key")


def test_columns_are_renamed_in_the_place_of_others() -> None:
    table = Table.of([{"town": "Oslo", "city": "?", "n": 1}]).renamed({"town": "city"})
    assert table.record(0) == {"city": "Oslo", "n": 1}


def test_tables_of_pyarrow_are_tables() -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = Table.of(pyarrow.table({"name": ["a", None], "n": [1, 2]}))
    assert (len(table), table.record(1)) == (2, {"name": None, "n": 2})
