"""Ruby."""

from typing import TYPE_CHECKING

from models.functions.naming import NOTHING, as_it_is, field_name, no_docstring, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

PACKAGE = "tree_sitter_ruby"
SUFFIXES = {".rb": "language", ".rake": "language"}
QUERY = """
(method) @function
(singleton_method) @function
(class) @class
(module) @class
(singleton_class) @type
"""
SEPARATOR = "::"
WRAPPERS = NOTHING
COMMENTS = frozenset({"comment"})
SKIPPED = NOTHING
prepared = as_it_is
docstring_of = no_docstring


def name_of(node: "Node") -> str | None:
    """Return the name; `class << self` has none, and what it holds is named as if beside it."""
    return None if node.type == "singleton_class" else field_name(node) or text_of(node)
