"""Go."""

from typing import TYPE_CHECKING

from models.functions.naming import (
    NOTHING,
    as_it_is,
    field_name,
    no_docstring,
    text_of,
    without_arguments,
)

if TYPE_CHECKING:
    from tree_sitter import Node

PACKAGE = "tree_sitter_go"
SUFFIXES = {".go": "language"}
QUERY = """
(function_declaration body: (_)) @function
(method_declaration body: (_)) @function
(type_spec type: [(struct_type) (interface_type)]) @class
"""
SEPARATOR = "."
WRAPPERS = frozenset({"type_declaration"})
COMMENTS = frozenset({"comment"})
SKIPPED = NOTHING
prepared = as_it_is
docstring_of = no_docstring


def name_of(node: "Node") -> str | None:
    """Return the name, of a method behind that of its receiver's type."""
    name = field_name(node)
    receiver = text_of(node.child_by_field_name("receiver"))
    if receiver is None:
        return name
    words = (without_arguments(receiver.strip("()")) or "").split()
    return f"{words[-1].lstrip('*')}.{name}" if words else name
