"""Reference data on disk, read row by row: CSV, JSON Lines, Parquet, a folder of text files.

Every row becomes an exemplar as the REST surface takes it, or a reason why it cannot.
"""

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

FILE_BYTES_MAX = 1 << 20  # of one text file; the service would refuse a longer text anyway
FIELD_CHARACTERS_MAX = 8 << 20  # of one CSV field; csv's own limit of 128 KiB is too tight
ROW_BYTES_MAX = 8 << 20  # of one row as JSON; the service bounds its parts more tightly
TEXT_SUFFIXES = (".txt", ".text", ".md", ".rst")


class SourceInvalid(ValueError):
    """The source as a whole cannot be read; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are what; all others become the payload."""

    id: str = "id"
    label: str = "label"
    text: str = "text"
    vector: str = "vector"


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row: where it stands, how far the source is read, and an exemplar or a reason.

    Args:
        place: line, row number or file name, for messages.
        done: how much of ``Source.total`` is behind it.
    """

    place: str
    done: int
    exemplar: dict[str, Any] | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Rows, and how much there is in all, in bytes, rows or files."""

    rows: Iterable[SourceRow]
    total: int


def open_source(path: Path, columns: Columns) -> Source:
    """Open a source by what it is.

    Raises:
        SourceInvalid: it is missing, of no known kind, or lacks the columns.
    """
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise SourceInvalid(f"{path} does not exist")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join(READERS)
        raise SourceInvalid(f"{path}: not a folder, and not one of {kinds}")
    return reader(path, columns)


def _csv(path: Path, columns: Columns) -> Source:
    csv.field_size_limit(FIELD_CHARACTERS_MAX)
    with path.open("rb") as raw, _csv_text(raw) as text:
        try:
            names = next(_csv_reader(text, path), [])
        except csv.Error as error:
            raise SourceInvalid(f"{path}: its first line is not a CSV header: {error}") from None
    if not all(map(_is_utf8, names)):
        raise SourceInvalid(f"{path}: its header is not UTF-8; convert the file")
    _check_columns(names, columns, path)
    return Source(_csv_rows(path, columns), path.stat().st_size)


def _csv_text(raw: BinaryIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, "utf-8-sig", errors="surrogateescape", newline="")


def _csv_reader(text: io.TextIOWrapper, path: Path) -> "CsvReader":
    return csv.reader(text, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)


def _csv_rows(path: Path, columns: Columns) -> Iterator[SourceRow]:
    with path.open("rb") as raw, _csv_text(raw) as text:
        reader = _csv_reader(text, path)
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
            if any(not _is_utf8(value) for value in values):
                yield SourceRow(place, raw.tell(), None, "not UTF-8; convert the file")
                continue
            cells = {n: v for n, v in zip(names, values, strict=True) if v != ""}
            yield _row(place, raw.tell(), cells, columns)


def _jsonl(path: Path, columns: Columns) -> Source:
    return Source(_jsonl_rows(path, columns), path.stat().st_size)


def _jsonl_rows(path: Path, columns: Columns) -> Iterator[SourceRow]:
    done = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            done += len(line)
            place = f"line {number}"
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield SourceRow(place, done, None, f"not JSON: {error}")
                continue
            if not isinstance(cells, dict):
                yield SourceRow(place, done, None, "not a JSON object")
                continue
            yield _row(place, done, cells, columns)


def _parquet(path: Path, columns: Columns) -> Source:
    import pyarrow  # noqa: PLC0415 - half a second that other sources need not wait
    import pyarrow.parquet  # noqa: PLC0415

    try:
        file = pyarrow.parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        raise SourceInvalid(f"{path} is not Parquet: {error}") from error
    _check_columns(file.schema_arrow.names, columns, path)

    def rows() -> Iterator[SourceRow]:
        number = 0
        try:
            for batch in file.iter_batches(batch_size=1024):
                for cells in batch.to_pylist():
                    number += 1
                    given = {name: value for name, value in cells.items() if value is not None}
                    yield _row(f"row {number}", number, given, columns)
        except (pyarrow.ArrowException, OSError) as error:
            raise SourceInvalid(f"{path} is damaged after row {number}: {error}") from error

    return Source(rows(), file.metadata.num_rows)


def _folder(path: Path) -> Source:
    files, unread = _text_files(path)
    if not files and not unread:
        raise SourceInvalid(f"{path} holds no file that ends in {', '.join(TEXT_SUFFIXES)}")

    def rows() -> Iterator[SourceRow]:
        for error in unread:
            yield SourceRow(_told(Path(error.filename), path), 0, None, str(error.strerror))
        for done, file in enumerate(files, start=1):
            name = _told(file, path)
            label = None if file.parent == path else file.parent.relative_to(path).as_posix()
            try:
                if not _is_utf8(file.as_posix()):
                    raise ValueError("the file's name is not UTF-8; rename it")
                if file.stat().st_size > FILE_BYTES_MAX:
                    raise ValueError(f"more than {FILE_BYTES_MAX} bytes; split it")
                text = file.read_bytes().decode()
            except (OSError, ValueError) as error:
                yield SourceRow(name, done, None, str(error))
                continue
            exemplar = {"id": name, "label": label, "item": {"text": text}}
            yield SourceRow(name, done, exemplar)

    return Source(rows(), len(files))


def _text_files(path: Path) -> tuple[list[Path], list[OSError]]:
    """Find the text files under a folder, and the sub-folders that could not be looked into."""
    unread: list[OSError] = []
    files = [
        file
        for folder, _, names in os.walk(path, onerror=unread.append)
        for file in (Path(folder, name) for name in names)
        if file.suffix.lower() in TEXT_SUFFIXES and file.is_file()
    ]
    return sorted(files), unread


def _told(file: Path, path: Path) -> str:
    name = file.relative_to(path).as_posix()
    return name.encode("utf-8", "backslashreplace").decode()


def _row(place: str, done: int, cells: Mapping[str, Any], columns: Columns) -> SourceRow:
    """Make an exemplar of a row's cells: id, label, text, vector or item; the rest is payload."""
    own = (columns.id, columns.label, columns.text, columns.vector)
    cells = {name: value for name, value in cells.items() if value is not None or name not in own}
    if isinstance(cells.get("item"), dict | str):
        item, used = cells["item"], "item"
    elif columns.vector in cells:
        item, used = {"vector": _vector(cells[columns.vector])}, columns.vector
    elif columns.text in cells:
        item, used = {"text": cells[columns.text]}, columns.text
    else:
        return SourceRow(place, done, None, f"no {columns.text!r}: the cell is empty or missing")
    if isinstance(cells.get(columns.id), bool | list | dict):
        return SourceRow(place, done, None, f"{columns.id!r} is neither a string nor a number")
    label = cells.get(columns.label)
    payload = {n: v for n, v in cells.items() if n not in (columns.id, columns.label, used)}
    if isinstance(cells.get("payload"), dict):
        payload |= payload.pop("payload")
    exemplar: dict[str, Any] = {
        "label": None if label is None else str(label),
        "item": item,
        "payload": payload or None,
    }
    try:
        exemplar["id"] = str(cells[columns.id]) if columns.id in cells else None
        spoken = json.dumps(
            exemplar, sort_keys=True, allow_nan=False, ensure_ascii=False, default=_plain
        ).encode()
    except (ValueError, TypeError, RecursionError) as error:  # NaN, lone surrogates, bytes
        return SourceRow(place, done, None, f"cannot be written as JSON: {error}")
    if len(spoken) > ROW_BYTES_MAX:
        return SourceRow(place, done, None, f"more than {ROW_BYTES_MAX} bytes as JSON; split it")
    exemplar = json.loads(spoken)
    if exemplar["id"] is None:  # a row without an id is its content: the same again is the same
        exemplar["id"] = hashlib.blake2b(spoken, digest_size=16).hexdigest()
    return SourceRow(place, done, exemplar)


def _vector(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value  # the service says what is wrong with it
    return value


def _plain(value: object) -> object:
    """Write what Parquet holds and JSON does not: dates, decimals, bytes."""
    if isinstance(value, bytes):
        raise TypeError("bytes have no place in JSON")
    return str(value)


def _check_columns(names: list[str], columns: Columns, path: Path) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceInvalid(f"{path} has two columns {', '.join(map(repr, twice))}: rename one")
    if not {columns.text, columns.vector, "item"} & set(names):
        raise SourceInvalid(
            f"{path} has no column {columns.text!r} (nor {columns.vector!r}); "
            f"it has {', '.join(names) or 'none'}: name one with --text-column"
        )


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


READERS = {
    ".csv": _csv,
    ".tsv": _csv,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".parquet": _parquet,
}
