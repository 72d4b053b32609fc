"""What C and C++ have in common: macros, and functions that are named inside their declarators."""

import re
from typing import TYPE_CHECKING

from models.functions.naming import text_of, without_arguments

if TYPE_CHECKING:
    from tree_sitter import Node

_NESTED = {"parenthesized_declarator", "reference_declarator", "attributed_declarator"}
DEPTH_MAX = 20
# `class MY_API Cart {`, `MY_API int total() {`: no grammar knows what such a word expands to, and
# with it the class is taken for a function.
_MACRO = re.compile(
    rb"^[ \t]*[A-Z][A-Z0-9]*_[A-Z0-9_]+(?=\s+[A-Za-z_])"
    rb"|(?<=\bclass)\s+[A-Z][A-Z0-9_]+(?=\s+\w)|(?<=\bstruct)\s+[A-Z][A-Z0-9_]+(?=\s+\w)",
    re.MULTILINE,
)


def without_macros(source: bytes) -> bytes:
    """Put blanks in the place of macros before declarations; nothing else moves.

    >>> without_macros(b"class MY_API Cart {};")
    b'class        Cart {};'
    """
    return _MACRO.sub(lambda found: re.sub(rb"\S", b" ", found[0]), source)


def declared_name(node: "Node") -> str | None:
    """Return the name in a function's declarator, or of a type, or of its `typedef`."""
    if node.type == "operator_cast":
        return f"operator {text_of(node.child_by_field_name('type'))}"
    if node.type != "function_definition":
        name = text_of(node.child_by_field_name("name"))
        if name is None and node.parent is not None and node.parent.type == "type_definition":
            name = text_of(node.parent.child_by_field_name("declarator"))
        return without_arguments(name)
    return _innermost(node)


def _innermost(node: "Node") -> str | None:
    for _ in range(DEPTH_MAX):
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type in _NESTED:
            inner = next((one for one in node.named_children), None)
        if inner is None:
            break
        node = inner
        if node.type == "operator_cast":
            return f"operator {text_of(node.child_by_field_name('type'))}"
    return None if node.type == "function_definition" else without_arguments(text_of(node))
