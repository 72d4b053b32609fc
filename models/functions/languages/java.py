"""Java."""

from models.functions.naming import NOTHING, as_it_is, field_name, no_docstring

PACKAGE = "tree_sitter_java"
SUFFIXES = {".java": "language"}
QUERY = """
(method_declaration body: (_)) @function
(constructor_declaration) @function
(compact_constructor_declaration) @function
(class_declaration) @class
(interface_declaration) @class
(enum_declaration) @class
(record_declaration) @class
(annotation_type_declaration) @class
(enum_constant body: (_)) @type
"""
SEPARATOR = "."
WRAPPERS = NOTHING
COMMENTS = frozenset({"line_comment", "block_comment"})
SKIPPED = NOTHING
prepared = as_it_is
name_of = field_name
docstring_of = no_docstring
