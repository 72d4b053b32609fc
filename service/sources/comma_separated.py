"""CSV and TSV: one header, UTF-8, empty cells are nothing."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from service.source import (
    ROW_BYTES_MAX,
    Columns,
    Source,
    SourceInvalid,
    SourceRow,
    check_columns,
    is_utf8,
    row_of,
)

if TYPE_CHECKING:
    from _csv import Reader as CsvReader


SUFFIXES = (".csv", ".tsv")
FIELD_CHARACTERS_MAX = ROW_BYTES_MAX  # of one field; csv's own limit of 128 KiB is too tight
kind = "a table that ends in .csv or .tsv"
media_types = {"text/csv": ".csv", "text/tab-separated-values": ".tsv"}


def recognises(path: Path) -> bool:
    """Tell by the file's name."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def read(path: Path, columns: Columns) -> Source:
    """Open a table."""
    csv.field_size_limit(FIELD_CHARACTERS_MAX)
    with path.open("rb") as raw, _text(raw) as text:
        try:
            names = next(_reader(text, path), [])
        except csv.Error as error:
            raise SourceInvalid(f"{path}: its first line is not a CSV header: {error}") from None
    if not all(map(is_utf8, names)):
        raise SourceInvalid(f"{path}: its header is not UTF-8; convert the file")
    check_columns(names, columns, path)
    return Source(_rows(path, columns), path.stat().st_size)


def _text(raw: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="")


def _reader(text: io.TextIOWrapper, path: Path) -> "CsvReader":
    return csv.reader(text, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)


def _rows(path: Path, columns: Columns) -> Iterator[SourceRow]:
    with path.open("rb") as raw, _text(raw) as text:
        reader = _reader(text, path)
        names = next(reader)
        while True:
            place = f"line {reader.line_num + 1}"
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield SourceRow(place, raw.tell(), None, f"not CSV: {error}")
                continue
            if not values:
                continue  # a blank line
            if len(values) != len(names):
                reason = f"{len(values)} fields; the header has {len(names)}"
                yield SourceRow(place, raw.tell(), None, reason)
                continue
            if any(not is_utf8(value) for value in values):
                yield SourceRow(place, raw.tell(), None, "not UTF-8; convert the file")
                continue
            cells = {n: v for n, v in zip(names, values, strict=True) if v != ""}
            yield row_of(place, raw.tell(), cells, columns)
