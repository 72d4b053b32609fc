"""How most languages name things: in a field of the node."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node

NOTHING: frozenset[str] = frozenset()


def text_of(node: "Node | None") -> str | None:
    """Return the source of a node; None where there is no node, or nothing in it."""
    if node is None or node.text is None:
        return None
    return node.text.decode("utf-8", "replace") or None


def field_name(node: "Node") -> str | None:
    """Return the source of a node's field `name`."""
    return text_of(node.child_by_field_name("name"))


def without_arguments(name: str | None) -> str | None:
    """Take the arguments of generic types away.

    >>> without_arguments("Map<K, List<V>>::get"), without_arguments("operator<")
    ('Map::get', 'operator<')
    """
    if name is None or name.startswith("operator"):
        return name
    kept, depth = [], 0
    for letter in name:
        depth += letter in "<["
        if depth == 0:
            kept.append(letter)
        depth -= letter in ">]"
    return "".join(kept).strip() or name


def as_it_is(source: bytes) -> bytes:
    """Have the grammar read a file as it stands."""
    return source


def no_docstring(_: "Node") -> str | None:
    """Say that a language tells of a thing before it, never within."""
    return None
