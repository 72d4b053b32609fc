"""From items and vectors of a request to the unit rows that a gallery is asked with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from index.errors import RowsInvalid, SpaceMismatch
from models.errors import InputError
from models.modality import Item, Role
from service.asking import Asking
from service.candidates import unit_row
from service.embedder import Embedder, ItemFailed
from service.intake import Vector, parse_item
from service.record import Record
from service.shelf import Model
from service.threads import off_loop

INLINE_ITEMS = 16  # parsed and passed through the gate in half a millisecond
INLINE_CHARACTERS = 256 << 10  # decoded from base64 in as much
P = TypeVar("P")
Row: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QueryRows:
    """Unit rows ``(n, dim)`` and the positions of the items that were cut short.

    Args:
        texts: what each says in words; None of a vector, a picture, token ids.
    """

    rows: NDArray[np.float32]
    truncated: list[int]
    texts: list[str | None]


@dataclass(frozen=True, slots=True)
class Space:
    """What rows must fit: a space, its dimension, and whose it is for messages."""

    space: str
    dim: int
    gallery: str


def parse_all(
    values: Sequence[object], places: Sequence[str], parse: Callable[[object], P]
) -> list[P]:
    """Parse items that stand or fall together, each as ``parse`` does.

    Raises:
        ItemFailed: naming the first bad one.
    """
    parsed = []
    for place, value in zip(places, values, strict=True):
        try:
            parsed.append(parse(value))
        except (InputError, RowsInvalid) as error:
            raise ItemFailed(place, error) from error
    return parsed


def is_long(values: Sequence[object]) -> bool:
    """Tell that items hold so much base64 that others would have to wait for its decoding."""
    return sum(map(_characters, values)) > INLINE_CHARACTERS


def _characters(value: object, depth: int = 3) -> int:
    """Count the characters of an object's strings, and of those of a record's parts."""
    if isinstance(value, str):
        return len(value) if depth < 3 else 0  # a bare string is no base64
    if not isinstance(value, dict) or not depth:
        return 0
    return sum(_characters(content, depth - 1) for content in value.values())


def parse_askable(value: object, dim: int, bytes_max: int) -> Item | Record | Row:
    """Parse what a gallery can be asked with: an item, or a vector that passes the index's gate.

    Raises:
        InputError: it is no item.
        RowsInvalid: the vector is not of this dimension, not finite, or zero.
    """
    one = parse_item(value, bytes_max)
    return unit_row(one.row, dim) if isinstance(one, Vector) else one


async def rows_of(
    values: Sequence[object],
    space: Space,
    embedder: Embedder,
    asking: Asking,
    *,
    places: Sequence[str],
    item_bytes_max: int,
    role: Role | None,
    model: Model | None = None,
) -> QueryRows:
    """Make unit rows: vectors pass the gate, items are embedded by the space's encoder.

    Raises:
        ItemFailed: naming the item that cannot become a row.
        SpaceMismatch: there are items, and no loaded encoder makes rows of the space.
    """
    values = await embedder.fetched(values)
    parse_one = partial(parse_askable, dim=space.dim, bytes_max=item_bytes_max)
    parse = partial(parse_all, values, places, parse_one)
    parsed = await off_loop(parse, long=len(values) > INLINE_ITEMS or is_long(values))
    rows = np.empty((len(parsed), space.dim), np.float32)
    items: list[Item | Record] = []
    at: list[int] = []
    for position, one in enumerate(parsed):
        if isinstance(one, Item | Record):
            items.append(one)
            at.append(position)
        else:
            rows[position] = one
    texts = [_text(one) for one in parsed]
    if not items:
        return QueryRows(rows, [], texts)
    model = model or embedder.shelf.of_gallery(space.space, gallery=space.gallery)
    names = [places[position] for position in at]
    made = await embedder.embed(model, items, asking, places=names, role=role)
    rows[at] = made.rows
    return QueryRows(rows, [at[position] for position in made.truncated], texts)


def _text(one: Item | Record | Row) -> str | None:
    if isinstance(one, Record):
        texts = [part.item.content for part in one.parts if isinstance(part.item.content, str)]
        return " ".join(texts) or None
    content = one.content if isinstance(one, Item) else None
    return content if isinstance(content, str) else None


def check_space(claimed: str | None, space: Space) -> None:
    """Refuse a caller who believes to speak of another space.

    Raises:
        SpaceMismatch: naming both.
    """
    if claimed is not None and claimed != space.space:
        raise SpaceMismatch(
            f"the request is for space {claimed!r}, but gallery {space.gallery!r} "
            f"holds space {space.space!r}"
        )
