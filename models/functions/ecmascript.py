"""What JavaScript and TypeScript have in common."""

from typing import TYPE_CHECKING

from models.functions.naming import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

QUERY = """
(function_declaration) @function
(generator_function_declaration) @function
(method_definition) @function
(variable_declarator value: [(arrow_function) (function_expression) (generator_function)]) @function
(assignment_expression right: [(arrow_function) (function_expression)]) @function
(pair value: [(arrow_function) (function_expression)]) @function
(class_declaration) @class
(class) @class
(variable_declarator value: (object)) @scope
"""
WRAPPERS = frozenset(
    {"export_statement", "lexical_declaration", "variable_declaration", "expression_statement"}
)
COMMENTS = frozenset({"comment"})
_FIELDS = ("name", "property", "left", "key")


def name_of(node: "Node") -> str | None:
    """Return the name of a declaration, of a property, or of what a function is assigned to.

    `Cart.prototype.total = function` and `exports.total = function` are named as they are called.
    """
    for field in _FIELDS:
        name = text_of(node.child_by_field_name(field))
        if name is not None:
            parts = name.strip("'\"`").split(".")
            return ".".join(p for p in parts if p not in {"prototype", "exports", "module", "this"})
    if node.parent is not None and node.parent.type == "variable_declarator":
        return text_of(node.parent.child_by_field_name("name"))
    return "default" if node.parent is not None and node.parent.type == "export_statement" else None
