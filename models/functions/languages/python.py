"""Python."""

import inspect
from typing import TYPE_CHECKING

from models.functions.naming import NOTHING, as_it_is, field_name, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

PACKAGE = "tree_sitter_python"
SUFFIXES = {".py": "language", ".pyw": "language"}
QUERY = """
(function_definition) @function
(class_definition) @class
"""
SEPARATOR = "."
WRAPPERS = frozenset({"decorated_definition"})
COMMENTS = NOTHING
SKIPPED = NOTHING
prepared = as_it_is
name_of = field_name


def docstring_of(node: "Node") -> str | None:
    """Return the string that a body begins with."""
    body = node.child_by_field_name("body")
    first = body.named_children[0] if body is not None and body.named_child_count else None
    if first is None or first.type != "expression_statement" or not first.named_child_count:
        return None
    string = first.named_children[0]
    if string.type != "string" or (string.named_children[0].text or b"").strip(b"\"'rRuU"):
        return None
    parts = [text_of(part) or "" for part in string.named_children if part.type == "string_content"]
    return inspect.cleandoc("".join(parts))
