"""Rows that name pictures or sounds: the files they name are read, SVGs drawn, thumbnails made."""

import base64
import binascii
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from models.errors import InputError, ItemTooLarge
from models.pictures.thumbnail import thumbnail
from service.source import FILED, ROW_BYTES_MAX, Source, SourceRow
from service.svg import Rasteriser, is_svg

FILE_BYTES_MAX = 3 * (ROW_BYTES_MAX >> 2) - (1 << 20)  # as base64, with a payload, it fits a row
NAME_CHARACTERS_MAX = 1024
ReadFile = Callable[[str], bytes]


def is_of_files(source: Source) -> bool:
    """Tell by the first row that can stand whether a source is of pictures or sounds."""
    first = next((row.exemplar for row in source.rows if row.exemplar is not None), None)
    return first is not None and _named(first) is not None


def with_files(
    source: Source,
    read_file: ReadFile,
    *,
    thumbnails: bool,
    reads_label: bool = False,
    windows: bool = False,
) -> Iterator[SourceRow]:
    """Yield the rows of a source, each with its picture or sound as the service takes it.

    Args:
        read_file: returns the file that a row names; raises FileNotFoundError where there is none.
        thumbnails: whether the payload gets `thumbnail`, a data: URI of a small picture.
        reads_label: whether a picture is said to read its label, where nothing else is said.
        windows: whether a sound is enrolled by windows.
    """
    with Rasteriser() as rasteriser:
        for row in source.rows:
            named = None if row.exemplar is None else _named(row.exemplar)
            if row.exemplar is None or named is None:
                yield row
                continue
            try:
                kind, name = named
                content = content_of(name, read_file)
                if kind == "audio":
                    how = {"windows": True} if windows else {}
                    item = row.exemplar["item"] | {kind: _base64(content)} | how
                    yield SourceRow(row.place, row.done, row.exemplar | {"item": item})
                    continue
                if is_svg(content):
                    content = rasteriser.png(content)
                item = _with(row.exemplar["item"], _base64(content))
                if reads_label and row.exemplar["label"] and "image" in item:
                    item = {"reads": row.exemplar["label"]} | item
                exemplar = row.exemplar | {"item": item}
                if thumbnails:
                    uri = "data:image/webp;base64," + _base64(thumbnail(content))
                    exemplar["payload"] = (exemplar.get("payload") or {}) | {"thumbnail": uri}
            except (InputError, OSError, ValueError) as error:
                yield SourceRow(row.place, row.done, None, str(error))
                continue
            yield SourceRow(row.place, row.done, exemplar)


def files_inside(folder: Path) -> ReadFile:
    """Make what reads files inside a folder, and none outside it, whatever they are called."""
    root = folder.resolve()

    def read(name: str) -> bytes:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise ValueError(f"{name!r} is not inside {folder}; only files there are read")
        if not path.is_file():
            raise FileNotFoundError(f"{name!r} is no file inside {folder}")
        check_size(path.stat().st_size)
        return path.read_bytes()

    return read


def check_size(size: int) -> None:
    """Refuse a file of too many bytes.

    Raises:
        ItemTooLarge: naming the limit.
    """
    if size > FILE_BYTES_MAX:
        raise ItemTooLarge(
            f"the file has {size} bytes; the limit is {FILE_BYTES_MAX}: make it smaller, or cut it"
        )


def _named(exemplar: dict[str, Any]) -> tuple[str, str] | None:
    """Return what a row names as a whole file, and of which kind it is."""
    item = exemplar.get("item")
    if not isinstance(item, dict):
        return None
    record = item.get("record")
    holder = record if isinstance(record, dict) else item
    for kind in FILED:
        if isinstance(name := holder.get(kind), str):
            return kind, name
    return None


def _with(item: dict[str, Any], image: str) -> dict[str, Any]:
    """Return an item, or a record, with its picture as base64."""
    if "record" in item:
        return item | {"record": item["record"] | {"image": image}}
    return item | {"image": image}


def content_of(named: str, read_file: ReadFile) -> bytes:
    """Read the file that is named, else the base64 that stands there itself.

    Raises:
        ValueError: neither.
    """
    why = "it is longer than a name"
    if len(named) <= NAME_CHARACTERS_MAX and not named.startswith("data:"):
        try:
            return read_file(named)
        except FileNotFoundError as error:
            why = str(error)
    try:
        return base64.b64decode(named.partition(";base64,")[2] or named, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"{named[:80]!r} is neither a file nor base64: {why}") from None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
