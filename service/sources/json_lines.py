"""JSON Lines: an object a line."""

import json
from collections.abc import Iterator
from pathlib import Path

from service.source import Columns, Source, SourceRow, row_of

SUFFIXES = (".jsonl", ".ndjson")
kind = "objects line by line in a file that ends in .jsonl or .ndjson"


def recognises(path: Path) -> bool:
    """Tell by the file's name."""
    return path.is_file() and path.suffix.lower() in SUFFIXES


def read(path: Path, columns: Columns) -> Source:
    """Open a file."""
    return Source(_rows(path, columns), path.stat().st_size)


def _rows(path: Path, columns: Columns) -> Iterator[SourceRow]:
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
            yield row_of(place, done, cells, columns)
