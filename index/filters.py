r"""Filters: which exemplars a search, a listing or a removal concerns.

A filter is an object; several keys in one object must all hold. Keys are `id`, `label`,
`payload.PATH`, `and`, `or` (lists of filters; an empty `and` holds always, an empty `or` never)
and `not` (a filter). A value is a scalar, or an object of `eq ne gt gte lt lte in`, which must
all hold.

- A dot goes down into objects; a dot inside a key is written `\.`, a backslash `\\`. Every part
  is an object key: lists are not entered, and a list or an object equals nothing.
- Types are strict: `true` is not 1, "1" is not 1; 1 is 1.0. Strings are ordered by code point,
  numbers by value; what cannot be ordered against the operand does not match.
- A missing field matches nothing, and so it matches every `ne` and `not`. `null` matches a field
  that is there and null; a label is `null` when the exemplar has none.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from index.errors import FilterInvalid

DEPTH_MAX: Final = 16
LEAVES_MAX: Final = 1000

Scalar: TypeAlias = bool | int | float | str | None
Binding: TypeAlias = int | float | str

_COMPARISONS: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_OPERATORS: Final = ("eq", "ne", *_COMPARISONS, "in")
_INTEGERS: Final = range(-(2**63), 2**63)  # beyond, SQLite would round


@dataclass(frozen=True, slots=True)
class Field:
    """What is compared: the `id`, the `label`, or the payload at a path of keys."""

    column: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Is:
    """The field equals one of the values."""

    field: Field
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Compares:
    """The field stands on one side of a value; `sign` is one of > >= < <=."""

    field: Field
    sign: str
    value: int | float | str


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold; none at all holds."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Filter"


Filter: TypeAlias = Is | Compares | Every | Some | Not


def parse(filter_: object, depth_max: int = DEPTH_MAX) -> Filter:
    """Read a filter as it comes from JSON, of so many levels of `and`, `or` and `not`.

    >>> parse({"payload.year": {"gte": 1950}})
    Compares(field=Field(column='payload', keys=('year',)), sign='>=', value=1950)

    Raises: FilterInvalid, naming the path inside the filter.
    """
    return _Reader(depth_max).filter(filter_, "filter", 1)


class _Reader:
    """Reads one filter and counts its leaves."""

    def __init__(self, depth_max: int) -> None:
        self._depth_max = depth_max
        self._leaves = 0

    def filter(self, value: object, where: str, depth: int) -> Filter:
        """Read one object of conditions."""
        if depth > self._depth_max:
            raise FilterInvalid(
                f"{where}: nested deeper than {self._depth_max} (filter_depth_max); flatten it"
            )
        if not isinstance(value, Mapping):
            raise FilterInvalid(f"{where}: a filter is an object, this is {_kind(value)}")
        parts: list[Filter] = []
        if not value:
            self._count(where)
        for key, operand in value.items():
            inside = f"{where}.{key}"
            if key in ("and", "or"):
                parts.append(self._listed(key, operand, inside, depth))
            elif key == "not":
                parts.append(Not(self.filter(operand, inside, depth + 1)))
            else:
                parts.append(self._field(_field(key, where), operand, inside))
        return _every(parts)

    def _listed(self, key: str, operand: object, where: str, depth: int) -> Filter:
        if not isinstance(operand, list | tuple):
            raise FilterInvalid(f"{where}: {key} takes a list of filters, not {_kind(operand)}")
        self._count(where)
        parts = (self.filter(one, f"{where}[{i}]", depth + 1) for i, one in enumerate(operand))
        return (Every if key == "and" else Some)(tuple(parts))

    def _field(self, field: Field, operand: object, where: str) -> Filter:
        if not isinstance(operand, Mapping):
            return self._is(field, (operand,), where)
        if not operand:
            raise FilterInvalid(f"{where}: no operator; use one of {', '.join(_OPERATORS)}")
        tests = [self._test(field, key, value, f"{where}.{key}") for key, value in operand.items()]
        return _every(tests)

    def _test(self, field: Field, key: object, value: object, where: str) -> Filter:
        if key == "eq":
            return self._is(field, (value,), where)
        if key == "ne":
            return Not(self._is(field, (value,), where))
        if key == "in":
            if not isinstance(value, list | tuple):
                raise FilterInvalid(f"{where}: in takes a list of values, not {_kind(value)}")
            return self._is(field, tuple(value), where)
        if key not in _COMPARISONS:
            raise FilterInvalid(f"{where}: unknown operator; use one of {', '.join(_OPERATORS)}")
        self._count(where)
        operand = _scalar(field, value, where)
        if operand is None or isinstance(operand, bool):
            raise FilterInvalid(f"{where}: {_kind(value)} has no order; use a number or a string")
        return Compares(field, _COMPARISONS[str(key)], operand)

    def _is(self, field: Field, values: tuple[object, ...], where: str) -> Is:
        self._count(where, max(1, len(values)))
        return Is(field, tuple(_scalar(field, value, where) for value in values))

    def _count(self, where: str, leaves: int = 1) -> None:
        self._leaves += leaves
        if self._leaves > LEAVES_MAX:
            raise FilterInvalid(f"{where}: more than {LEAVES_MAX} conditions and values; split it")


def _every(parts: list[Filter]) -> Filter:
    return parts[0] if len(parts) == 1 else Every(tuple(parts))


def _field(key: object, where: str) -> Field:
    if key in ("id", "label"):
        return Field(str(key))
    if not isinstance(key, str) or not key.startswith("payload."):
        raise FilterInvalid(
            f"{where}.{key}: unknown field; use id, label, payload.NAME, and, or, not"
        )
    keys = _split(key.removeprefix("payload."), f"{where}.{key}")
    for name in keys:
        # SQLite ends a path at NUL, and would look elsewhere without a word.
        if "\0" in name or not _encodes(name):
            raise FilterInvalid(f"{where}.{key!r}: the field name is not valid Unicode text")
    return Field("payload", keys)


def _split(path: str, where: str) -> tuple[str, ...]:
    r"""Split at the dots that no backslash precedes.

    >>> _split(r"a\.b.c", "filter")
    ('a.b', 'c')
    """
    keys, key = [], ""
    letters = iter(path)
    for letter in letters:
        if letter == "\\":
            escaped = next(letters, "")
            if escaped not in (".", "\\"):
                raise FilterInvalid(rf"{where}: after a backslash comes \ or a dot")
            key += escaped
        elif letter == ".":
            keys.append(key)
            key = ""
        else:
            key += letter
    return (*keys, key)


def _scalar(field: Field, value: object, where: str) -> Scalar:
    """Return the operand, or say why the field cannot be compared with it."""
    if not isinstance(value, bool | int | float | str | None):
        raise FilterInvalid(f"{where}: {_kind(value)} is no value; use null, true, 1 or a string")
    if isinstance(value, str) and not _encodes(value):
        raise FilterInvalid(f"{where}: the string is not valid Unicode")
    if isinstance(value, float) and not math.isfinite(value):
        raise FilterInvalid(f"{where}: the number is not finite")
    if isinstance(value, int) and value not in _INTEGERS:
        raise FilterInvalid(f"{where}: the whole number does not fit 64 bits")
    if field.column == "id" and not isinstance(value, str):
        raise FilterInvalid(f"{where}: an id is a string, this is {_kind(value)}")
    if field.column == "label" and not isinstance(value, str | None):
        raise FilterInvalid(f"{where}: a label is a string or null, this is {_kind(value)}")
    return value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    names |= {int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)


def constant(filter_: Filter) -> bool | None:
    """Return what a filter says of every exemplar alike, or None where it depends on them."""
    match filter_:
        case Every(parts):
            said = {constant(part) for part in parts}
            return False if False in said else None if None in said else True
        case Some(parts):
            said = {constant(part) for part in parts}
            return True if True in said else None if None in said else False
        case Not(part):
            inner = constant(part)
            return None if inner is None else not inner
        case Is(_, values) if not values:
            return False
        case _:
            return None


def compile_sql(filter_: Filter) -> tuple[str, tuple[Binding, ...]]:
    """Return an SQL condition on `exemplars`, true of those that match, and its bindings."""
    bindings: list[Binding] = []
    return _sql(filter_, bindings.append), tuple(bindings)


def _sql(filter_: Filter, bind: Callable[[Binding], None]) -> str:
    match filter_:
        case Is(field, values):
            return _sql_is(field, values, bind)
        case Compares(field, sign, value):
            return _sql_compares(field, sign, value, bind)
        case Every(parts):
            return _balanced([_sql(part, bind) for part in parts], "AND") or "1"
        case Some(parts):
            return _balanced([_sql(part, bind) for part in parts], "OR") or "0"
        case Not(part):
            # NULL, which no other condition lets through, is what a missing field gives.
            return f"(NOT ifnull({_sql(part, bind)}, 0))"


def _balanced(parts: list[str], word: str) -> str:
    """Join as a balanced tree: SQLite bounds the depth of an expression, and a chain is deep."""
    if len(parts) <= 1:
        return "".join(parts)
    half = len(parts) // 2
    return f"({_balanced(parts[:half], word)} {word} {_balanced(parts[half:], word)})"


def _sql_is(field: Field, values: tuple[Scalar, ...], bind: Callable[[Binding], None]) -> str:
    texts = [value for value in values if isinstance(value, str)]
    if field.column != "payload":
        tests = [f"{field.column} IS NULL"] if None in values else []
        if texts:
            tests.append(f"{field.column} IN ({_bound(texts, bind)})")
        return f"({' OR '.join(tests) or '0'})"
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    words = {None: "null", True: "true", False: "false"}
    types = [words[v] for v in values if v is None or isinstance(v, bool)]
    tests = []
    if types:
        bind(_path(field))
        tests.append(f"json_type(payload, ?) IN ({_bound(types, bind)})")
    if texts:
        tests.append(_extracted(field, f"IN ({_marks(texts)})", texts, bind))
    if numbers:
        tests.append(_extracted(field, f"IN ({_marks(numbers)})", numbers, bind))
    return f"({' OR '.join(tests) or '0'})"


def _sql_compares(
    field: Field, sign: str, value: int | float | str, bind: Callable[[Binding], None]
) -> str:
    if field.column != "payload":
        bind(value)
        return f"({field.column} {sign} ?)"
    return f"({_extracted(field, f'{sign} ?', [value], bind)})"


def _extracted(
    field: Field, comparison: str, values: Sequence[Binding], bind: Callable[[Binding], None]
) -> str:
    """Compare strings, or numbers; the type is looked at second, and so only where it matters."""
    types = "'text'" if isinstance(values[0], str) else "'integer', 'real'"
    for binding in (_path(field), *values, _path(field)):
        bind(binding)
    return f"json_extract(payload, ?) {comparison} AND json_type(payload, ?) IN ({types})"


def _path(field: Field) -> str:
    return "$" + "".join(f".{json.dumps(key, ensure_ascii=False)}" for key in field.keys)


def _bound(values: Sequence[Binding], bind: Callable[[Binding], None]) -> str:
    for value in values:
        bind(value)
    return _marks(values)


def _marks(values: Sequence[Binding]) -> str:
    return ", ".join("?" * len(values))
