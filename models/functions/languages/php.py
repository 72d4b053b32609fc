"""PHP."""

from models.functions.naming import NOTHING, as_it_is, field_name, no_docstring

PACKAGE = "tree_sitter_php"
SUFFIXES = {".php": "language_php", ".phtml": "language_php"}
QUERY = """
(function_definition) @function
(method_declaration body: (_)) @function
(class_declaration) @class
(interface_declaration) @class
(trait_declaration) @class
(enum_declaration) @class
(namespace_definition body: (_)) @scope
"""
SEPARATOR = "::"
WRAPPERS = NOTHING
COMMENTS = frozenset({"comment"})
SKIPPED = NOTHING
prepared = as_it_is
name_of = field_name
docstring_of = no_docstring
