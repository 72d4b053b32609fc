"""CSV and TSV, in the encoding and with the delimiter that are told or found out."""

import codecs
import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from service.records.tables import (
    Bounds,
    Refused,
    Table,
    TableInvalid,
    check_cells,
    check_names,
    shown,
    too_long,
)

suffixes: tuple[str, ...] = (".csv", ".tsv")
PART_BYTES = 1 << 20
LOOK_BYTES = 4096
DELIMITERS = ",;\t|"
FIELD_CHARACTERS_MAX = 64 << 20  # that csv holds at once; longer ones end the row unnamed
ROWS_A_LOOK = 1000  # between two looks at the number of cells
# A cell that begins so is a formula to some spreadsheet; the last four are of full width.
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read(path: Path, bounds: Bounds, told: Mapping[str, str]) -> Table:
    """Read a table of text; rows that cannot stand are refused, each with its line."""
    encoding = told.get("encoding") or encoding_of(path)
    try:
        codecs.lookup(encoding)
    except LookupError:
        raise TableInvalid(
            f"there is no encoding {encoding!r}; try utf-8, utf-16, cp1252"
        ) from None
    csv.field_size_limit(FIELD_CHARACTERS_MAX)
    # Undecodable bytes become lone surrogates, by which their cells are known.
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as text:
        try:
            delimiter = told.get("delimiter") or _delimiter(path, text.readline())
            text.seek(0)
            return _read(path, csv.reader(text, delimiter=delimiter, strict=True), bounds, encoding)
        except UnicodeError as error:
            raise TableInvalid(f"{path} is not {encoding}: {error}; name its encoding") from None


def _read(path: Path, reader: Any, bounds: Bounds, encoding: str) -> Table:
    names: list[str]
    try:
        names = next(reader, [])
    except csv.Error as error:
        raise TableInvalid(f"{path}: its first line is no header: {error}") from None
    check_names(names, path)
    if not all(map(_decoded, names)):
        raise TableInvalid(f"{path}: its header is not {encoding}; name its encoding")
    columns: list[list[Any]] = [[] for _ in names]
    numbers: list[int] = []
    table = Table(path.name, {}, numbers, "line", notes=[f"{path.name} read as {encoding}"])
    for line, cells in _rows(reader):
        wrong = _wrong(names, cells, bounds, encoding)
        if wrong is not None:
            held = () if isinstance(cells, str) else shown(cells)
            table.refused.append(Refused(f"line {line}", *wrong, held))
            continue
        numbers.append(line)
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell or None)
        if len(numbers) % ROWS_A_LOOK == 0:
            check_cells(len(numbers), len(names), path, bounds)
    check_cells(len(numbers), len(names), path, bounds)
    table.columns = dict(zip(names, columns, strict=True))
    return table


def _rows(reader: Any) -> Iterator[tuple[int, list[str] | str]]:
    """Yield rows with the line that each begins on, or what csv has against one."""
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = reader.line_num
            where = "" if last <= line else f" (up to line {last}: is a quote not closed?)"
            yield line, f"not CSV: {error}{where}"
            continue
        if cells:
            yield line, cells


def _wrong(
    names: Sequence[str], cells: list[str] | str, bounds: Bounds, encoding: str
) -> tuple[str | None, str] | None:
    """Tell what a row cannot stand for: the column, and why."""
    if isinstance(cells, str):
        return None, cells
    if len(cells) != len(names):
        return None, f"{len(cells)} cells; the header has {len(names)}"
    long = too_long(names, cells, bounds)
    if long is not None:
        size = len(cells[names.index(long)])
        limit = bounds.cell_characters_max
        return long, (
            f"the cell has {size} characters; the limit is {limit} (SEMBLANCE_CELL_CHARACTERS_MAX)"
        )
    for name, cell in zip(names, cells, strict=True):
        if not _decoded(cell):
            return name, f"the cell is not {encoding}; name the file's encoding"
    return None


def _decoded(cell: str) -> bool:
    if cell.isascii():
        return True
    try:
        cell.encode()
    except UnicodeEncodeError:
        return False
    return True


def encoding_of(path: Path) -> str:
    """Find out how a file is encoded: by its mark, its zeros, or whether it is UTF-8.

    What is no UTF-8 is cp1252, or Latin-1 where it holds bytes that cp1252 has not. A file of which
    more letters are UTF-8 than are not is damaged UTF-8: its bad cells will be refused.
    """
    with path.open("rb") as file:
        first = file.read(LOOK_BYTES)
    for mark, encoding in BOMS:
        if first.startswith(mark):
            return encoding
    if first.startswith(b"PK\x03\x04"):
        raise TableInvalid(f"{path} is a packed file, not text; if it is a workbook, call it .xlsx")
    if first:
        even, odd = (first[start::2].count(0) / len(first) for start in (0, 1))
        if odd > 0.2 > even:
            return "utf-16-le"
        if even > 0.2 > odd:
            return "utf-16-be"
    return _eight_bit(path)


def _eight_bit(path: Path) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    good = bad = 0
    undefined = False
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            undefined = undefined or bool(set(part) & {0x81, 0x8D, 0x8F, 0x90, 0x9D})
            if part.isascii() and not decoder.getstate()[0]:
                continue
            text = decoder.decode(part)
            escaped = sum("\udc80" <= letter <= "\udcff" for letter in text)
            bad += escaped
            good += sum(letter > "\x7f" for letter in text) - escaped
    if bad <= good:
        return "utf-8"
    return "latin-1" if undefined else "cp1252"


def _delimiter(path: Path, header: str) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    return max(DELIMITERS, key=header.count) if any(map(header.count, DELIMITERS)) else ","


def write(path: Path, names: Sequence[str], rows: Iterator[Sequence[Any]]) -> None:
    """Write UTF-8; a text that a spreadsheet would run gets an apostrophe before it."""
    delimiter = _delimiter(path, ",")
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        # RFC 4180; ended by less, the writer of Python would leave a lone \r bare within a cell.
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow([inert(name) for name in names])
        writer.writerows([inert(cell) for cell in row] for row in rows)


def inert(cell: object) -> object:
    """Return a cell as no spreadsheet takes it for a formula; numbers stay numbers.

    >>> [inert(one) for one in ("=1+1", "-5", "-5.2e3", "Acme", "+1 555", 3, None)]
    ["'=1+1", '-5', '-5.2e3', 'Acme', "'+1 555", 3, None]
    """
    if not isinstance(cell, str) or not cell.startswith(FORMULAS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell if cell[0] in "+-" and "_" not in cell else f"'{cell}"
