"""SQL against a reference written in Python; both against examples that say what is meant."""

import json

import apsw
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from index.errors import FilterInvalid
from index.filters import DEPTH_MAX, LEAVES_MAX, compile_sql, parse

MISSING = object()


class Table:
    """A table of one exemplar at a time."""

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.connection.execute("CREATE TABLE exemplars (id TEXT, label TEXT, payload BLOB)")

    def matches(self, filter_, *, name="e", label=None, payload=None) -> bool:
        where, bindings = compile_sql(parse(filter_))
        text = None if payload is None else json.dumps(payload, ensure_ascii=False)
        self.connection.execute("DELETE FROM exemplars")
        self.connection.execute(
            "INSERT INTO exemplars VALUES (?, ?, jsonb(?))", (name, label, text)
        )
        found = self.connection.execute(f"SELECT count(*) FROM exemplars WHERE {where}", bindings)
        return bool(found.get)


TABLE = Table()


# The reference: what index/filters.py says, in plain Python.


def reference(filter_, name, label, payload) -> bool:
    return all(holds(key, value, name, label, payload) for key, value in filter_.items())


def holds(key, value, name, label, payload) -> bool:
    if key == "and":
        return all(reference(one, name, label, payload) for one in value)
    if key == "or":
        return any(reference(one, name, label, payload) for one in value)
    if key == "not":
        return not reference(value, name, label, payload)
    field = {"id": name, "label": label}.get(key, MISSING)
    if key.startswith("payload."):
        field = payload
        for part in split(key.removeprefix("payload.")):
            field = field.get(part, MISSING) if isinstance(field, dict) else MISSING
    tests = value if isinstance(value, dict) else {"eq": value}
    return all(compares(operator, field, operand) for operator, operand in tests.items())


def split(path: str) -> list[str]:
    marked = path.replace("\\\\", "\0").replace("\\.", "\1")
    return [part.replace("\1", ".").replace("\0", "\\") for part in marked.split(".")]


def kind(value) -> str:
    if isinstance(value, bool) or value is None or value is MISSING:
        return str(value)
    return "number" if isinstance(value, int | float) else type(value).__name__


def equals(field, operand) -> bool:
    return kind(field) == kind(operand) and (
        kind(field) in ("True", "False", "None") or field == operand
    )


def compares(operator, field, operand) -> bool:
    if operator == "eq":
        return equals(field, operand)
    if operator == "ne":
        return not equals(field, operand)
    if operator == "in":
        return any(equals(field, one) for one in operand)
    if kind(field) != kind(operand):
        return False
    return {
        "gt": lambda: field > operand,
        "gte": lambda: field >= operand,
        "lt": lambda: field < operand,
        "lte": lambda: field <= operand,
    }[operator]()


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
keys = st.sampled_from(["a", "b", "a.b", "a\\b", 'q"', "[0]", "é", "", "$", "a b", "\n", "'"])
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, -(2**63), 0.1, -0.0, 1e300, 5e-324, 2.0**53]),
    st.floats(allow_nan=False, allow_infinity=False),
)
scalars = st.one_of(st.none(), st.booleans(), numbers, text)
payloads = st.none() | st.dictionaries(
    keys,
    st.recursive(
        scalars | st.integers(2**63, 2**70),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=2),
        max_leaves=4,
    ),
    max_size=4,
)
fields = st.lists(keys, min_size=1, max_size=2).map(
    lambda parts: "payload." + ".".join(p.replace("\\", "\\\\").replace(".", "\\.") for p in parts)
)
ordered = st.sampled_from(["gt", "gte", "lt", "lte"])


def operators_of(values):
    return (
        values
        | st.dictionaries(st.sampled_from(["eq", "ne"]), values, min_size=1)
        | (st.fixed_dictionaries({"in": st.lists(values, max_size=3)}))
    )


leaves = st.one_of(
    st.dictionaries(fields, operators_of(scalars), max_size=2),
    st.dictionaries(fields, st.dictionaries(ordered, numbers | text, min_size=1), max_size=2),
    st.fixed_dictionaries({"id": operators_of(text) | st.dictionaries(ordered, text, min_size=1)}),
    st.fixed_dictionaries(
        {"label": operators_of(st.none() | text) | st.dictionaries(ordered, text, min_size=1)}
    ),
)
filters = st.recursive(
    leaves,
    lambda inner: (
        st.dictionaries(st.sampled_from(["and", "or"]), st.lists(inner, max_size=3))
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=5,
)


@settings(max_examples=600, deadline=None)
@given(filters, text, st.none() | text, payloads)
@example({"payload.a": 9007199254740993}, "e", None, {"a": 9007199254740992})
@example({"payload.a": 1}, "e", None, {"a": True})
@example({"payload.a": {"ne": 1}}, "e", None, None)
@example({"not": {"payload.a": {"gt": 1}}}, "e", None, {"a": "x"})
@example({"payload.a": {"gt": "Z"}}, "e", None, {"a": "é"})
def test_sql_says_what_the_reference_says(filter_, name, label, payload):
    expected = reference(filter_, name, label, payload)
    assert TABLE.matches(filter_, name=name, label=label, payload=payload) == expected


@settings(max_examples=600, deadline=None)
@given(st.data(), keys, scalars)
def test_a_field_equals_its_own_value_and_nothing_else(data, key, value):
    """Random filters rarely hit; this one does always."""
    path = "payload." + key.replace("\\", "\\\\").replace(".", "\\.")
    payload = {"other": 1, key: value}
    assert TABLE.matches({path: value}, payload=payload)
    assert not TABLE.matches({path: {"ne": value}}, payload=payload)
    near = data.draw(scalars)
    assert TABLE.matches({path: {"in": ["zzzz", near]}}, payload=payload) == equals(value, near)
    if kind(near) in ("number", "str"):
        for operator in ("gt", "gte", "lt", "lte"):
            found = TABLE.matches({path: {operator: near}}, payload=payload)
            assert found == compares(operator, value, near)


@pytest.mark.parametrize(
    ("filter_", "matches"),
    [
        ({}, True),
        ({"and": []}, True),
        ({"or": []}, False),
        ({"label": "Acme"}, True),
        ({"label": None}, False),
        ({"label": {"ne": "Bolt"}}, True),
        ({"id": {"in": ["a", "acme-1"]}}, True),
        ({"payload.country": "JP"}, True),
        ({"payload.country": {"in": []}}, False),
        ({"payload.year": {"gte": 1950, "lt": 1960}}, True),
        ({"payload.year": {"gte": 1950, "lt": 1955}}, False),
        ({"payload.year": 1955.0}, True),
        ({"payload.year": "1955"}, False),
        ({"payload.on": 1}, False),
        ({"payload.gone": None}, True),
        ({"payload.nowhere": None}, False),
        ({"payload.nowhere": {"ne": None}}, True),
        ({"not": {"payload.nowhere": 1}}, True),
        ({"payload.tags": "red"}, False),
        ({"payload.tags.0": "red"}, False),
        ({"payload.in.side": 1}, True),
        ({r"payload.a\.b": 2}, True),
        ({"payload.a.b": 2}, False),
        ({"label": "Acme", "payload.country": "US"}, False),
        ({"or": [{"payload.country": "US"}, {"payload.year": 1955}]}, True),
    ],
)
def test_what_is_meant(filter_, matches):
    payload = {"country": "JP", "year": 1955, "on": True, "gone": None, "tags": ["red"]}
    payload |= {"in": {"side": 1}, "a.b": 2}
    assert TABLE.matches(filter_, name="acme-1", label="Acme", payload=payload) is matches


def test_sql_in_a_key_or_a_value_stays_a_value():
    hostile = "x') OR 1=1; DROP TABLE exemplars; --\""
    where, bindings = compile_sql(parse({f"payload.{hostile}": hostile, "label": hostile}))
    assert "DROP" not in where
    assert where.count("?") == len(bindings)
    assert not TABLE.matches({f"payload.{hostile}": hostile}, payload={})
    assert TABLE.matches({f"payload.{hostile}": 1}, payload={hostile: 1})


def nested(depth: int) -> dict:
    return {} if depth == 1 else {"not": nested(depth - 1)}


@pytest.mark.parametrize(
    ("filter_", "says"),
    [
        ([], "filter: a filter is an object, this is a list"),
        ({"and": {}}, r"filter\.and: and takes a list"),
        ({"and": [{}, 3]}, r"filter\.and\[1\]: a filter is an object, this is a number"),
        (
            {"and": [{}, {"payload.year": {"gte": None}}]},
            r"filter\.and\[1\]\.payload\.year\.gte: null has no order",
        ),
        ({"payload.a": {"lt": True}}, r"filter\.payload\.a\.lt: a boolean has no order"),
        ({"payload.a": {"near": 1}}, r"filter\.payload\.a\.near: unknown operator; use one of eq"),
        ({"payload.a": {}}, r"filter\.payload\.a: no operator"),
        ({"payload.a": [1]}, r"filter\.payload\.a: a list is no value"),
        ({"payload.a": {"in": 1}}, r"filter\.payload\.a\.in: in takes a list"),
        ({"payload.a": {"in": [{}]}}, r"filter\.payload\.a\.in: an object is no value"),
        ({"payload.a": 2**63}, "does not fit 64 bits"),
        ({"payload.a": float("nan")}, "not finite"),
        ({"payload.a": "\ud800"}, "not valid Unicode"),
        ({"payload.\ud800": 1}, "not valid Unicode"),
        ({"payload.a\0b": 1}, "not valid Unicode text"),
        ({"payload.a\\b": 1}, "after a backslash"),
        ({"payload": 1}, "unknown field"),
        ({"score": 1}, r"filter\.score: unknown field; use id, label, payload\.NAME"),
        ({3: 1}, "unknown field"),
        ({"id": None}, "an id is a string, this is null"),
        ({"label": 3}, "a label is a string or null, this is a number"),
        (nested(DEPTH_MAX + 1), "nested deeper than 16"),
        ({"id": {"in": ["x"] * (LEAVES_MAX + 1)}}, "more than 1000"),
        ({"or": [{"id": "x"}] * LEAVES_MAX}, "more than 1000"),
    ],
)
def test_what_cannot_be_read_is_refused_where_it_stands(filter_, says):
    with pytest.raises(FilterInvalid, match=says):
        parse(filter_)


@pytest.mark.parametrize("word", ["and", "or"])
def test_a_filter_as_large_as_allowed_is_run(word):
    wide = {word: [{"payload.a": {"eq": i}} for i in range(LEAVES_MAX - 1)]}
    assert TABLE.matches(wide, payload={"a": 5}) is (word == "or")
    assert isinstance(TABLE.matches(nested(DEPTH_MAX)), bool)
