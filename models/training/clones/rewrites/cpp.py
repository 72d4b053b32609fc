"""C++ rewritten lexeme by lexeme, so that it does the same; layout and comments are lost."""

import random
from collections.abc import Sequence

from models.abstraction.lexing import lexemes

SHARES = (0.0, 0.15, 0.35, 0.6)
Texts = list[str]
_LITERAL_TYPES = frozenset(["int", "long", "bool", "double", "char", "float", "auto"])
_BEFORE_TEST = frozenset(("(", "&&", "||", ";", "return"))
_AFTER_TEST = frozenset((")", "&&", "||", ";", "?"))
_TURNED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "==", "!=": "!="}
_LIMITS = (
    (["numeric_limits", "<", "int", ">", "::", "max", "(", ")"], ("INT_MAX",)),
    (["numeric_limits", "<", "int", ">", "::", "min", "(", ")"], ("INT_MIN",)),
    (["static_cast", "<", "int", ">"], ("int",)),
)
_NO_START = frozenset(("do", "switch", "try", "else", "case", "default", "}"))
_METHODS = frozenset(
    ("begin", "end", "cbegin", "cend", "rbegin", "rend", "crbegin", "crend", "size", "empty")
)


def rewritten(code: str, draw: random.Random) -> str:
    """Rewrite a source; a directive keeps its line."""
    share = draw.choice(SHARES)
    return joined(rewrite(texts_of(code), draw, share)) if share else code


def texts_of(code: str) -> Texts:
    """Read a source as the texts of its lexemes."""
    return [lexeme.text for lexeme in lexemes(code, "braced")]


def joined(texts: Sequence[str]) -> str:
    """Write lexemes as a source again.

    >>> joined(texts_of("int f(){return 1;}"))
    'int f ( ) {\\nreturn 1 ;\\n}\\n'
    """
    out: list[str] = []
    for text in texts:
        if text.lstrip().startswith("#"):
            out.append(f"\n{text}\n")
        else:
            out.append(text + ("\n" if text in ("{", "}", ";") else " "))
    return "".join(out)


def rewrite(texts: Texts, draw: random.Random, share: float) -> Texts:
    """Rewrite statements from the first on, those within others too.

    Args:
        share: of the places where something can be rewritten.
    """
    texts = _small(texts, draw, share)
    out: Texts = []
    place = 0
    while place < len(texts):
        end = None
        if draw.random() < share:
            end = statement(texts, place)
        if end is not None:
            texts = texts[:place] + end + texts[_past(texts, place) :]
            # What was made is gone through as well, but its head is not rewritten again.
        out.append(texts[place])
        place += 1
    return _with_dead_code(out, draw, share / 8)


def closing(texts: Sequence[str], place: int) -> int | None:
    """Find the bracket that closes the one at a place."""
    depth = 0
    for at in range(place, len(texts)):
        depth += (texts[at] in ("(", "[", "{")) - (texts[at] in (")", "]", "}"))
        if depth == 0:
            return at
    return None


def statement_end(texts: Sequence[str], place: int) -> int | None:
    """Find the end (past the last lexeme) of the statement that starts at a place."""
    text = texts[place] if place < len(texts) else "}"
    if text == "{":
        last = closing(texts, place)
        return None if last is None else last + 1
    if text in ("if", "for", "while"):
        last = closing(texts, place + 1) if texts[place + 1 : place + 2] == ["("] else None
        end = None if last is None else statement_end(texts, last + 1)
        has_else = end is not None and text == "if" and texts[end : end + 1] == ["else"]
        return statement_end(texts, end + 1) if has_else and end is not None else end
    return None if text in _NO_START else _simple_end(texts, place)


def _simple_end(texts: Sequence[str], place: int) -> int | None:
    depth = 0
    for at in range(place, len(texts)):
        depth += (texts[at] in ("(", "[", "{")) - (texts[at] in (")", "]", "}"))
        if depth < 0:
            return None
        if depth == 0 and texts[at] == ";":
            return at + 1
    return None


def _past(texts: Sequence[str], place: int) -> int:
    end = statement_end(texts, place)
    assert end is not None
    return end


def statement(texts: Texts, place: int) -> Texts | None:
    """Write the loop or the branch that starts at a place in another way, or return None."""
    text, before = texts[place], texts[place - 1] if place else ""
    # `while` behind `}` may end a `do`; the branch behind `else` is part of another.
    if text not in ("for", "while", "if") or before == "else" or (text, before) == ("while", "}"):
        return None
    end, last = statement_end(texts, place), closing(texts, place + 1)
    if end is None or last is None:
        return None
    head, body = texts[place + 2 : last], texts[last + 1 : end]
    if text == "while":
        return ["for", "(", ";", *head, ";", ")", *body]
    if text == "if":
        return _branch(texts, last, head)
    return _loop(head, body)


def _loop(head: Texts, body: Texts) -> Texts | None:
    parts = _split(head, ";")
    if len(parts) == 3:
        # The step would be left out by `continue`.
        if "continue" in body or not parts[1]:
            return None
        step = [*parts[2], ";"] if parts[2] else []
        first = [*parts[0], ";"] if parts[0] else []
        return ["{", *first, "while", "(", *parts[1], ")", "{", *body, *step, "}", "}"]
    each = _split(head, ":")
    if len(each) == 2 and len(each[1]) == 1 and each[1][0].isidentifier():
        name = each[1][0]
        it = "each_" + name
        front = f"for ( auto {it} = begin ( {name} ) ; {it} != end ( {name} ) ; ++ {it} )".split()
        return [*front, "{", *each[0], "=", "*", it, ";", *body, "}"]
    return None


def _branch(texts: Texts, last: int, head: Texts) -> Texts | None:
    """Rewrite the branch whose condition `head` closes at `last`."""
    middle = statement_end(texts, last + 1)
    if middle is None or ";" in head:
        return None
    yes = texts[last + 1 : middle]
    if texts[middle : middle + 1] == ["else"]:
        end = statement_end(texts, middle + 1)
        assert end is not None
        no = texts[middle + 1 : end]
        return ["if", "(", "!", "(", *head, ")", ")", *_block(no), "else", *_block(yes)]
    parts = _split(head, "&&")
    if len(parts) > 1 and "||" not in head and "?" not in head:
        rest = [one for part in parts[1:] for one in ("&&", *part)][1:]
        return ["if", "(", *parts[0], ")", "{", "if", "(", *rest, ")", *_block(yes), "}"]
    return None


def _split(texts: Sequence[str], mark: str) -> list[Texts]:
    """Part lexemes at a mark that stands in no brackets."""
    parts: list[Texts] = [[]]
    depth = 0
    for text in texts:
        depth += (text in ("(", "[", "{")) - (text in (")", "]", "}"))
        if depth == 0 and text == mark:
            parts.append([])
        else:
            parts[-1].append(text)
    return parts


def _block(body: Texts) -> Texts:
    return body if body[0] == "{" else ["{", *body, "}"]


def _small(texts: Texts, draw: random.Random, share: float) -> Texts:
    """Rewrite within statements: steps, comparisons, calls, limits, declarations."""
    out: Texts = []
    place = 0
    while place < len(texts):
        new = _piece(texts, place, draw) if draw.random() < share else None
        if new is None:
            out.append(texts[place])
            place += 1
        else:
            made, width = new
            out += made
            place += width
    return out


def _piece(texts: Texts, place: int, draw: random.Random) -> tuple[Texts, int] | None:
    """Rewrite what starts at a place: what stands there then, and of how many lexemes."""
    window = texts[place : place + 8]
    for front, other in _LIMITS:
        if window[: len(front)] == front:
            return [*other], len(front)
    text, before = window[0], texts[place - 1] if place else ""
    if text in ("unordered_map", "unordered_set") and draw.random() < 0.5:
        return [text.removeprefix("unordered_")], 1
    if text in _LITERAL_TYPES and before in (";", "{", "}"):
        return _declarations(texts, place, draw)
    return _called(window, before) or _turned(window) or _assigned(window)


def _called(window: Texts, before: str) -> tuple[Texts, int] | None:
    """`begin(x)` as `x.begin()`, of what a library has."""
    if len(window) < 4 or window[0] not in _METHODS or before in (".", "->"):
        return None
    is_name = window[2].isidentifier() and window[2] != "this"
    if window[1] != "(" or window[3] != ")" or not is_name:
        return None
    return [window[2], ".", window[0], "(", ")"], 4


def _turned(window: Texts) -> tuple[Texts, int] | None:
    """`(a < b)` as `(b > a)`."""
    if len(window) < 5 or window[0] not in _BEFORE_TEST or window[4] not in _AFTER_TEST:
        return None
    if window[2] not in _TURNED or not (_is_plain(window[1]) and _is_plain(window[3])):
        return None
    return [window[0], window[3], _TURNED[window[2]], window[1]], 4


def _assigned(window: Texts) -> tuple[Texts, int] | None:
    """`; x += y;` as `; x = x + y;`."""
    if len(window) < 5 or window[0] not in (";", "{", "}") or window[4] != ";":
        return None
    if window[2] not in ("+=", "-=", "*=") or not (
        window[1].isidentifier() and _is_plain(window[3])
    ):
        return None
    return [window[0], window[1], "=", window[1], window[2][0], window[3]], 4


def _declarations(texts: Texts, place: int, draw: random.Random) -> tuple[Texts, int] | None:
    """`int a = 0, b = 1;` as two, the second first."""
    end = statement_end(texts, place)
    if end is None or texts[place] == "auto":
        return None
    parts = _split(texts[place + 1 : end - 1], ",")
    plain = all(len(p) == 3 and p[1] == "=" and p[2][0].isdigit() for p in parts)
    if len(parts) < 2 or not plain:
        return None
    order = draw.sample(parts, len(parts))
    return [one for part in order for one in (texts[place], *part, ";")], end - place


def _is_plain(text: str) -> bool:
    return text.isidentifier() or text[0].isdigit()


def _with_dead_code(texts: Texts, draw: random.Random, share: float) -> Texts:
    """Put in, before statements inside functions, what does nothing."""
    out: Texts = []
    depth = 0  # of braces that hold statements
    kinds: list[bool] = []
    for place, text in enumerate(texts):
        out.append(text)
        before = texts[place - 1] if place else ""
        if text == "{":
            kinds.append(
                before in (")", "else", "do", "const", ";", "}") or (before == "{" and depth > 0)
            )
            depth += kinds[-1]
        elif text == "}" and kinds:
            depth -= kinds.pop()
        follows = texts[place + 1] if place + 1 < len(texts) else "}"
        if (
            text == ";"
            and kinds
            and kinds[-1]
            and not _in_brackets(texts, place)
            and follows not in ("}", "else", "case", "default")
            and draw.random() < share
        ):
            out += _dead(draw)
    return out


def _in_brackets(texts: Sequence[str], place: int) -> bool:
    """Tell whether a `;` stands in the head of a `for`."""
    depth = 0
    for at in range(place - 1, max(-1, place - 60), -1):
        depth += (texts[at] in (")", "]", "}")) - (texts[at] in ("(", "[", "{"))
        if depth < 0:
            return texts[at] == "("
        if depth == 0 and texts[at] in (";", "{", "}") and texts[at] != "}":
            continue
    return False


def _dead(draw: random.Random) -> Texts:
    name = f"spare{draw.randrange(1000)}"
    number = str(draw.randrange(100))
    text = draw.choice(
        (
            f"int {name} = {number} ;",
            f"vector < int > {name} ;",
            f"if ( false ) {{ int {name} = {number} ; }}",
            "while ( false ) { break ; }",
            f"bool {name} = true ;",
            f"int {name} = {number} * {number} + 1 ;",
        )
    )
    return text.split()
