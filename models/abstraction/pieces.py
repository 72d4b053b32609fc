"""The top-level pieces of a source: what a program runs first, and what it never runs left out.

Those who solve problems in contests put their whole library before their program: of the first 512
lexemes none may be about the problem.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from models.abstraction.lexing import Lexeme

_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
_GOES_ON = frozenset((";", ",", ")", ".", "else", "catch", "finally"))
_RUNS = frozenset(("print", "input", "stdin", "stdout", "main", "solve", "printf", "puts"))


@dataclass(frozen=True, slots=True)
class Piece:
    """One definition at the top level, or one statement.

    Args:
        name: what it defines; None of a statement.
    """

    lexemes: tuple[Lexeme, ...]
    name: str | None


def ordered(stream: Sequence[Lexeme], known: Callable[[str], bool]) -> list[Lexeme]:
    """Put what a program runs first, and leave out what it does not reach.

    A source that is no program, a function or a class or several, is left as it is.

    Args:
        known: whether a name is none of the source's own.
    """
    pieces = _pieces(stream)
    entries = [piece for piece in pieces if _is_entry(piece)]
    if not entries or len(pieces) == len(entries):
        return list(stream)
    names = [{one.text for one in p.lexemes if one.kind == "name"} for p in pieces]
    reached = {place for place, piece in enumerate(pieces) if _is_entry(piece)}
    waiting = list(reached)
    while waiting:
        used = names[waiting.pop()]
        for place, piece in enumerate(pieces):
            if place in reached:
                continue
            own = {piece.name} if piece.name is not None else names[place]
            if any(name in used and not known(name) for name in own if name):
                reached.add(place)
                waiting.append(place)
    rest = [p for place, p in enumerate(pieces) if place in reached and not _is_entry(p)]
    return [one for piece in (*entries, *rest) for one in piece.lexemes]


def _is_entry(piece: Piece) -> bool:
    if piece.name is not None:
        return piece.name == "main" and piece.lexemes[0].text != "function"
    return any(one.kind == "name" and one.text in _RUNS for one in piece.lexemes)


def _pieces(stream: Sequence[Lexeme]) -> list[Piece]:
    pieces: list[Piece] = []
    start = depth = 0
    for place, lexeme in enumerate(stream):
        if lexeme.kind != "operator":
            continue
        depth += (lexeme.text in _OPEN) - (lexeme.text in _CLOSE)
        depth = max(0, depth)
        follows = stream[place + 1].text if place + 1 < len(stream) else ""
        ends = lexeme.text == ";" or (lexeme.text == "}" and follows not in _GOES_ON)
        if depth == 0 and ends:
            pieces.append(_piece(tuple(stream[start : place + 1])))
            start = place + 1
    if start < len(stream):
        pieces.append(_piece(tuple(stream[start:])))
    return pieces


def _piece(lexemes: tuple[Lexeme, ...]) -> Piece:
    texts = [lexeme.text for lexeme in lexemes]
    for place, text in enumerate(texts[:24]):
        if text in ("class", "function", "enum", "interface", "union") and place + 1 < len(texts):
            return Piece(lexemes, texts[place + 1])
        if text in ("=", "if", "for", "while", "try", "with", "[", "{"):
            return Piece(lexemes, None)
        if text == "(":
            # A call ends with `;`, a definition with a block.
            called = lexemes[place - 1] if place else None
            is_made = texts[-1] == "}" and called is not None and called.kind == "name"
            return Piece(lexemes, called.text if is_made and called else None)
    return Piece(lexemes, None)
