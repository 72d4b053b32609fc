"""What is asked on a command line, or over the wire, as fields and tables."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path
from typing import Any

from service.errors import SchemaInvalid
from service.records.inference import Inferred, inferred, is_filled, scaled
from service.records.schema import (
    EMBEDDED,
    KINDS,
    Field,
    Schema,
)
from service.records.tables import Table

KEYS = tuple(one.name for one in fields_of(Field))
FILE_BYTES_MAX = 1 << 20


def fields_said(said: str) -> list[Field]:
    """Read fields as a command line says them: `name:name:3,city:text,price:number`.

    A kind, and behind it a weight, may be left out: a field is a name then, of weight 1. JSON, or
    `@FILE` of it, says all that a field can be, as `[{"name": "scan", "kind": "image"}]`.

    >>> [str(one) for one in fields_said("name::3,born:date")]
    ['name (name, weight 3, by names)', 'born (date, weight 1)']

    Raises:
        SchemaInvalid: naming what it cannot be.
    """
    if said.startswith("@"):
        path = Path(said[1:])
        try:
            said = path.read_text("utf-8")[:FILE_BYTES_MAX]
        except (OSError, UnicodeDecodeError) as error:
            raise SchemaInvalid(f"{path} cannot be read: {error}", param="fields") from None
    if said.lstrip().startswith(("[", "{")):
        try:
            return fields_told(json.loads(said))
        except (ValueError, RecursionError) as error:
            raise SchemaInvalid(f"the fields are not JSON: {error}", param="fields") from None
    found = []
    for one in said.split(","):
        name, _, rest = one.strip().partition(":")
        kind, _, weight = rest.partition(":")
        told: dict[str, Any] = {"name": name, "kind": kind or "name"}
        if weight:
            try:
                told["weight"] = float(weight)
            except ValueError:
                raise SchemaInvalid(
                    f"field {name!r}: {weight!r} is no weight; write NAME:KIND:WEIGHT",
                    param="fields",
                ) from None
        found.append(told)
    return fields_told(found)


def fields_told(told: object) -> list[Field]:
    """Read fields as the wire has them: objects, or names of columns, whose kind is found out.

    Raises:
        SchemaInvalid: naming the first thing that is wrong.
    """
    if not isinstance(told, list) or not told:
        raise SchemaInvalid("fields are a list of objects, one at least", param="fields")
    return [_field(one, f"fields[{at}]") for at, one in enumerate(told)]


def _field(told: object, place: str) -> Field:
    if not isinstance(told, Mapping):
        raise SchemaInvalid(f"{place} is no object", param=place)
    extra = [str(key) for key in told if key not in KEYS]
    if extra:
        raise SchemaInvalid(
            f"{place} has no {extra[0][:80]!r}; there are {', '.join(KEYS)}", param=place
        )
    given: dict[str, Any] = {"kind": "name"} | dict(told)
    for key, kinds in (("name", str), ("kind", str), ("encoder", str), ("of", str)):
        value = given.get(key)
        needed = key in ("name", "kind")
        if (value is None and needed) or not (value is None or isinstance(value, kinds)):
            raise SchemaInvalid(f"{place}.{key} is no text", param=place)
    for key in ("weight", "scale"):
        value = given.get(key, 1.0)
        if key in given and value is None:
            given.pop(key)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise SchemaInvalid(f"{place}.{key} is no number", param=place)
    if given["kind"] not in KINDS:
        raise SchemaInvalid(
            f"{place}.kind is {given['kind'][:80]!r}; there are {', '.join(KINDS)}", param=place
        )
    return Field(**given)


def schema_for(
    tables: Sequence[Table],
    *,
    fields: Sequence[Field] | None = None,
    on: Sequence[str] | None = None,
    model: str | None = None,
    without: Sequence[str] = (),
) -> Inferred:
    """Make the schema that is asked for, or find it out.

    Args:
        fields: as they are told.
        on: columns to compare by, whose kinds are found out.
        model: embeds names and texts that name no encoder.
        without: columns that are ids.

    Raises:
        SchemaInvalid: a column is missing or empty, or the fields mean nothing.
    """
    if fields is not None:
        schema = Schema(tuple(fields))
        _check_filled(schema, tables)
        schema = scaled(schema, tables)
        found = Inferred(schema, [f"compared by {'; '.join(map(str, schema.fields))}"])
    else:
        found = inferred(tables, on, without=without)
    if model is None:
        return found
    changed = tuple(
        replace(one, encoder=model) if one.kind in ("name", "text") and not one.encoder else one
        for one in found.schema.fields
    )
    schema = Schema(changed)
    notes = [*found.notes[:-1], f"compared by {'; '.join(map(str, schema.fields))}"]
    return Inferred(schema, notes)


def _check_filled(schema: Schema, tables: Sequence[Table]) -> None:
    """Refuse a field that nobody has, and a thing that a side has not: it would never count.

    Of a name and its picture one may be on one side only.
    """
    for thing in schema.things:
        for table in tables:
            if not any(is_filled(table, field.name) for field in thing):
                names = " and ".join(repr(field.name) for field in thing)
                raise SchemaInvalid(f"{names}: {_why_not(table, thing[0].name)}", param="fields")
    for field in schema.fields:
        if not any(is_filled(table, field.name) for table in tables):
            raise SchemaInvalid(
                f"{field.name!r}: {_why_not(tables[0], field.name)}", param="fields"
            )


def _why_not(table: Table, name: str) -> str:
    if name in table.columns:
        return f"the column is empty in {table.name}"
    has = ", ".join(map(repr, table.names)) or "none"
    return f"{table.name} has no such column; it has {has}"


def on_said(said: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Read `--on name --on city=town`: the columns by the left table's names, and the right's.

    >>> on_said(["name", "city=town"])
    (['name', 'city'], {'town': 'city'})

    Raises:
        SchemaInvalid: one has no name on a side.
    """
    names: list[str] = []
    right: dict[str, str] = {}
    for one in said:
        left, sign, other = one.partition("=")
        if not left or (sign and not other):
            raise SchemaInvalid(f"--on {one!r} names no column on a side; write LEFT=RIGHT")
        names.append(left)
        if other and other != left:
            right[other] = left
    return names, right


def total_of(table: Table, schema: Schema) -> int:
    """Count the cells that are to be embedded, as `pooled` tells them done."""
    return len(table) * sum(one.kind in EMBEDDED for one in schema.fields)
