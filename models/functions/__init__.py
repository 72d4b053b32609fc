"""Functions, methods and classes found in source code, by tree-sitter."""
