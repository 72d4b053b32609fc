"""Records to rows: each field's part, the pooled row of each thing, and one unit row of it all.

Of a thing that several fields show, the parts that a record has are summed with their weights and
brought to unit length (CLIPPINGS: Abramitzky, Arora and others, "Linking Representations with
Multimodal Contrastive Learning", 2023); what is missing is left out. The one row of a record has a
block for each space: in it the rows of its things, each times the root of the thing's weight, are
summed; numbers and dates are blocks of their own. So where no two things lie in one space, and
nothing is missing, the inner product of two records is the weighted mean of their things' scores.
"""

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from index.hits import Positions
from index.vectors import Rows
from models.texts.characters import romanised
from service.errors import SchemaInvalid
from service.records.inference import is_empty
from service.records.schema import Field, Schema
from service.records.tables import Table
from service.records.values import (
    Values,
    day_of,
    features,
    is_month_first,
    number_of,
)

Update = Callable[[int], None]
Reasons = dict[int, str]
Picture = Callable[[object], str]
SLICE_ROWS = 1 << 16


def unseen(_: int) -> None:
    """Tell nobody how much is done."""


class Encoders(Protocol):
    """What embeds items by the names of encoders: a shelf of them, or a server."""

    async def space(self, encoder: str) -> tuple[str, int]:
        """Return the space of an encoder's rows, and their dimension.

        Raises:
            SchemaInvalid: there is no such encoder.
        """
        ...

    async def rows(
        self, encoder: str, items: Sequence[object], update: Update
    ) -> tuple[Rows, Reasons]:
        """Embed items as the wire has them.

        Args:
            update: is told how many more are done.

        Returns:
            Unit rows (n, d), zeros where an item cannot be embedded; and why not, by its place.
        """
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """One embedded field of all records.

    Args:
        rows: unit rows (u, d) of the different values.
        at: which of them each record has (n,); -1 where it has none.
        texts: of the different values, as string distances see them, None where there is none; and
            None of pictures, vectors.
    """

    field: Field
    rows: Rows
    at: Positions
    texts: Sequence[str | None] | None = None


@dataclass(frozen=True, slots=True)
class Thing:
    """What records are compared by: rows of one space, or values.

    Args:
        weight: of its first field.
        space: of its rows; None of values.
        parts: of its fields; none of values.
        rows: pooled unit rows (u, d).
        at: which of them each record has (n,); -1 where it has none.
        values: numbers, or days (n,).
    """

    name: str
    weight: float
    space: str | None
    parts: tuple[Part, ...]
    rows: Rows
    at: Positions
    values: Values | None = None
    scale: float = 1.0

    @property
    def is_there(self) -> NDArray[np.bool_]:
        """Which records have it (n,)."""
        return ~np.isnan(self.values) if self.values is not None else self.at >= 0

    def part(self, field: str) -> Part | None:
        """Return the part of a field; None where there is none."""
        return next((part for part in self.parts if part.field.name == field), None)

    def row_of(self, records: Positions) -> Rows:
        """Return the rows (m, d) of some records; zeros where one has none."""
        if self.values is not None:
            return features(self.values[records], self.scale)
        at = self.at[records]
        if not len(self.rows):
            return np.zeros((len(at), self.rows.shape[1]), np.float32)
        found = self.rows[np.maximum(at, 0)]
        found[at < 0] = 0.0
        return found


@dataclass(slots=True)
class Pooled:
    """All records of a table, ready to be compared.

    Args:
        n: records.
        wrong: cells that could not be read or embedded, by record and column, with the reason;
            they count as missing.
    """

    n: int
    schema: Schema
    things: tuple[Thing, ...]
    wrong: dict[tuple[int, str], str] = field(default_factory=dict)

    def rows(self) -> tuple[Rows, Positions]:
        """Return the unit rows (m, d) of the records that have anything, and which those are (m,).

        Raises:
            SchemaInvalid: the blocks together have more columns than a row may.
        """
        there = np.zeros(self.n, np.bool_)
        for thing in self.things:
            there |= thing.is_there
        records = np.flatnonzero(there)
        starts: dict[str, int] = {}
        width = 0
        for number, thing in enumerate(self.things):
            space = thing.space or f"value {number}"
            if space not in starts:
                starts[space] = width
                width += thing.row_of(records[:0]).shape[1]
        rows = np.zeros((len(records), width), np.float32)
        for start in range(0, len(records), SLICE_ROWS):
            some = slice(start, start + SLICE_ROWS)
            for number, thing in enumerate(self.things):
                first = starts[thing.space or f"value {number}"]
                block = thing.row_of(records[some])
                rows[some, first : first + block.shape[1]] += math.sqrt(thing.weight) * block
            # Rows of one space that cancel each other out have no direction.
            rows[some] /= np.maximum(np.linalg.norm(rows[some], axis=1, keepdims=True), 1e-12)
        return rows, records


async def pooled(
    table: Table,
    schema: Schema,
    encoders: Encoders,
    *,
    picture: Picture | None = None,
    update: Update = unseen,
) -> Pooled:
    """Embed the records of a table; each different value once.

    Args:
        schema: with the scales of its numbers and dates.
        picture: returns a cell of a picture as base64, or raises ValueError; None takes cells as
            they are.
        update: is told how many more values are done.

    Raises:
        SchemaInvalid: an encoder is missing, or two fields of one thing lie in two
            spaces.
    """
    wrong: dict[tuple[int, str], str] = {}
    things = []
    for fields in schema.things:
        first = fields[0]
        if first.kind in ("number", "date"):
            things.append(_measured(table, first, wrong))
            continue
        parts: list[Part] = []
        spaces: set[str] = set()
        for one in fields:
            if one.kind == "vector":
                part, space = _given(table, one, wrong), f"vector {one.name}"
            else:
                part, space = await _embedded(table, one, encoders, picture, wrong, update)
            parts.append(part)
            spaces.add(space)
        if len(spaces) > 1:
            raise SchemaInvalid(
                f"fields {', '.join(one.name for one in fields)} lie in the spaces "
                f"{', '.join(sorted(spaces))} and cannot be pooled; name encoders of one space, or "
                "leave `of` out",
                param="fields",
            )
        things.append(_pooled(len(table), tuple(parts), spaces.pop()))
    return Pooled(len(table), schema, tuple(things), wrong)


def _pooled(n: int, parts: tuple[Part, ...], space: str) -> Thing:
    """Sum the parts that each record has, with their weights, to unit length."""
    first = parts[0]
    told = first.field.name, first.field.weight, space, parts
    if len(parts) == 1:
        return Thing(*told, first.rows, first.at)
    summed = np.zeros((n, first.rows.shape[1]), np.float32)
    for part in parts:
        there = np.flatnonzero(part.at >= 0)
        summed[there] += part.field.weight * part.rows[part.at[there]]
    norms = np.linalg.norm(summed, axis=1)
    there = np.flatnonzero(norms > 0)
    at = np.full(n, -1, np.int64)
    at[there] = np.arange(len(there))
    return Thing(*told, summed[there] / norms[there, np.newaxis], at)


def _measured(table: Table, one: Field, wrong: dict[tuple[int, str], str]) -> Thing:
    cells = _cells(table, one)
    read = number_of if one.kind == "number" else partial(day_of, month_first=is_month_first(cells))
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_empty(cell):
            continue
        value = read(cell)
        if value is None:
            wrong[row, one.name] = f"{str(cell)[:80]!r} is no {one.kind}"
        else:
            values[row] = value
    nothing = np.zeros((0, features(values[:0], 1.0).shape[1]), np.float32)
    at = np.full(len(cells), -1, np.int64)
    return Thing(one.name, one.weight, None, (), nothing, at, values, one.scale or 1.0)


def _given(table: Table, one: Field, wrong: dict[tuple[int, str], str]) -> Part:
    """Take vectors that were made elsewhere; the first one tells how many numbers they have."""
    rows: list[NDArray[np.float32]] = []
    at = np.full(len(table), -1, np.int64)
    dim = 0
    for row, cell in enumerate(_cells(table, one)):
        if is_empty(cell):
            continue
        try:
            vector = np.asarray(cell, np.float32)
            norm = float(np.linalg.norm(vector))
        except (ValueError, TypeError):
            vector, norm = np.zeros(0, np.float32), math.nan
        dim = dim or vector.size
        if vector.ndim != 1 or vector.size != dim or not 0 < norm < math.inf:
            wrong[row, one.name] = f"no vector of {dim} finite numbers, not all of them zero"
            continue
        at[row] = len(rows)
        rows.append(vector / norm)
    stacked = np.stack(rows) if rows else np.zeros((0, max(dim, 1)), np.float32)
    return Part(one, stacked, at)


async def _embedded(
    table: Table,
    one: Field,
    encoders: Encoders,
    picture: Picture | None,
    wrong: dict[tuple[int, str], str],
    update: Update,
) -> tuple[Part, str]:
    """Embed the different values of a field, in slices, those of like length together."""
    encoder = str(one.embedded_by)
    space, dim = await encoders.space(encoder)
    is_picture = one.kind == "image"
    at = np.full(len(table), -1, np.int64)
    places: dict[Hashable, int] = {}
    values: list[Any] = []
    for row, cell in enumerate(_cells(table, one)):
        if is_empty(cell):
            continue
        value = cell if is_picture else str(cell).strip()
        key = value if isinstance(value, Hashable) else repr(value)
        place = places.setdefault(key, len(values))
        if place == len(values):
            values.append(value)
        at[row] = place
    update(len(table) - len(values))  # what is missing, or the same as another
    make = partial(_picture_item, picture) if is_picture else _text_item
    rows, reasons = await _rows(encoders, encoder, values, make, dim, update)
    for row in np.flatnonzero(at >= 0).tolist():
        if (reason := reasons.get(int(at[row]))) is not None:
            wrong[row, one.name] = reason
            at[row] = -1
    texts = None if is_picture else [romanised(value) for value in values]
    return Part(one, rows, at, texts), space


async def _rows(
    encoders: Encoders,
    encoder: str,
    values: Sequence[Any],
    make: Callable[[Any], dict[str, object]],
    dim: int,
    update: Update,
) -> tuple[Rows, Reasons]:
    rows = np.zeros((len(values), dim), np.float32)
    reasons: Reasons = {}
    order = sorted(range(len(values)), key=lambda place: _length(values[place]))
    for start in range(0, len(order), SLICE_ROWS):
        places: list[int] = []
        items: list[object] = []
        for place in order[start : start + SLICE_ROWS]:
            try:
                items.append(make(values[place]))
            except (ValueError, OSError) as error:
                reasons[place] = str(error)
                update(1)
            else:
                places.append(place)
        made, failed = await encoders.rows(encoder, items, update)
        rows[places] = made
        reasons |= {places[at]: reason for at, reason in failed.items()}
    return rows, reasons


def _cells(table: Table, one: Field) -> list[Any]:
    """Return the cells of a field; where a table has it not, all are missing."""
    return table.columns.get(one.name) or [None] * len(table)


def _length(value: object) -> int:
    return len(value) if isinstance(value, str | bytes) else 0


def _text_item(value: Any) -> dict[str, object]:
    return {"text": value}


def _picture_item(picture: Picture | None, value: Any) -> dict[str, object]:
    if picture is not None:
        return {"image": picture(value)}
    if not isinstance(value, str):
        raise ValueError("a picture is base64, or a data: URI")
    return {"image": value}
