"""TypeScript, and TSX."""

from models.functions import ecmascript
from models.functions.naming import as_it_is, no_docstring

PACKAGE = "tree_sitter_typescript"
SUFFIXES = {
    ".ts": "language_typescript",
    ".mts": "language_typescript",
    ".cts": "language_typescript",
    ".tsx": "language_tsx",
}
QUERY = (
    ecmascript.QUERY
    + """
(public_field_definition value: [(arrow_function) (function_expression)]) @function
(abstract_class_declaration) @class
(interface_declaration) @class
(internal_module) @scope
(module) @scope
"""
)
SEPARATOR = "."
WRAPPERS = ecmascript.WRAPPERS
COMMENTS = ecmascript.COMMENTS
SKIPPED = frozenset({"decorator"})
prepared = as_it_is
name_of = ecmascript.name_of
docstring_of = no_docstring
