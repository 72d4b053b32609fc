"""The port to one programming language, and the catalog: a file of `languages/` is one."""

import functools
import importlib
import pkgutil
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Protocol, cast

from models.functions import languages

if TYPE_CHECKING:
    from tree_sitter import Language as Grammar
    from tree_sitter import Node, Query

# A header of C++ says so somewhere at the beginning of a line; others are of C.
HEADER_OF_CPP = re.compile(
    rb"^\s*(?:class\s+\w|namespace\b|template\s*<|(?:public|private|protected)\s*:|using\s+\w)",
    re.MULTILINE,
)


class Missing(RuntimeError):
    """The grammars are not installed."""


class Language(Protocol):
    """How functions look in one language; a module of `models/functions/languages/`."""

    PACKAGE: str
    """The grammar's package."""

    SUFFIXES: Mapping[str, str]
    """What its files' names end in, each with the package's function that gives the grammar."""

    QUERY: str
    """A tree-sitter query whose captures say what a node is.

    `@function` and `@class` are found; a function inside a `@class` is a method. `@scope` and
    `@type` only lend their names to what stands in them; functions inside a `@type` are methods.
    """

    SEPARATOR: str
    """Between the names of what encloses and of what is enclosed."""

    WRAPPERS: frozenset[str]
    """Types of nodes that belong to the one that they wrap: decorators, `export`, `template`."""

    COMMENTS: frozenset[str]
    """Types of nodes that tell of what follows them."""

    SKIPPED: frozenset[str]
    """Types of nodes that may stand between a comment and what it tells of."""

    def prepared(self, source: bytes) -> bytes:
        """Blank out what the grammar cannot know; every byte keeps its place."""
        ...

    def name_of(self, node: "Node") -> str | None:
        """Tell the name that a captured node gives, qualified as far as it says; None: none."""
        ...

    def docstring_of(self, node: "Node") -> str | None:
        """Return the text that a node holds about itself, as it stands; None: look before it."""
        ...


@functools.cache
def language_names() -> tuple[str, ...]:
    """List the languages there are: one per file of `models/functions/languages/`."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(languages.__path__)))


@functools.cache
def language(name: str) -> Language:
    """Import a language."""
    return cast(Language, importlib.import_module(f"{languages.__name__}.{name}"))


@functools.cache
def suffixes() -> dict[str, str]:
    """Tell what the names of source files end in, each with its language."""
    return {suffix: name for name in language_names() for suffix in language(name).SUFFIXES}


def language_of(path: str, source: bytes) -> str | None:
    """Tell a file's language by its name, and of a header `.h` by what it holds; None: none.

    >>> language_of("a/b.py", b""), language_of("a.h", b"class A;"), language_of("README", b"")
    ('python', 'cpp', None)
    """
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".h" and HEADER_OF_CPP.search(source):
        return "cpp"
    return suffixes().get(suffix)


@functools.cache
def grammar_of(name: str, suffix: str) -> "tuple[Grammar, Query]":
    """Open the grammar of a language's files, and its query.

    Args:
        suffix: of the file, where a language has several grammars; any other takes its first.

    Raises:
        Missing: the packages are not installed.
    """
    try:
        import tree_sitter  # noqa: PLC0415 - an extra
    except ImportError:
        raise Missing("tree-sitter is not installed: pip install 'semblance[code]'") from None
    one = language(name)
    package = importlib.import_module(one.PACKAGE)
    function = one.SUFFIXES.get(suffix) or next(iter(one.SUFFIXES.values()))
    grammar = tree_sitter.Language(getattr(package, function)())
    return grammar, tree_sitter.Query(grammar, one.QUERY)
