"""The two sides of a link over the wire: records that are sent, or a gallery by its name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from index.exemplar import StoredExemplar
from index.gallery import Gallery
from index.hits import Hit
from index.linking.pairs import Pairs
from index.vectors import Rows
from models.texts.characters import romanised
from service.errors import RequestInvalid
from service.records.explain import cut
from service.records.pooling import Part, Pooled, Thing
from service.records.schema import FIELDS_MAX, Field, Schema
from service.records.tables import Table
from service.settings import Settings

PAGE_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Failed:
    """A record, or one field of it, that could not be read; it counts as missing."""

    side: str
    position: int
    field: str | None
    message: str


@dataclass(frozen=True, slots=True)
class Records:
    """Records that were sent, as a table."""

    table: Table
    pooled: Pooled

    def name(self, record: int) -> int | str:
        """Name a record: by its position."""
        return record

    def cell(self, record: int, field: str) -> Any:
        """Return a cell as it can be shown."""
        return cut(self.table.columns[field][record]) if field in self.table.columns else None


@dataclass(frozen=True, slots=True)
class Exemplars:
    """Exemplars of a gallery, with what each says in words."""

    ids: Sequence[str]
    texts: Sequence[str | None]
    pooled: Pooled

    def name(self, record: int) -> int | str:
        """Name an exemplar: by its id."""
        return self.ids[record]

    def cell(self, record: int, field: str) -> Any:
        """Return what an exemplar says; of fields it knows nothing."""
        return cut(self.texts[record])


def table_of(
    records: Sequence[object],
    side: str,
    settings: Settings,
    fields: Sequence[str] | None,
    failed: list[Failed],
) -> Table:
    """Make a table of records as the wire has them; what cannot be is told and missing.

    Args:
        side: `left` or `right`, for messages.
        fields: those that are compared; None takes all there are.

    Raises:
        RequestInvalid: too many records, or too many different fields.
    """
    limit = settings.link_records_max
    if not 1 <= len(records) <= limit:
        raise RequestInvalid(
            f"{side} has {len(records)} records; send 1 to {limit} (SEMBLANCE_LINK_RECORDS_MAX), "
            "or use the command line, which takes tables of any length",
            param=side,
        )
    names = dict.fromkeys(fields or ())
    for one in records if fields is None else ():
        names |= dict.fromkeys(one if isinstance(one, Mapping) else ())
        if len(names) > FIELDS_MAX:
            raise RequestInvalid(
                f"the records of {side} have more than {FIELDS_MAX} different fields: name those "
                "to compare by in `fields`",
                param=side,
            )
    columns: dict[str, list[Any]] = {name: [None] * len(records) for name in names}
    for position, one in enumerate(records):
        if not isinstance(one, Mapping):
            failed.append(Failed(side, position, None, "the record is no object"))
            continue
        for name in names:
            cell = one.get(name)
            why = _wrong(cell, settings)
            if why is None:
                columns[name][position] = cell
            else:
                failed.append(Failed(side, position, name, why))
    return Table(side, columns, range(len(records)))


def _wrong(cell: object, settings: Settings) -> str | None:
    """Tell why a cell cannot stand; a longer text may be the base64 of a picture."""
    if isinstance(cell, Mapping):
        return "an object; send a text, a number, base64, or a list of numbers"
    size = len(cell) if isinstance(cell, str) else 0
    if size > settings.item_bytes_max:
        limit = settings.item_bytes_max
        return f"{size} characters; the limit is {limit} (SEMBLANCE_ITEM_BYTES_MAX)"
    return None


def too_long(table: Table, schema: Schema, settings: Settings, failed: list[Failed]) -> None:
    """Empty the cells of texts and numbers that are too long, and tell them."""
    limit = settings.cell_characters_max
    for field in schema.fields:
        if field.kind in ("image", "vector"):
            continue
        cells = table.columns.get(field.name, [])
        for row, cell in enumerate(cells):
            if isinstance(cell, str) and len(cell) > limit:
                words = f"{len(cell)} characters; the limit is {limit}"
                words += " (SEMBLANCE_CELL_CHARACTERS_MAX)"
                failed.append(Failed(table.name, row, field.name, words))
                cells[row] = None


def exemplars_of(gallery: Gallery, schema: Schema, side: str, settings: Settings) -> Exemplars:
    """Read all exemplars of a gallery.

    Raises:
        RequestInvalid: it has more than one side may have.
    """
    limit = settings.link_records_max
    if not 1 <= gallery.count <= limit:
        raise RequestInvalid(
            f"gallery {gallery.name!r} has {gallery.count} exemplars; {side} may have 1 to {limit} "
            "(SEMBLANCE_LINK_RECORDS_MAX): send it as `right`, which may have any number",
            param=side,
        )
    kept: list[StoredExemplar] = []
    after: str | None = None
    while True:
        page, after = gallery.page(after=after, limit=PAGE_ROWS, with_vector=True)
        kept += page
        if after is None:
            break
    rows = np.stack([one.vector for one in kept if one.vector is not None])
    return _exemplars([one.id for one in kept], rows, [said(one.item) for one in kept], schema)


def found_of(
    gallery: Gallery, hits: Sequence[Sequence[Hit]], schema: Schema
) -> tuple[Exemplars, Pairs]:
    """Make a side of the exemplars that were found, and the pairs of who found which.

    Args:
        hits: of each left record, with their vectors.
    """
    known: dict[str, int] = {}
    rows: list[Rows] = []
    left: list[int] = []
    right: list[int] = []
    for record, some in enumerate(hits):
        for hit in some:
            place = known.setdefault(hit.id, len(known))
            if place == len(rows):
                assert hit.vector is not None
                rows.append(hit.vector)
            left.append(record)
            right.append(place)
    ids = list(known)
    texts = [said(gallery.read(one).item) for one in ids]
    stacked = np.stack(rows) if rows else np.zeros((0, gallery.dim), np.float32)
    pairs = Pairs.of(left, right, np.zeros(len(left)))
    return _exemplars(ids, stacked, texts, schema), pairs


def said(item: Mapping[str, Any] | None) -> str | None:
    """Return what an exemplar's item says in words, where it is kept.

    >>> said({"text": "Acme"}), said({"record": {"name": "Acme", "image": ""}}), said(None)
    ('Acme', 'Acme', None)
    """
    if item is None:
        return None
    record = item.get("record")
    parts = record.values() if isinstance(record, Mapping) else ()
    if isinstance(record, Mapping) and isinstance(record.get("name"), str):
        return str(record["name"])
    for one in (item, *(part for part in parts if isinstance(part, Mapping))):
        if isinstance(one.get("text"), str):
            return str(one["text"])
    return None


def _exemplars(
    ids: Sequence[str], rows: Rows, texts: Sequence[str | None], schema: Schema
) -> Exemplars:
    (fields,) = schema.things
    first = Field(fields[0].name, fields[0].kind, fields[0].weight, fields[0].encoder)
    at = np.arange(len(ids))
    seen = [None if text is None else romanised(text) for text in texts]
    part = Part(first, rows, at, seen)
    thing = Thing(first.name, first.weight, None, (part,), rows, at)
    return Exemplars(ids, texts, Pooled(len(ids), schema, (thing,)))
