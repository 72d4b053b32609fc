"""Rust."""

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

PACKAGE = "tree_sitter_rust"
SUFFIXES = {".rs": "language"}
QUERY = """
(function_item) @function
(macro_definition) @function
(struct_item) @class
(enum_item) @class
(union_item) @class
(trait_item) @class
(impl_item) @type
(mod_item body: (_)) @scope
"""
SEPARATOR = "::"
WRAPPERS = NOTHING
COMMENTS = frozenset({"line_comment", "block_comment"})
SKIPPED = frozenset({"attribute_item"})
prepared = as_it_is
docstring_of = no_docstring


def name_of(node: "Node") -> str | None:
    """Return the name; of an `impl`, the type that it is for."""
    if node.type == "impl_item":
        return without_arguments(text_of(node.child_by_field_name("type")))
    return field_name(node)
