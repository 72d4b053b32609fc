"""Names that stand for other code in one file: macros, typedefs, imports under another name."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models.abstraction.lexing import Lexeme, lexemes

EXPANSIONS_MAX = 4000  # of one source: macros may call macros, and some double what they are given
_DEFINE = re.compile(r"\s*#\s*define\s+(\w+)(\(([^()]*)\))?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Alias:
    """What a name stands for.

    Args:
        parameters: of a macro that is called; None for a plain name.
    """

    parameters: tuple[str, ...] | None
    body: tuple[Lexeme, ...]


def without_aliases(stream: Sequence[Lexeme]) -> list[Lexeme]:
    """Write out the macros, typedefs and `using X = Y` of a C-like source; directives go.

    >>> code = "#define REP(i, n) for (int i = 0; i < n; ++i)\\nREP(k, 9) f(k);"
    >>> " ".join(text for _, text in without_aliases(list(lexemes(code, "braced"))))
    'for ( int k = 0 ; k < 9 ; ++ k ) f ( k ) ;'
    """
    known: dict[str, Alias] = {}
    rest: list[Lexeme] = []
    place = 0
    while place < len(stream):
        lexeme = stream[place]
        if lexeme.kind == "directive":
            known |= _defined(lexeme.text)
        elif lexeme.text in ("typedef", "using") and (end := _statement_end(stream, place)):
            known |= _renamed(stream[place:end])
            place = end
        else:
            rest.append(lexeme)
        place += 1
    return _expanded(rest, known) if known else rest


def _defined(directive: str) -> dict[str, Alias]:
    match = _DEFINE.match(directive)
    if match is None:
        return {}
    name, called, listed, text = match.groups()
    body = tuple(lexemes(text.replace("\\\n", " "), "braced"))
    if called is None:
        return {name: Alias(None, body)}
    parameters = tuple(part.strip() for part in listed.split(",") if part.strip())
    return {name: Alias(parameters, body)}


def _statement_end(stream: Sequence[Lexeme], start: int) -> int | None:
    """Find the `;` of a short statement without a block."""
    for place in range(start, min(start + 40, len(stream))):
        if stream[place].text == "{":
            return None
        if stream[place].text == ";":
            return place
    return None


def _renamed(statement: Sequence[Lexeme]) -> dict[str, Alias]:
    """Read `typedef A B` or `using B = A`; `using namespace` and function types name nothing."""
    texts = [lexeme.text for lexeme in statement]
    if texts[0] == "using" and "=" in texts:
        return {texts[1]: Alias(None, tuple(statement[texts.index("=") + 1 :]))}
    if texts[0] == "typedef" and len(texts) > 2 and "(" not in texts:
        return {texts[-1]: Alias(None, tuple(statement[1:-1]))}
    return {}


def _expanded(stream: Iterable[Lexeme], known: Mapping[str, Alias]) -> list[Lexeme]:
    """Replace names by their bodies, what is in the bodies too; a name is not expanded in its own.

    A bound on the number keeps a hostile source from growing without end.
    """
    left = EXPANSIONS_MAX
    out: list[Lexeme] = []
    # Each lexeme with the names that it came from.
    waiting = [(lexeme, frozenset[str]()) for lexeme in reversed(list(stream))]
    while waiting:
        lexeme, within = waiting.pop()
        alias = known.get(lexeme.text) if lexeme.kind == "name" else None
        if alias is None or lexeme.text in within or left <= 0:
            out.append(lexeme)
            continue
        body: Sequence[Lexeme] = alias.body
        if alias.parameters is not None:
            if not waiting or waiting[-1][0].text != "(":
                out.append(lexeme)
                continue
            body = _filled(alias, _arguments(waiting))
        left -= 1 + len(body) // 8
        within = within | {lexeme.text}
        waiting.extend((one, within) for one in reversed(body))
    return out


def _arguments(waiting: list[tuple[Lexeme, frozenset[str]]]) -> list[list[Lexeme]]:
    """Take the arguments of a call off the stack, brackets and all."""
    arguments: list[list[Lexeme]] = [[]]
    depth = 0
    while waiting:
        lexeme = waiting.pop()[0]
        depth += (lexeme.text in ("(", "[", "{")) - (lexeme.text in (")", "]", "}"))
        if depth == 0:
            break
        if depth == 1 and lexeme.text == ",":
            arguments.append([])
        elif depth > 1 or lexeme.text != "(":
            arguments[-1].append(lexeme)
    return arguments


def _filled(alias: Alias, arguments: Sequence[Sequence[Lexeme]]) -> list[Lexeme]:
    parameters = alias.parameters or ()
    given = dict(zip(parameters, arguments, strict=False))
    rest = [one for part in arguments[max(0, len(parameters) - 1) :] for one in part]
    if parameters and parameters[-1].endswith("..."):
        given["__VA_ARGS__"] = rest
    return [one for lexeme in alias.body for one in given.get(lexeme.text, (lexeme,))]
