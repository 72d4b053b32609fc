"""From the wire to items: what a caller may send, parsed once, refused by name."""

import base64
import binascii
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError, ItemTooLarge, ItemUndecodable, ModalityUnsupported
from models.modality import Item, item_schema, modality_names, read_item
from service import record
from service.record import Record

# Kinds that the surface names; those without a file under models/modalities are refused as such,
# but for records, which are made of others.
KINDS = ("text", "image", "audio", "code", "record")


@dataclass(frozen=True, slots=True)
class Vector:
    """A row made elsewhere, as it came: not yet finite, unit or of the right dimension."""

    row: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Unfetched:
    """An item that was named by a URL, and why there is nothing of it."""

    error: InputError


Parsed = Item | Vector | Record


def parse_item(value: object, bytes_max: float = math.inf) -> Parsed:
    """Parse one item: a bare string, or an object with one of the item keys.

    >>> parse_item("hello")
    Item(modality='text', content='hello', reads=None)

    Args:
        bytes_max: bytes that the item may have; see :func:`check_size`.

    Raises:
        InputError: the item is of no known kind, of one that is not served, or too large.
    """
    if isinstance(value, Item | Record):  # a part of one that was parsed
        return value
    if isinstance(value, str):
        check_size(value, bytes_max)
        return read_item("text", {"text": value})
    if isinstance(value, Unfetched):
        raise value.error
    if not isinstance(value, Mapping):
        raise ItemUndecodable(
            f"an item is a string or an object with one of {', '.join(KINDS)}, vector; "
            f"this is {json_type(value)}"
        )
    kinds = [key for key in (*KINDS, "vector") if key in value]
    if len(kinds) != 1:
        raise ItemUndecodable(
            f"an item object has exactly one of {', '.join(KINDS)}, vector; "
            f"this has {', '.join(kinds) or 'none'}"
        )
    if kinds == ["vector"]:
        if len(value) > 1:
            extra = ", ".join(repr(key) for key in value if key != "vector")[:200]
            raise ItemUndecodable(f'a vector item has no field {extra}; send {{"vector": [...]}}')
        check_size(value["vector"], bytes_max)
        return Vector(parse_vector(value["vector"]))
    if kinds == [record.KEY]:
        return _parse_record(value, bytes_max)
    if kinds[0] not in modality_names():
        raise ModalityUnsupported(f"no encoder for items of kind {kinds[0]!r} is loaded")
    check_size(value[kinds[0]], bytes_max)
    return read_item(kinds[0], value)


def _parse_record(value: Mapping[str, object], bytes_max: float) -> Record:
    """Parse a record whose parts together have no more bytes than one item may."""
    fields = value[record.KEY]
    if isinstance(fields, Mapping):
        for part in fields.values():
            for content in part.values() if isinstance(part, Mapping) else [part]:
                check_size(content, bytes_max)
                bytes_max -= len(content) if isinstance(content, str) else 0
    return record.parse_record(value, parse_part)


def parse_part(value: object) -> Item:
    """Parse what a field of a record holds: an item of one kind.

    Raises:
        InputError: it is none.
    """
    item = parse_item(value)
    if not isinstance(item, Item):
        raise ItemUndecodable("it is a vector or a record; a part is a text, an image, a sound")
    return item


def check_size(content: object, bytes_max: float) -> None:
    """Refuse an item of too many bytes: of UTF-8 or base64 as it came, four for a number.

    Raises:
        ItemTooLarge: naming the limit.
    """
    if isinstance(content, str):
        # Four bytes a character at most: most texts need not be encoded to be let through.
        size = len(content) if len(content) * 4 <= bytes_max else len(content.encode())
    elif isinstance(content, bytes):
        size = len(content)
    else:
        size = 4 * len(content) if isinstance(content, list | np.ndarray) else 0
    if size > bytes_max:
        raise ItemTooLarge(
            f"the item has {size} bytes; the limit is {bytes_max} (SEMBLANCE_ITEM_BYTES_MAX): "
            "send less of it"
        )


def parse_embeddable(value: object, bytes_max: float = math.inf) -> Item | Record:
    """Parse one item of an embeddings call: an item without a vector, or token ids.

    >>> parse_embeddable([101, 102])
    Item(modality='text', content=(101, 102), reads=None)
    """
    if isinstance(value, list):
        if not all(type(token) is int for token in value):
            raise ItemUndecodable("token ids are whole numbers of the model's own tokenizer")
        check_size(value, bytes_max)
        return Item("text", tuple(value))
    item = parse_item(value, bytes_max)
    if isinstance(item, Vector):
        raise ItemUndecodable("a vector is an embedding already; send an item or token ids")
    return item


def spread(value: object) -> list[object]:
    """Spread the ``input`` of an embeddings call into its items, as OpenAI's call does.

    >>> spread("one"), spread(["one", "two"]), spread([101, 102])
    (['one'], ['one', 'two'], [[101, 102]])
    """
    if not isinstance(value, list):
        return [value]
    if value and all(type(token) is int for token in value):
        return [value]
    return value


def parse_vector(value: object) -> NDArray[np.float32]:
    """Parse a list or an array of numbers, or the base64 of little-endian float32.

    >>> parse_vector([0.5, 1])
    array([0.5, 1. ], dtype=float32)

    Raises:
        ItemUndecodable: neither of the two.
    """
    if isinstance(value, str):
        try:
            raw = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError) as error:
            raise ItemUndecodable(f"'vector' is not base64: {error}") from None
        if not raw or len(raw) % 4:
            raise ItemUndecodable(f"'vector' holds {len(raw)} bytes; float32 needs a multiple of 4")
        return np.frombuffer(raw, dtype="<f4").astype(np.float32)
    flat = "'vector' is a flat list of numbers, or the base64 of little-endian float32"
    if isinstance(value, list) and not set(map(type, value)) <= {int, float}:
        raise ItemUndecodable(flat)
    row = np.asarray(value)
    # Other kinds: nothing of the sort, or whole numbers beyond 64 bits.
    if row.ndim != 1 or not row.size or row.dtype.kind not in "iuf":
        raise ItemUndecodable(flat)
    with np.errstate(over="ignore"):  # becomes infinite, which the index's gate refuses by name
        return row.astype(np.float32)


def json_type(value: object) -> str:
    """Name a JSON value's type for a message."""
    names = {bool: "a boolean", int: "a number", float: "a number", list: "a list", str: "a string"}
    return "null" if value is None else names.get(type(value), "an object")


VECTOR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A row made elsewhere; normalised at the edge.",
    "properties": {
        "vector": {
            "anyOf": [
                {"type": "array", "items": {"type": "number"}, "minItems": 1},
                {"type": "string", "contentEncoding": "base64", "minLength": 4},
            ]
        }
    },
    "required": ["vector"],
    "additionalProperties": False,
}


def schema_of_item(*, vectors: bool) -> dict[str, Any]:
    """Describe an item for OpenAPI: every served kind, from the modalities' own files."""
    kinds = [item_schema(name) for name in modality_names()]
    text: dict[str, Any] = {"type": "string", "minLength": 1}
    return {"anyOf": [text, *kinds, record.schema(kinds), *([VECTOR_SCHEMA] if vectors else [])]}


def schema_of_input() -> dict[str, Any]:
    """Describe the ``input`` of an embeddings call for OpenAPI."""
    tokens = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}}
    item = schema_of_item(vectors=False)
    many = {"type": "array", "minItems": 1, "items": {"anyOf": [*item["anyOf"], tokens]}}
    return {"anyOf": [*item["anyOf"], tokens, many]}
