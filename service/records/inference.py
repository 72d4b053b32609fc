"""The schema of two tables, or of one, found out from what their columns hold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from service.errors import SchemaInvalid
from service.records.schema import Field, Kind, Schema
from service.records.tables import Table
from service.records.values import day_of, is_month_first, number_of, usual_scale
from service.source import PICTURES

SAMPLE = 2000  # cells of a column of each table that are looked at
SURE = 0.95  # of them, that must be of a kind
TEXT_CHARACTERS, TEXT_WORDS = 80, 12  # of a cell on average, beyond which it is no name
DIGITS_MAX = 8  # of a whole number; one of more is a code or a phone number, told by its letters
SCALE_LEAST = 1e-9
DAYS_LEAST = 1.0


@dataclass(frozen=True, slots=True)
class Inferred:
    """A schema, and what is to be said of how it came about."""

    schema: Schema
    notes: list[str]


def inferred(
    tables: Sequence[Table],
    on: Sequence[str] | None = None,
    *,
    without: Sequence[str] = (),
    pooled: bool = True,
) -> Inferred:
    """Find out what the columns of tables hold, and by which of them records can be compared.

    Args:
        tables: two that are linked, or one.
        on: the columns to compare by; None takes all that the tables share.
        without: columns that are none of these: ids, labels.
        pooled: whether a picture is taken to show the first name, where there is one.

    Raises:
        SchemaInvalid: a column that is asked for is missing or empty, or none is left.
    """
    notes: list[str] = []
    names = _wanted(tables, on, without)
    fields: list[Field] = []
    for name in names:
        empty = [table.name for table in tables if not is_filled(table, name)]
        if not empty:
            fields.append(Field(name, _kind(tables, name)))
        elif on is None:
            notes.append(f"column {name!r} is left out: it is empty in {' and '.join(empty)}")
        else:
            raise SchemaInvalid(
                f"column {name!r} is empty in {' and '.join(empty)}: name another", param="fields"
            )
    if not fields:
        raise SchemaInvalid(
            "no column is left to compare by: name some that both have, and that are not empty",
            param="fields",
        )
    named = next((field.name for field in fields if field.kind == "name"), None)
    if pooled and named is not None:
        fields = [replace(one, of=named) if one.kind == "image" else one for one in fields]
    schema = scaled(Schema(tuple(fields)), tables)
    notes.append(f"compared by {'; '.join(map(str, schema.fields))}")
    return Inferred(schema, notes)


def scaled(schema: Schema, tables: Sequence[Table]) -> Schema:
    """Return the schema with a scale for each number and date, drawn from what the tables hold."""
    scales: dict[str, float] = {}
    for field in schema.fields:
        cells = [cell for table in tables for cell in table.columns.get(field.name, [])]
        if field.kind == "number":
            read, least = [number_of(cell) for cell in cells if cell is not None], SCALE_LEAST
        elif field.kind == "date":
            first = is_month_first(cells)
            read, least = [day_of(cell, month_first=first) for cell in cells], DAYS_LEAST
        else:
            continue
        values = np.array([value for value in read if value is not None], np.float64)
        scale = usual_scale(values, least)
        # Where all are the same, whatever differs at all differs much.
        scales[field.name] = scale if scale > SCALE_LEAST else 1.0
    return schema.scaled(scales)


def _wanted(tables: Sequence[Table], on: Sequence[str] | None, without: Sequence[str]) -> list[str]:
    if on is not None:
        for table in tables:
            for name in on:
                if name not in table.columns:
                    has = ", ".join(map(repr, table.names)) or "none"
                    raise SchemaInvalid(
                        f"{table.name} has no column {name!r}; it has {has}", param="fields"
                    )
        return list(on)
    shared = [
        name
        for name in tables[0].names
        if name not in without and all(name in table.columns for table in tables)
    ]
    if not shared:
        has = "; ".join(f"{one.name} has {', '.join(one.names) or 'none'}" for one in tables)
        raise SchemaInvalid(
            f"the tables share no column to compare by ({has}): pair them, as --on LEFT=RIGHT",
            param="fields",
        )
    return shared


def is_filled(table: Table, name: str) -> bool:
    """Tell that some row of a table has a value in a column."""
    return any(not is_empty(cell) for cell in table.columns.get(name, ()))


def is_empty(cell: object) -> bool:
    """Tell a cell that says nothing: empty, blank, or not a number."""
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or (isinstance(cell, float) and cell != cell)  # noqa: PLR0124 - NaN


def _kind(tables: Sequence[Table], name: str) -> Kind:
    cells = [
        cell
        for table in tables
        for cell in [one for one in table.columns[name] if not is_empty(one)][:SAMPLE]
    ]

    def share(is_so: Any) -> bool:
        return sum(map(bool, map(is_so, cells))) >= SURE * len(cells)

    if share(lambda one: isinstance(one, list)):
        return "vector"
    if share(_is_picture):
        return "image"
    first = is_month_first(cells)
    if share(lambda one: day_of(one, month_first=first) is not None):
        return "date"
    codes = share(_is_long) or any(map(_has_zero_before, cells))
    if share(lambda one: number_of(one) is not None) and not codes:
        return "number"
    texts = [str(one) for one in cells]
    characters = sum(map(len, texts)) / len(texts)
    words = sum(len(text.split()) for text in texts) / len(texts)
    return "text" if characters > TEXT_CHARACTERS or words > TEXT_WORDS else "name"


def _is_picture(cell: object) -> bool:
    if isinstance(cell, bytes) or (isinstance(cell, dict) and "bytes" in cell):
        return True
    return isinstance(cell, str) and (
        cell.lower().endswith(PICTURES) or cell.startswith("data:image/")
    )


def _is_long(cell: object) -> bool:
    """Tell so many digits that they name something rather than count it."""
    text = str(cell).strip().lstrip("+")
    return text.isdigit() and len(text) > DIGITS_MAX


def _has_zero_before(cell: object) -> bool:
    """Tell digits with a zero in front, which no number is written with."""
    text = str(cell).strip()
    return text.isdigit() and len(text) > 1 and text[0] == "0"
