"""C."""

from models.functions.declarators import declared_name, without_macros
from models.functions.naming import NOTHING, no_docstring

PACKAGE = "tree_sitter_c"
SUFFIXES = {".c": "language", ".h": "language"}
QUERY = """
(function_definition body: (_)) @function
(struct_specifier body: (_)) @class
(union_specifier body: (_)) @class
"""
SEPARATOR = "."
WRAPPERS = frozenset({"type_definition"})
COMMENTS = frozenset({"comment"})
SKIPPED = NOTHING
prepared = without_macros
name_of = declared_name
docstring_of = no_docstring
