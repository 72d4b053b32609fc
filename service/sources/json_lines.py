"""JSON Lines: an object a line."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from service.source import ROW_BYTES_MAX, Columns, Source, SourceRow, row_of

SUFFIXES = (".jsonl", ".ndjson")
LINE_BYTES_MAX = ROW_BYTES_MAX
kind = "objects line by line in a file that ends in .jsonl or .ndjson"
media_types = {"application/x-ndjson": ".ndjson", "application/jsonl": ".jsonl"}


def recognises(path: Path) -> bool:
    """Tell by the file's name."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def read(path: Path, columns: Columns) -> Source:
    """Open a file."""
    return Source(_rows(path, columns), path.stat().st_size)


def _rows(path: Path, columns: Columns) -> Iterator[SourceRow]:
    with path.open("rb") as file:
        for number, (line, done) in enumerate(_lines(file), start=1):
            place = f"line {number}"
            if not line.strip():
                continue
            if len(line) > LINE_BYTES_MAX:
                yield SourceRow(place, done, None, f"more than {LINE_BYTES_MAX} bytes; split it")
                continue
            try:
                cells = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                yield SourceRow(place, done, None, f"not JSON: {error}")
                continue
            if not isinstance(cells, dict):
                yield SourceRow(place, done, None, "not a JSON object")
                continue
            yield row_of(place, done, cells, columns)


def _lines(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield lines, and how many bytes are behind; of one that is too long, its first part."""
    done = 0
    while line := file.readline(LINE_BYTES_MAX + 1):
        part = line
        while len(part) > LINE_BYTES_MAX and not part.endswith(b"\n"):
            done += len(part)
            part = file.readline(LINE_BYTES_MAX + 1)
        done += len(part)
        yield line, done
