"""JavaScript."""

from models.functions import ecmascript
from models.functions.naming import NOTHING, as_it_is, no_docstring

PACKAGE = "tree_sitter_javascript"
SUFFIXES = {".js": "language", ".mjs": "language", ".cjs": "language", ".jsx": "language"}
QUERY = (
    ecmascript.QUERY
    + "(field_definition value: [(arrow_function) (function_expression)]) @function"
)
SEPARATOR = "."
WRAPPERS = ecmascript.WRAPPERS
COMMENTS = ecmascript.COMMENTS
SKIPPED = NOTHING
prepared = as_it_is
name_of = ecmascript.name_of
docstring_of = no_docstring
