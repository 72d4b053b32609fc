"""C++."""

from models.functions.declarators import declared_name, without_macros
from models.functions.naming import NOTHING, no_docstring

PACKAGE = "tree_sitter_cpp"
SUFFIXES = dict.fromkeys(
    (".cpp", ".cc", ".cxx", ".c++", ".hpp", ".hh", ".hxx", ".h++", ".ipp", ".cu"), "language"
)
QUERY = """
(function_definition body: (_)) @function
(class_specifier body: (_)) @class
(struct_specifier body: (_)) @class
(union_specifier body: (_)) @class
(namespace_definition) @scope
"""
SEPARATOR = "::"
WRAPPERS = frozenset({"template_declaration", "type_definition"})
COMMENTS = frozenset({"comment"})
SKIPPED = NOTHING
prepared = without_macros
name_of = declared_name
docstring_of = no_docstring
