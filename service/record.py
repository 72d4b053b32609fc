"""A record as one item: parts of several kinds, embedded each by itself and pooled to one row.

`z = norm(sum of weight x row)` over the parts that are there (CLIPPINGS: "Linking Representations
with Multimodal Contrastive Learning", 2023). All rows lie in one space, or the record fails.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from index.vectors import Rows
from models.errors import InputError, ItemEmpty, ItemUndecodable
from models.modality import Item, modality_names

FIELDS_MAX = 16
KEY, WEIGHTS = "record", "weights"
NAME = "name"  # a field whose bare string is a text


@dataclass(frozen=True, slots=True)
class RecordPart:
    """One field of a record that says something, and what it weighs."""

    field: str
    weight: float
    item: Item


@dataclass(frozen=True, slots=True)
class Record:
    """An item of several parts; one at least."""

    parts: tuple[RecordPart, ...]


def parse_record(value: Mapping[str, object], parse: Callable[[object], object]) -> Record:
    """Parse `{"record": {"name": "...", "image": "..."}, "weights": {"name": 0.5, "image": 0.5}}`.

    A field that is null or an empty text is missing, and left out.

    Args:
        parse: parses the item that a field holds.

    Raises:
        InputError: naming the field that is no item; or nothing is left.
    """
    extra = ", ".join(repr(key) for key in value if key not in (KEY, WEIGHTS))[:200]
    if extra:
        raise ItemUndecodable(
            f'a record item has no field {extra}; send {{"record": {{...}}, "weights": {{...}}}}'
        )
    fields = value[KEY]
    if not isinstance(fields, Mapping):
        raise ItemUndecodable(
            '\'record\' is not an object; send {"record": {"name": "...", "image": "..."}}'
        )
    if len(fields) > FIELDS_MAX:
        raise ItemUndecodable(f"the record has {len(fields)} fields; the limit is {FIELDS_MAX}")
    weights = _weights(value.get(WEIGHTS), fields)
    parts = []
    for field, content in fields.items():
        weight = weights.get(field, 1.0 if not weights else 0.0)
        if content is None or content == "" or not weight:
            continue
        try:
            item = parse(part_of(field, content))
            if not isinstance(item, Item):
                raise ItemUndecodable("a part of a record is an item with one content")
        except InputError as error:
            raise named(field, error) from error
        parts.append(RecordPart(field, weight, item))
    if not parts:
        raise ItemEmpty(
            "no field of the record says anything that counts; send one at least, with a weight"
        )
    return Record(tuple(parts))


def part_of(field: str, content: object) -> object:
    """Return what a field holds as the wire's item: a bare string is of its field's kind.

    >>> part_of("name", "Acme"), part_of("scan", {"image": "..."})
    ({'text': 'Acme'}, {'image': '...'})

    Raises:
        ItemUndecodable: it is a bare string in a field that says of no kind.
    """
    if not isinstance(content, str):
        return content
    if field == NAME:
        return {"text": content}
    if field in modality_names():
        return {field: content}
    raise ItemUndecodable(
        f"it is no item, and of fields only {', '.join((NAME, *modality_names()))} say of what "
        'kind a bare string is; send {"text": "..."} or {"image": "..."}'
    )


def parts_of_value(value: object) -> list[object]:
    """List the items that an item of the wire is made of: of a record what its fields hold.

    A field that holds none stays as it is, to be refused by name where it is parsed.
    """
    fields = value.get(KEY) if isinstance(value, Mapping) else None
    if not isinstance(fields, Mapping):
        return [value]
    return [_lenient(field, content) for field, content in fields.items()]


def with_parts(value: object, parts: Iterator[object]) -> object:
    """Put parts in the place of those that `parts_of_value` listed; None stays missing."""
    fields = value.get(KEY) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(fields, Mapping):
        return next(parts)
    return {**value, KEY: {field: next(parts) for field in fields}}


def _lenient(field: str, content: object) -> object:
    if not isinstance(content, str) or not content:
        return content
    try:
        return part_of(field, content)
    except ItemUndecodable:
        return content


def named(field: str, error: InputError) -> InputError:
    """Return an error of the same kind that names the field."""
    return type(error)(f"record field {field!r}: {error}")


def _weights(value: object, fields: Mapping[str, object]) -> dict[str, float]:
    """Read what the fields weigh; those that are not named weigh nothing, where some are.

    Raises:
        ItemUndecodable: naming the weight that is none.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ItemUndecodable('\'weights\' is not an object; send {"name": 0.5, "image": 0.5}')
    weights: dict[str, float] = {}
    known = {*fields, NAME, *modality_names()}
    for field, weight in value.items():
        if field not in known:
            raise ItemUndecodable(f"'weights' names {field!r}, which is no field of the record")
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise ItemUndecodable(f"the weight of {field!r} is no number")
        if not 0 <= weight <= 1e6:
            raise ItemUndecodable(f"the weight of {field!r} is {weight}; send 0 to 1e6")
        weights[field] = float(weight)
    return weights


def pooled_row(rows: Sequence[Rows], weights: Iterable[float]) -> Rows | None:
    """Pool unit rows (d,) with weights to one unit row; None where they cancel each other out.

    >>> pooled_row([np.array([1.0, 0.0]), np.array([0.0, 1.0])], [3.0, 4.0]).tolist()
    [0.6000000238418579, 0.800000011920929]
    """
    total = np.sum([w * row.astype(np.float64) for w, row in zip(weights, rows, strict=True)], 0)
    norm = math.sqrt(float(total @ total))
    if norm < 1e-6:
        return None
    found: Rows = (total / norm).astype(np.float32)
    return found


def schema(kinds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Describe a record item for OpenAPI.

    Args:
        kinds: the schemas of the items that a field can hold.
    """
    return {
        "type": "object",
        "description": "Parts of one thing, embedded each by itself and pooled. `name` is a text; "
        "other fields are called by their kind, or hold an item. What is null counts for nothing.",
        "properties": {
            KEY: {
                "type": "object",
                "minProperties": 1,
                "maxProperties": FIELDS_MAX,
                "properties": {
                    one: {"type": ["string", "object", "null"]} for one in (NAME, "text", "image")
                },
                "additionalProperties": {"anyOf": [*kinds, {"type": "null"}]},
            },
            WEIGHTS: {
                "type": "object",
                "description": "What each field weighs; equal where none is told.",
                "additionalProperties": {"type": "number", "minimum": 0, "maximum": 1e6},
            },
        },
        "required": [KEY],
        "additionalProperties": False,
    }
