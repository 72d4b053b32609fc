"""C#."""

from typing import TYPE_CHECKING

from models.functions.naming import NOTHING, as_it_is, field_name, no_docstring, text_of

if TYPE_CHECKING:
    from tree_sitter import Node

PACKAGE = "tree_sitter_c_sharp"
SUFFIXES = {".cs": "language"}
QUERY = """
(method_declaration body: (_)) @function
(constructor_declaration) @function
(destructor_declaration) @function
(operator_declaration) @function
(local_function_statement) @function
(class_declaration) @class
(interface_declaration) @class
(struct_declaration) @class
(record_declaration) @class
(namespace_declaration) @scope
"""
SEPARATOR = "."
WRAPPERS = NOTHING
COMMENTS = frozenset({"comment"})
SKIPPED = NOTHING
prepared = as_it_is
docstring_of = no_docstring


def name_of(node: "Node") -> str | None:
    """Return the name; an operator has its sign, a finaliser its tilde."""
    if node.type == "operator_declaration":
        return f"operator {text_of(node.child_by_field_name('operator'))}"
    name = field_name(node)
    return f"~{name}" if node.type == "destructor_declaration" else name
