"""Exemplars that are well formed, before their rows are known; no encoder is needed for it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from index.errors import RowsInvalid
from index.exemplar import Kept, check_name, payload_json
from index.parts import part_id
from index.vectors import unit_rows
from models.errors import ItemTooLarge
from models.modality import Item
from service.intake import Parsed, Vector, parse_item

LAST_WINDOW = 86_398.125, 86_399.125  # whose id is as long as any


@dataclass(frozen=True, slots=True)
class Fit:
    """What candidates must fit: the gallery's dimension, the bytes of an item, of a payload."""

    dim: int
    item_bytes_max: int
    payload_bytes_max: int


@dataclass(slots=True)
class Candidate:
    """An exemplar that is well formed; its vector is a unit row once it was :func:`gated`."""

    position: int
    id: str
    label: str | None
    payload: dict[str, Any] | None
    item: Parsed
    kept: Kept | None  # the item as it came, kept so that it can be embedded again
    digest: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """An exemplar that was not enrolled."""

    position: int
    id: str | None
    code: str
    message: str


def candidate_of(position: int, exemplar: dict[str, Any], fit: Fit) -> Candidate:
    """Make a candidate of an exemplar of the right form: id, label, item and payload.

    Raises:
        InputError: the item is none, of no kind that is served, or too large.
        RowsInvalid: id, label or payload cannot stand.
    """
    one, label, payload = exemplar["id"], exemplar["label"], exemplar["payload"]
    check_name(one, "id")
    if label is not None:
        check_name(label, "label")
    if payload is not None:
        size = len((payload_json(payload, "payload") or "").encode())
        if size > fit.payload_bytes_max:
            raise ItemTooLarge(
                f"payload has {size} bytes as JSON; the limit is {fit.payload_bytes_max} "
                "(SEMBLANCE_PAYLOAD_BYTES_MAX)"
            )
    given = exemplar["item"]
    item = parse_item(given, fit.item_bytes_max)
    if isinstance(item, Item) and item.cut is not None:
        check_name(part_id(one, *LAST_WINDOW), "id, with the seconds of a window behind it,")
    if isinstance(item, Vector):
        kept, digest = None, digest_of(label, payload, vector=item)
    else:
        kept = {"text": given} if isinstance(given, str) else given
        digest = digest_of(label, payload, item=given)
    return Candidate(position, one, label, payload, item, kept, digest)


def gated(candidates: Sequence[Candidate], dim: int) -> list[tuple[Candidate, RowsInvalid | None]]:
    """Pass the vectors through the index's gate, and say what is wrong with those that do not."""
    carried = [(one, one.item) for one in candidates if isinstance(one.item, Vector)]
    wrong: dict[int, RowsInvalid] = {}
    try:
        rows = unit_rows(np.stack([vector.row for _, vector in carried]), dim) if carried else ()
    except (RowsInvalid, ValueError):  # at least one is at fault: each by itself
        for one, vector in carried:
            try:
                one.item = Vector(unit_row(vector.row, dim))
            except RowsInvalid as error:
                wrong[one.position] = error
    else:
        for (one, _), row in zip(carried, rows, strict=True):
            one.item = Vector(row)
    return [(one, wrong.get(one.position)) for one in candidates]


def unit_row(vector: NDArray[np.float32], dim: int) -> NDArray[np.float32]:
    """Pass one vector through the index's gate.

    Raises:
        RowsInvalid: it is not of this dimension, not finite, or zero.
    """
    if vector.shape != (dim,):
        raise RowsInvalid(f"the vector has {vector.size} numbers; the space has {dim}")
    try:
        row: NDArray[np.float32] = unit_rows(vector[np.newaxis], dim)[0]
    except RowsInvalid as error:
        raise RowsInvalid(str(error).replace("vectors[0]", "the vector")) from None
    return row


def digest_of(
    label: str | None,
    payload: dict[str, Any] | None,
    *,
    item: object = None,
    vector: Vector | None = None,
) -> bytes:
    """Hash what an exemplar says, so that saying it again costs nothing."""
    hashed = hashlib.blake2b(digest_size=16)
    spoken: list[object] = [label, payload]
    if vector is not None:
        hashed.update(vector.row.tobytes())
    if item is not None:
        spoken.append(item)
    hashed.update(orjson.dumps(spoken, option=orjson.OPT_SORT_KEYS))
    return hashed.digest()
