"""Names numbered by role in the order of their appearance; literals told by their kind."""

import ast
from collections.abc import Callable, Iterable, Sequence

from models.abstraction.lexing import Lexeme
from models.abstraction.words import KEYWORDS, NUMBERS_KEPT

ROLES = {"f": 12, "t": 8, "m": 16, "v": 40}
"""Function, type, member and variable, and how many of each are told apart."""
_ASSIGN = "= += -= *= /= //= %= &= |= ^= <<= >>= **="
_ASSIGNS = frozenset(_ASSIGN.split())
_STRING_WORDS_MAX = 3
_TYPE_BEFORE = frozenset(("class", "new", "enum", "interface", "union", "typename", "template"))


def numbered(stream: Sequence[Lexeme], known: Callable[[str], bool]) -> list[str]:
    """Abstract the names and literals of a source.

    A name of a library keeps its word, unless the source declares it as its own.

    Args:
        known: whether a word is in the vocabulary.
    """
    own = _declared(stream)
    ranks: dict[str, tuple[int, str]] = {}
    for place, lexeme in enumerate(stream):
        if lexeme.kind == "name" and not _is_kept(stream, place, own, known):
            role, sure = _role(stream, place)
            ranks[lexeme.text] = max(ranks.get(lexeme.text, (-1, "v")), (sure, role))
    counts = dict.fromkeys(ROLES, 0)
    numbers: dict[str, str] = {}
    out: list[str] = []
    for place, lexeme in enumerate(stream):
        if lexeme.kind == "number":
            out.append(_number(lexeme.text))
        elif lexeme.kind == "string":
            out.extend(_string(lexeme.text, known))
        elif lexeme.kind != "name" or _is_kept(stream, place, own, known):
            out.append(lexeme.text)
        else:
            name = lexeme.text
            if name not in numbers:
                role = ranks[name][1]
                numbers[name] = f"{role}{min(counts[role], ROLES[role] - 1)}"
                counts[role] += 1
            out.append(numbers[name])
    return out


def _is_kept(
    stream: Sequence[Lexeme], place: int, own: frozenset[str], known: Callable[[str], bool]
) -> bool:
    text = stream[place].text
    if text in KEYWORDS:
        return True
    if not known(text):
        return False
    return text not in own or _before(stream, place) == "."


def _before(stream: Sequence[Lexeme], place: int) -> str:
    return stream[place - 1].text if place else ""


def _after(stream: Sequence[Lexeme], place: int) -> str:
    return stream[place + 1].text if place + 1 < len(stream) else ""


def _role(stream: Sequence[Lexeme], place: int) -> tuple[str, int]:
    """Tell what a name is by what stands around it, and how sure that is."""
    text, before = stream[place].text, _before(stream, place)
    is_title = text[0].isupper() and not text.isupper()
    if before in _TYPE_BEFORE:
        return "t", 4
    if before == ".":
        return "m", 2
    if _after(stream, place) == "(":
        return _called(stream, place, is_title=is_title)
    follows = stream[place + 1] if place + 1 < len(stream) else None
    declares = follows is not None and follows.kind == "name" and follows.text not in KEYWORDS
    return ("t", 1) if is_title or declares else ("v", 0)


def _called(stream: Sequence[Lexeme], place: int, *, is_title: bool) -> tuple[str, int]:
    """Tell what a name before a bracket is: `int f() {`, `vector<int> v(n)`, `Heap()`, `f()`."""
    before = _before(stream, place)
    typed = place > 0 and (stream[place - 1].kind == "name" or before in (">", "&", "*"))
    if _opens_block(stream, place + 1) and (typed or not is_title):
        return "f", 3
    if typed and before not in KEYWORDS:
        return "v", 0
    return ("t" if is_title else "f"), 1


def _opens_block(stream: Sequence[Lexeme], place: int) -> bool:
    """Tell whether a block stands behind the brackets that open here."""
    depth = 0
    for at in range(place, len(stream)):
        text = stream[at].text
        depth += (text == "(") - (text == ")")
        if depth == 0:
            return _after(stream, at) in ("{", ":", "->")
    return False


def _declared(stream: Sequence[Lexeme]) -> frozenset[str]:
    """Find the names that the source gives something to: assigned, looped over, parameters."""
    own: set[str] = set()
    depth = 0
    for place, (kind, text) in enumerate(stream):
        if kind == "operator":
            depth += (text in "([") - (text in ")]")
        if kind != "name" or text in KEYWORDS:
            continue
        before, after = _before(stream, place), _after(stream, place)
        typed = (
            place > 0
            and before not in KEYWORDS
            and (stream[place - 1].kind == "name" or before in (">", "&", "*"))
        )
        if before == ".":
            continue
        if (
            (after in _ASSIGNS and (typed or depth <= 0))
            or before in ("function", "class")
            or (typed and after in (";", "=", ",", ")", "[", ":", "{"))
            or before == "for"
            or (before == "," and after in ("in", "="))
        ):
            own.add(text)
    return frozenset(own | _parameters(stream))


def _parameters(stream: Sequence[Lexeme]) -> set[str]:
    """Find the parameters of `function NAME ( a , b = 1 , * c )` and `lambda a , b :`."""
    own: set[str] = set()
    for place, (_, text) in enumerate(stream):
        if text not in ("function", "lambda"):
            continue
        depth = 0
        for at in range(place + 1, min(place + 80, len(stream))):
            lexeme = stream[at]
            depth += (lexeme.text in ("(", "[", "{")) - (lexeme.text in (")", "]", "}"))
            if lexeme.text == ":" if text == "lambda" else (depth == 0 and lexeme.text == ")"):
                break
            before = _before(stream, at)
            if lexeme.kind == "name" and before in ("(", ",", "*", "**", "lambda"):
                own.add(lexeme.text)
    return own


def _number(text: str) -> str:
    """Tell a number by its value where it is a usual one, else by its size."""
    plain = (
        text.replace("_", "").replace("'", "").rstrip("uUlLfFnNjJ" if "x" not in text else "uUlL")
    )
    try:
        value = int(plain, 0) if not plain.isdigit() else int(plain)
    except ValueError:
        try:
            real = float(plain)
        except ValueError:
            return "<float>"
        if real != int(real) if abs(real) < 1e30 else True:
            return "<half>" if real == 0.5 else "<float>"
        value = int(real)
        if "." in plain and "e" not in plain.lower():
            return "<float>"
    if value in NUMBERS_KEPT:
        return str(value)
    return f"<int{min(len(str(value)), 10)}>"


def _string(text: str, known: Callable[[str], bool]) -> Iterable[str]:
    """Tell a string by its kind, and by its first words where they are usual ones."""
    inside = _inside(text)
    if not inside:
        return ("<empty>",)
    if len(inside) == 1:
        kinds = (
            ("<letter>", inside.isalpha()),
            ("<digit>", inside.isdigit()),
            ("<blank>", inside.isspace()),
        )
        return (next((kind for kind, holds in kinds if holds), "<mark>"),)
    if inside.isspace():
        return ("<blank>",)
    words = [f'"{word}' for word in inside.lower().split()[:_STRING_WORDS_MAX]]
    return ("<text>", *(word for word in words if known(word)))


def _inside(text: str) -> str:
    """Take a string's quotes and prefix away."""
    start = min((text.find(quote) for quote in "\"'`" if quote in text), default=0)
    if "\\" in text and len(text) - start == 4:
        try:
            return str(ast.literal_eval(text[start:]))
        except (ValueError, SyntaxError):
            return text[start + 2]
    return text[start:].strip("\"'`")
