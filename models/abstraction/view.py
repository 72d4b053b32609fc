"""A source as the encoder of clones sees it: structure, library and literals' kinds; no names.

After the abstract views of clone detectors (Roy, Cordy, Koschke, "Comparison and evaluation of code
clone detection techniques and tools", 2009: type-2 clones differ by names and literals alone), with
what the languages spell differently spelt alike, so that copies in another language come near.
"""

from collections.abc import Callable, Sequence

from models.abstraction.aliases import without_aliases
from models.abstraction.blocks import braced
from models.abstraction.lexing import Family, Lexeme, family_of, lexemes
from models.abstraction.pieces import ordered
from models.abstraction.roles import numbered
from models.abstraction.words import ITSELF, KEYWORDS, MODULES, SILENT, SPELT

LEXEMES_MAX = 20_000  # read of one source; what follows would be cut off by any encoder


def abstracted(
    source: str, known: Callable[[str], bool], family: Family | None = None
) -> list[str]:
    """Write a source as the tokens of its abstract view.

    >>> words = {"print", "range"}.__contains__
    >>> " ".join(abstracted("def Up(xs):\\n    for x in xs:\\n        print(x + 7)  # all", words))
    'function f0 ( v0 ) { for v1 in v0 { print ( v1 + 7 ) ; } }'
    >>> " ".join(abstracted("int up(int n) { return n && n->next; }", {"int", "next"}.__contains__))
    'int f0 ( int v0 ) { return v0 and v0 . next ; }'

    Args:
        known: whether a word is one of the vocabulary: those keep their spelling.
        family: how blocks are marked; None finds out.
    """
    if family is None:
        family = family_of(source)
    stream: list[Lexeme] = []
    for lexeme in lexemes(source, family):
        stream.append(lexeme)
        if len(stream) == LEXEMES_MAX:
            break
    stream = braced(stream) if family == "indented" else without_aliases(stream)
    return numbered(ordered(_spelt_alike(stream), known), known)


def _spelt_alike(stream: Sequence[Lexeme]) -> list[Lexeme]:
    """Spell what languages spell differently in one way, and leave out what says nothing."""
    out: list[Lexeme] = []
    place = 0
    while place < len(stream):
        kind, text = stream[place]
        after = stream[place + 1].text if place + 1 < len(stream) else ""
        if text in ("import", "from", "using", "include", "@", "package") and _starts(out):
            place = _past(stream, place)
            continue
        if kind == "name" and (width := _said_nothing(text, after, out)):
            place += width
            continue
        text = SPELT.get(text, text)
        if text == "elif":
            out += [Lexeme("name", "else"), Lexeme("name", "if")]
        elif text in ("long", "int") and out and out[-1].text in ("long", "int"):
            out[-1] = Lexeme("name", "long" if "long" in (text, out[-1].text) else "int")
        else:
            out.append(Lexeme(kind, text))
        place += 1
    return _stepped(out)


def _said_nothing(text: str, after: str, out: Sequence[Lexeme]) -> int:
    """Count the lexemes from a name on that say nothing: `std::`, `public:`, `self.`, `(self,`."""
    qualifies = after in (".", "->", "::")
    if text in SILENT:
        return 2 if qualifies or after == ":" else 1
    if text in ITSELF:
        is_parameter = bool(out) and out[-1].text == "(" and after in (",", ")")
        return 2 if qualifies or (is_parameter and after == ",") else int(is_parameter)
    return 2 if text in MODULES and qualifies else 0


def _starts(out: Sequence[Lexeme]) -> bool:
    """Tell whether a statement starts here."""
    return not out or out[-1].text in (";", "{", "}")


def _past(stream: Sequence[Lexeme], place: int) -> int:
    """Skip a statement, but not a block: a decorator's line, an import."""
    depth = 0
    while place < len(stream):
        text = stream[place].text
        depth += (text in ("(", "[")) - (text in (")", "]"))
        if text == ";" and depth <= 0:
            return place + 1
        if text == "{" and depth <= 0:
            return place
        place += 1
    return place


def _stepped(stream: Sequence[Lexeme]) -> list[Lexeme]:
    """Write `++x`, `x++` and `x += 1` alike, as `x ++`."""
    out: list[Lexeme] = []
    place = 0
    while place < len(stream):
        text = stream[place].text
        after = stream[place + 1] if place + 1 < len(stream) else None
        behind = stream[place + 2].text if place + 2 < len(stream) else ""
        if (
            text in ("++", "--")
            and after is not None
            and after.kind == "name"  # behind `x ++` none could stand
            and after.text not in KEYWORDS
            and behind not in ("[", ".", "(")
        ):
            out += [after, stream[place]]
            place += 2
            continue
        if text in ("+=", "-=") and after is not None and after.text == "1":
            out.append(Lexeme("operator", "++" if text == "+=" else "--"))
            place += 2
            continue
        out.append(stream[place])
        place += 1
    return out
