"""Exemplars as they are enrolled and as they are read back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from index.bags import packed, spoken
from index.errors import RowsInvalid
from index.vectors import Rows, unit_rows

NAME_BYTES_MAX = 512  # of an id and of a label
PAYLOAD_BYTES_MAX = 262_144
PAYLOAD_DEPTH_MAX = 64

# One for all: `json.dumps` with options would make a new one each time.
_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class Written(str):
    """An item as JSON, as :func:`payload_json` wrote it: in another process, to save time here."""

    __slots__ = ()


Kept = Mapping[str, Any] | Written
"""The item of an exemplar, kept so that it can be embedded again."""


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One embedding (d,) under an id, with what the caller wants back.

    `item` is the source as JSON, kept for embedding it again; `digest` is the caller's hash of
    the content.
    """

    id: str
    vector: Rows
    label: str | None = None
    payload: Mapping[str, Any] | None = None
    item: Kept | None = None
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredExemplar:
    """An exemplar as it stands; `row` is its durable number, `digest` is hexadecimal."""

    row: int
    id: str
    label: str | None
    payload: dict[str, Any] | None
    item: dict[str, Any] | None
    digest: str
    seq: int
    vector: Rows | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """An exemplar checked and written out for the store."""

    id: str
    label: str | None
    payload: str | None
    item: str | None
    digest: bytes
    vector: bytes
    words: bytes | None = None


def entries(exemplars: Sequence[Exemplar], rows: Rows, *, worded: bool = False) -> list[Entry]:
    """Write exemplars out, with their unit rows (n, d), and their words where they are `worded`.

    Raises: RowsInvalid, naming the position of the first one refused.
    """
    seen: set[str] = set()
    made = []
    for position, (one, row) in enumerate(zip(exemplars, rows, strict=True)):
        where = f"exemplars[{position}]"
        check_name(one.id, f"{where}.id")
        if one.id in seen:
            raise RowsInvalid(f"{where}.id {one.id!r} is there twice: send an id once per call")
        seen.add(one.id)
        if one.label is not None:
            check_name(one.label, f"{where}.label")
        payload = payload_json(one.payload, f"{where}.payload")
        size = len(payload.encode()) if payload else 0
        if size > PAYLOAD_BYTES_MAX:
            raise RowsInvalid(f"{where}.payload has {size} bytes: {PAYLOAD_BYTES_MAX} are allowed")
        item = written(one.item, f"{where}.item")
        words = packed(spoken(read_kept(one.item), one.label)) if worded else None
        made.append(Entry(one.id, one.label, payload, item, one.digest, row.tobytes(), words))
    return made


def rows_of(exemplars: Sequence[Exemplar], dim: int) -> Rows:
    """Return the vectors of exemplars as unit rows (n, dim).

    Raises: RowsInvalid, naming the position of the first one refused.
    """
    for position, one in enumerate(exemplars):
        if np.shape(one.vector) != (dim,):
            raise RowsInvalid(
                f"exemplars[{position}].vector has shape {np.shape(one.vector)}: "
                f"this gallery holds ({dim},)"
            )
    return unit_rows([one.vector for one in exemplars], dim)


def check_name(name: object, where: str) -> None:
    """Refuse an id or a label that is not a string of 1 to 512 bytes.

    Raises: RowsInvalid.
    """
    if not isinstance(name, str):
        raise RowsInvalid(f"{where} is not a string")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise RowsInvalid(f"{where} is not valid Unicode: it holds half a surrogate pair") from None
    if not 1 <= size <= NAME_BYTES_MAX:
        raise RowsInvalid(f"{where} has {size} bytes: 1 to {NAME_BYTES_MAX} are allowed")


def is_name(name: object) -> bool:
    """Return whether an exemplar can stand under this id at all."""
    try:
        check_name(name, "id")
    except RowsInvalid:
        return False
    return True


def written(kept: Kept | None, where: str) -> Written | None:
    """Write an item out, where it is not.

    Raises: RowsInvalid, for what is not JSON or nested too deep.
    """
    if kept is None or isinstance(kept, Written):
        return kept
    return Written(payload_json(kept, where))


def read_kept(kept: Kept | None) -> Mapping[str, Any] | None:
    """Read an item that was kept, where it is written out."""
    if isinstance(kept, Written):
        found: dict[str, Any] = json.loads(kept)
        return found
    return kept


def payload_json(payload: Mapping[str, Any] | None, where: str) -> str | None:
    """Write a payload, or an item, as JSON.

    Raises: RowsInvalid, for what is not JSON or nested too deep.
    """
    text = _json(payload, where)
    if text is None:
        return None
    # Counting brackets bounds the depth at no cost; only the suspicious are walked.
    suspicious = text.count("{") + text.count("[") > PAYLOAD_DEPTH_MAX
    if suspicious and _deeper(payload, PAYLOAD_DEPTH_MAX):
        raise RowsInvalid(f"{where} is nested deeper than {PAYLOAD_DEPTH_MAX}: flatten it")
    return text


def _json(value: Mapping[str, Any] | None, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise RowsInvalid(f"{where} is not an object")
    try:
        text = _WRITER.encode(value)
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RowsInvalid(f"{where} is not JSON: {error}") from None
    return text


def _deeper(value: Any, levels: int) -> bool:
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return False
    return levels == 0 or any(_deeper(one, levels - 1) for one in value)
