"""What a record is made of: fields, what each is, how much it counts, and how it becomes numbers.

A *thing* is what one or more fields show: a name and a picture of that name are one thing, a date
is another. The parts of one thing lie in one space and are summed; things are compared each for
itself. A field is a thing of its own unless it says whose it is (`of`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from service.errors import SchemaInvalid

Kind = Literal["name", "text", "number", "date", "image", "vector"]
KINDS: tuple[Kind, ...] = get_args(Kind)
EMBEDDED: tuple[Kind, ...] = ("name", "text", "image")
ITEM_KEY = {"name": "text", "text": "text", "image": "image"}
ENCODERS: Mapping[Kind, str] = {"name": "names", "text": "minilm", "image": "crops"}
"""Which encoder embeds a field that names none."""
WEIGHT_MAX = 1e6
FIELDS_MAX = 64


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record.

    Args:
        name: of its column.
        kind: what it holds.
        weight: how much it counts, beside the weights of others.
        encoder: the bundle that embeds it; None takes the usual one of its kind.
        scale: of a number, in its unit, and of a date, in days: so far apart, two score exp(-1/2).
            None: drawn from the values, see `service.records.inference`.
        of: the field whose thing it shows too, in the same space; None: a thing of its own.
    """

    name: str
    kind: Kind
    weight: float = 1.0
    encoder: str | None = None
    scale: float | None = None
    of: str | None = None

    @property
    def embedded_by(self) -> str | None:
        """The bundle that embeds it; None of what needs none."""
        return self.encoder or ENCODERS.get(self.kind)

    def __str__(self) -> str:
        """Word the field: `price (number, weight 1, scale 20)`."""
        words = [self.kind, f"weight {self.weight:g}"]
        if self.embedded_by is not None:
            words.append(f"by {self.embedded_by}")
        if self.scale is not None:
            words.append(f"scale {self.scale:g}")
        if self.of is not None:
            words.append(f"of {self.of}")
        return f"{self.name} ({', '.join(words)})"


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields by which records are compared, in order.

    Args:
        fields: one at least, no two of one name.

    Raises:
        SchemaInvalid: naming the field at fault.
    """

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.fields) <= FIELDS_MAX:
            raise SchemaInvalid(
                f"{len(self.fields)} fields; records are compared by 1 to {FIELDS_MAX}",
                param="fields",
            )
        for field in self.fields:
            _check(field, [one.name for one in self.fields], self)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields."""
        return tuple(field.name for field in self.fields)

    def field(self, name: str) -> Field:
        """Return a field by its name."""
        return next(field for field in self.fields if field.name == name)

    @property
    def things(self) -> tuple[tuple[Field, ...], ...]:
        """The fields of each thing, the one that names it first.

        >>> two = Schema((Field("name", "name"), Field("scan", "image", of="name")))
        >>> [[field.name for field in thing] for thing in two.things]
        [['name', 'scan']]
        """
        return tuple(
            (first, *(one for one in self.fields if one.of == first.name))
            for first in self.fields
            if first.of is None
        )

    def scaled(self, scales: Mapping[str, float]) -> "Schema":
        """Return the schema with scales for the fields that have none."""
        return Schema(
            tuple(
                replace(field, scale=scales[field.name])
                if field.scale is None and field.name in scales
                else field
                for field in self.fields
            )
        )


def _check(field: Field, names: list[str], schema: Schema) -> None:
    def refuse(why: str) -> SchemaInvalid:
        return SchemaInvalid(f"field {field.name!r} {why}", param="fields")

    if names.count(field.name) > 1:
        raise refuse("is named twice")
    if field.kind not in KINDS:
        raise refuse(f"is of kind {field.kind!r}; there are {', '.join(KINDS)}")
    if not 0 < field.weight <= WEIGHT_MAX:
        raise refuse(f"has weight {field.weight}; it must be above 0, and {WEIGHT_MAX:g} at most")
    if field.scale is not None and not (0 < field.scale < float("inf")):
        raise refuse(f"has scale {field.scale}; it must be above 0, and finite")
    if field.scale is not None and field.kind not in ("number", "date"):
        raise refuse(f"is of kind {field.kind!r}, which has no scale; numbers and dates have")
    if field.encoder is not None and field.kind not in EMBEDDED:
        raise refuse(f"is of kind {field.kind!r}, which no encoder embeds; leave `encoder` out")
    if field.of is not None:
        _check_of(field, field.of, schema, refuse)


def _check_of(
    field: Field, of: str, schema: Schema, refuse: Callable[[str], SchemaInvalid]
) -> None:
    if of not in schema.names or of == field.name:
        raise refuse(f"is of {of!r}, which is no other field")
    if schema.field(of).of is not None:
        raise refuse(f"is of {of!r}, which is of another field itself; name that one")
    if not {field.kind, schema.field(of).kind} <= set(EMBEDDED):
        raise refuse(f"is of {of!r}: only names, texts and images can be pooled")
