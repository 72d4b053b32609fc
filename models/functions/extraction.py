"""Source code to its functions, methods and classes, each with its place, name and docstring.

What a grammar does not know is passed over: of half a file, what can be read is found.
"""

import textwrap
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal

from models.functions.comments import comments_before, first_line, last_line, spoken
from models.functions.language import Language, grammar_of, language

if TYPE_CHECKING:
    from tree_sitter import Node

Kind = Literal["function", "method", "class", "cell"]
DOCSTRING_CHARACTERS_MAX = 1000
NAME_CHARACTERS_MAX = 200
# What an encoder reads of a function, some 256 tokens. What stands within one that is not longer is
# found with it; what stands in a longer one would not be.
LINES_READ = 40
ELIDED = b"..."


@dataclass(frozen=True, slots=True)
class Function:
    """A function, a method, a class or a notebook's cell.

    Args:
        symbol: its name behind those of what it stands in.
        kind: structs, interfaces, traits and the like are classes.
        start_line, end_line: from 1 on, decorators included; of a cell, within the cell.
        code: from the comment before it on, dedented; of a class, without its methods' bodies.
        docstring: what it says about itself, or what the comment before it says.
    """

    symbol: str
    kind: Kind
    start_line: int
    end_line: int
    code: str
    docstring: str


@dataclass(frozen=True, slots=True)
class Found:
    """What stands in a file, in its order; and the first line that is none of the language's."""

    functions: list[Function]
    broken_line: int | None = None


@dataclass(slots=True)
class _Open:
    """A captured node while what stands in it is looked at; `hidden` are bodies of what does."""

    capture: str
    node: "Node"
    name: str
    found: bool
    hidden: list[tuple[int, int]] = field(default_factory=list)


def functions_of(source: bytes, name: str, path: str = "") -> Found:
    """Find what stands in a file.

    Args:
        source: the file, in UTF-8.
        name: of its language.
        path: of the file, where the language has several grammars.

    Raises:
        Missing: the grammars are not installed.
    """
    from tree_sitter import Parser, QueryCursor  # noqa: PLC0415 - an extra

    grammar, query = grammar_of(name, PurePosixPath(path).suffix.lower())
    tree = Parser(grammar).parse(language(name).prepared(source))
    root = tree.root_node
    captures = QueryCursor(query).captures(root)
    nodes = {node.id: (capture, node) for capture, some in captures.items() for node in some}
    ordered = sorted(nodes.values(), key=lambda one: (one[1].start_byte, -one[1].end_byte))
    found = _nested(ordered, language(name))
    functions = [_function(one, source, language(name)) for one in found]
    return Found(functions, _broken_line(root) if root.has_error else None)


def _nested(ordered: list[tuple[str, "Node"]], of: Language) -> list[_Open]:
    """Name captured nodes after those that they stand in, and keep those that are to be found."""
    opened: list[_Open] = []
    kept: list[_Open] = []
    for capture, node in ordered:
        while opened and opened[-1].node.end_byte <= node.start_byte:
            opened.pop()
        own = _name(of.name_of(node))
        if own is None:
            continue
        above = opened[-1] if opened else None
        name = own if above is None else f"{above.name}{of.SEPARATOR}{own}"
        is_method = capture == "function" and (
            of.SEPARATOR in own or (above is not None and above.capture in ("class", "type"))
        )
        one = _Open("method" if is_method else capture, node, name, found=False)
        short = next((o for o in opened if o.capture in ("function", "method")), None)
        within = short is not None and last_line(short.node) - first_line(short.node) < LINES_READ
        if capture in ("function", "class") and not within:
            one.found = True
            kept.append(one)
            if above is not None and above.capture == "class" and (body := _body(node)):
                above.hidden.append((body.start_byte, body.end_byte))
        opened.append(one)
    return kept


def _function(one: _Open, source: bytes, of: Language) -> Function:
    whole = _wrapped(one.node, of)
    comments = comments_before(whole, of)
    start = comments[0].start_byte if comments else whole.start_byte
    docstring = of.docstring_of(one.node)
    if docstring is None:
        docstring = spoken(comments)
    kind: Kind = "class" if one.capture == "class" else "function"
    return Function(
        symbol=one.name,
        kind="method" if one.capture == "method" else kind,
        start_line=first_line(whole) + 1,
        end_line=last_line(whole) + 1,
        code=_code(source, start, whole.end_byte, one.hidden),
        docstring=docstring[:DOCSTRING_CHARACTERS_MAX].strip(),
    )


def _wrapped(node: "Node", of: Language) -> "Node":
    """Climb to what wraps a node and nothing else of its kind."""
    while (parent := node.parent) is not None and parent.type in of.WRAPPERS:
        others = {one.type for one in parent.children if one != node}
        if node.type in others or "(" in others:  # `type ( ... )` of Go wraps several
            break
        node = parent
    return node


def _code(source: bytes, start: int, end: int, hidden: list[tuple[int, int]]) -> str:
    """Cut a piece out of its file, without what is hidden, from its line's indentation on."""
    line = source.rfind(b"\n", 0, start) + 1
    at = line if not source[line:start].strip() else start
    parts = []
    for low, high in hidden:
        parts += [source[at:low], ELIDED]
        at = high
    parts.append(source[at:end])
    return textwrap.dedent(b"".join(parts).decode("utf-8", "replace").expandtabs(4)).strip()


def _body(node: "Node") -> "Node | None":
    for name in ("value", "right"):
        inner = node.child_by_field_name(name)
        node = node if inner is None else inner
    return node.child_by_field_name("body")


def _name(name: str | None) -> str | None:
    """Write a name in one line, as long as a name may be."""
    short = " ".join((name or "").split())[:NAME_CHARACTERS_MAX]
    return short or None


def _broken_line(root: "Node") -> int:
    """Find the first line that is not understood."""
    node = root
    while (inner := next((one for one in node.children if one.has_error), None)) is not None:
        node = inner
        if node.is_error or node.is_missing:
            break
    return first_line(node) + 1
