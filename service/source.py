"""The port to reference data on disk, and the catalog of its kinds: a module of `sources/` is one.

Every row becomes an exemplar as the REST surface takes it, or a reason why it cannot.
"""

import base64
import hashlib
import importlib
import json
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import orjson

from models.errors import ItemUndecodable
from service import sources
from service.intake import parse_vector

SPACE_KEY = b"semblance.space"  # where a file says in which space its vectors lie
SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3")
PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".svg")
FILED = ("image", "audio")  # kinds of items that are whole files
# Of one row as JSON: two items of the most bytes that one has by default (`item_bytes_max`), which
# the service bounds more tightly, in its own words.
ROW_BYTES_MAX = 32 << 20


class SourceInvalid(ValueError):
    """The source as a whole cannot be read; the message says what would help."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are what; all others become the payload.

    Args:
        reads: what a picture reads; looked at in rows of pictures only.
        name: what a picture shows, in words: a row becomes a record of both; None takes no such.
    """

    id: str = "id"
    label: str = "label"
    text: str = "text"
    vector: str = "vector"
    image: str = "image"
    reads: str = "reads"
    audio: str = "audio"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row: where it stands, how far the source is read, and an exemplar or a reason.

    Args:
        place: line, row number or file name, for messages.
        done: how much of ``Source.total`` is behind it.
        kept: the item that the exemplar's vector is the embedding of, where it is told.
    """

    place: str
    done: int
    exemplar: dict[str, Any] | None
    reason: str = ""
    kept: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Rows, and how much there is in all, in bytes, rows or files; and their space, if told.

    Args:
        read_file: returns the file that a row's picture is named by; None: one beside the source.
    """

    rows: Iterable[SourceRow]
    total: int
    space: str | None = None
    read_file: Callable[[str], bytes] | None = None


class Reader(Protocol):
    """One kind of reference data; a module of `service/sources/`."""

    kind: str
    """What it reads, for messages: `.csv`, `a folder of texts`."""

    media_types: Mapping[str, str]
    """Content types of what it reads, each with the suffix of such a file; none for a folder."""

    def recognises(self, path: Path) -> bool:
        """Tell by name and kind whether what stands there is read here; no two readers agree."""
        ...

    def read(self, path: Path, columns: Columns) -> Source:
        """Open it, and refuse what cannot be read at all.

        Raises:
            SourceInvalid: also while rows are read, where the rest is damaged.
        """
        ...


def readers() -> list[Reader]:
    """Import every file of ``service/sources``."""
    names = sorted(module.name for module in pkgutil.iter_modules(sources.__path__))
    return [cast(Reader, importlib.import_module(f"{sources.__name__}.{name}")) for name in names]


def suffixes() -> dict[str, str]:
    """Tell the content types that can be sent, each with the suffix that such a file gets."""
    return {media: suffix for one in readers() for media, suffix in one.media_types.items()}


def media_type_of(path: Path) -> str | None:
    """Tell the content type of a file that is read here; None for a folder."""
    for reader in readers():
        if reader.recognises(path):
            named = {suffix: media for media, suffix in reader.media_types.items()}
            return named.get(path.suffix.lower())
    return None


def open_source(path: Path, columns: Columns) -> Source:
    """Open a source by what it is.

    Raises:
        SourceInvalid: it is missing, of no known kind, or lacks the columns.
    """
    if not path.exists():
        raise SourceInvalid(f"{path} does not exist")
    for reader in readers():
        if reader.recognises(path):
            return reader.read(path, columns)
    kinds = "; ".join(reader.kind for reader in readers())
    raise SourceInvalid(f"{path} is of no kind that is read here: {kinds}")


def row_of(place: str, done: int, cells: Mapping[str, Any], columns: Columns) -> SourceRow:
    """Make an exemplar of a row's cells: id, label, text, vector or item; the rest is payload.

    Where there is an item beside a vector, the vector is its embedding, and it is kept.
    """
    own = (
        columns.id,
        columns.label,
        columns.text,
        columns.vector,
        columns.image,
        columns.audio,
        columns.name,
    )
    cells = {name: value for name, value in cells.items() if value is not None or name not in own}
    item, vector, used = _content(cells, columns)
    if not used:
        return SourceRow(place, done, None, f"no {columns.text!r}: the cell is empty or missing")
    for name in (columns.id, columns.label):
        if isinstance(cells.get(name), bool | list | dict):
            return SourceRow(place, done, None, f"{name!r} is neither a string nor a number")
    label = cells.get(columns.label)
    used |= {columns.id, columns.label}
    payload = {name: value for name, value in cells.items() if name not in used}
    is_told = isinstance(cells.get("payload"), dict)
    if is_told:
        payload |= payload.pop("payload")
    exemplar: dict[str, Any] = {
        "label": None if label is None else str(label),
        "item": item,
        "payload": payload if payload or is_told else None,
        "id": str(cells[columns.id]) if columns.id in cells else None,
    }
    if item is not None or payload or exemplar["id"] is None:
        try:
            exemplar = _as_json(exemplar, vector)
        except ItemUndecodable as error:
            return SourceRow(place, done, None, str(error))
        except (ValueError, TypeError, RecursionError) as error:  # NaN, surrogates, bytes, too deep
            return SourceRow(place, done, None, f"cannot be written as JSON: {error}")
    if vector is None:
        return SourceRow(place, done, exemplar)
    kept, exemplar["item"] = exemplar["item"], {"vector": _listed(vector)}
    return SourceRow(place, done, exemplar, kept={"text": kept} if isinstance(kept, str) else kept)


def _content(cells: Mapping[str, Any], columns: Columns) -> tuple[Any, Any, set[str]]:
    """Find what a row is about: its item, its vector, and the columns that these stand in."""
    item, vector = cells.get("item"), cells.get(columns.vector)
    if isinstance(item, dict | str):
        return item, vector, {"item", columns.vector}
    if vector is not None:
        return None, vector, {columns.vector}
    item, used = _item(cells, columns)
    return item, None, used


def _item(cells: Mapping[str, Any], columns: Columns) -> tuple[Any, set[str]]:
    """Make an item of what a row has, and tell the columns that it stands in; or none."""
    if columns.name is not None:
        return _record(cells, columns, columns.name)
    if columns.text in cells:
        return {"text": cells[columns.text]}, {columns.text}
    if columns.image in cells:
        picture = {"image": _file(cells[columns.image])}
        reads = cells.get(columns.reads)
        return picture | ({"reads": reads} if reads else {}), {columns.image, columns.reads}
    if columns.audio in cells:
        return {"audio": _file(cells[columns.audio])}, {columns.audio}
    return None, set()


def _record(cells: Mapping[str, Any], columns: Columns, name: str) -> tuple[Any, set[str]]:
    """Make a record of what a row has of a name and a picture; nothing is used where neither."""
    record = {"name": cells[name]} if name in cells else {}
    if columns.image in cells:
        record["image"] = _file(cells[columns.image])
    return {"record": record}, {name, columns.image} if record else set()


def _file(cell: Any) -> Any:
    """Write a file's bytes as base64, also those that stand beside a path; others stay."""
    if isinstance(cell, dict):
        cell = cell["path"] if cell.get("bytes") is None else cell["bytes"]
    return base64.b64encode(cell).decode() if isinstance(cell, bytes) else cell


def _as_json(exemplar: dict[str, Any], vector: Any) -> dict[str, Any]:
    """Return an exemplar as the service will read it; one without an id gets its content's.

    Raises:
        ValueError, TypeError, RecursionError: it cannot be written as JSON, or is too large.
        ItemUndecodable: it is named by its vector, which is none.
    """
    exemplar, kind, content = _without_file(exemplar)
    spoken = _WRITER.encode(exemplar).encode()
    if len(spoken) + len(content) > ROW_BYTES_MAX:
        raise ValueError(f"it has more than {ROW_BYTES_MAX} bytes; split it, or make it smaller")
    # It will be sent: 400 digits are no number there.
    read: dict[str, Any] = orjson.loads(spoken)
    orjson.dumps(read)
    if read["id"] is None:  # the same content again is the same row
        hashed = hashlib.blake2b(spoken, digest_size=16)
        if vector is not None:
            hashed.update(parse_vector(_listed(vector)).tobytes())
        read["id"] = hashed.hexdigest()
    if content:
        read["item"][kind] = content
    return read


def _without_file(exemplar: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
    """Set a file aside that needs no look: base64 is what it is, and long to read and write.

    What has no id is named by all of its content, and keeps it.
    """
    item = exemplar["item"]
    for kind in FILED if isinstance(item, dict) and exemplar["id"] is not None else ():
        content = item.get(kind)
        if isinstance(content, str) and content.isascii():
            return exemplar | {"item": item | {kind: ""}}, kind, content
    return exemplar, "", ""


def _listed(vector: Any) -> Any:
    """Read a vector that is written as a JSON list; others stay what they are."""
    if isinstance(vector, str) and vector.lstrip().startswith("["):
        try:
            return orjson.loads(vector)
        except ValueError:
            return vector  # the service says what is wrong with it
    return vector


def _plain(value: object) -> object:
    """Write what Parquet holds and JSON does not: dates, decimals, bytes."""
    if isinstance(value, bytes):
        raise TypeError("bytes have no place in JSON")
    return str(value)


# One for all: `json.dumps` with options would make a new one for each row.
_WRITER = json.JSONEncoder(sort_keys=True, allow_nan=False, default=_plain)


def check_columns(names: list[str], columns: Columns, path: Path) -> None:
    """Refuse a table that repeats a column or has nothing to embed.

    Raises:
        SourceInvalid: naming the columns.
    """
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceInvalid(f"{path} has two columns {', '.join(map(repr, twice))}: rename one")
    if columns.name is not None and columns.name not in names:
        raise SourceInvalid(f"{path} has no column {columns.name!r}; it has {', '.join(names)}")
    held = {columns.text, columns.vector, columns.image, columns.audio, columns.name, "item"}
    if not held & set(names):
        raise SourceInvalid(
            f"{path} has no column {columns.text!r} (nor {columns.vector!r}, {columns.image!r}, "
            f"{columns.audio!r}); "
            f"it has {', '.join(names) or 'none'}: name one with --text-column or --image-column"
        )


def filed(name: str) -> str | None:
    """Tell by its name what kind of item a whole file is: `image`, `audio`, or neither."""
    lower = name.lower()
    return "image" if lower.endswith(PICTURES) else "audio" if lower.endswith(SOUNDS) else None


def is_utf8(value: str) -> bool:
    """Tell whether a string read with `surrogateescape` was UTF-8 on disk."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
