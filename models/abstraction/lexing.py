"""Source code to lexemes, by one small lexer for the languages that mark blocks alike.

No parser: half a function, a notebook's cell or a file with an error reads as well as any other.
Tested against pygments, which is ten times as slow.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Family = Literal["indented", "braced"]
"""How blocks are marked: by layout and `#` comments (Python), or by braces and `//` comments."""
Kind = Literal["name", "number", "string", "operator", "directive", "line"]

_STRING = r"""
    (?P<string>
        [rRbBuUfF]{0,2}(?:\"{3}.*?(?:\"{3}|\Z)|'{3}.*?(?:'{3}|\Z))
      | (?:u8|[LuU])?R"(?P<fence>[^()\s\\]{0,16})\(.*?\)(?P=fence)"
      | (?:u8|[rRbBuUfFL]{1,2}|[$@]{1,2})?(?:"(?:\\.|[^"\\\n])*(?:"|(?=\n)|\Z)|'(?:\\.|[^'\\\n])*(?:'|(?=\n)|\Z))
      | `(?:\\.|[^`\\])*(?:`|\Z)
    )"""  # noqa: E501 - alternatives that read as one
_NUMBER = r"""
    (?P<number> 0[xX][\da-fA-F_']+\w* | 0[bB][01_']+\w*
      | (?:\d[\d_]*(?:'\d+)*(?:\.(?!\.)[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?\w* )"""
_NAME = r"(?P<name>[^\W\d][\w$]*)"
_OPERATOR = r"""
    (?P<operator> >>>= | <=> | \*\*= | //= | <<= | >>= | === | !== | \.\.\. | &&= | \|\|= | \?\?=
      | -> | => | :: | \+\+ | -- | && | \|\| | \?\? | \?\. | \*\* | // | << | [=!<>+\-*/%&|^:]=
      | \S )"""
# `>>` is left to be two: it closes two templates as often as it shifts.
_COMMENTS: dict[Family, str] = {
    "indented": r"(?P<skip>\#[^\n]*|\\\n|[ \t\f\r]+)",
    "braced": r"(?P<skip>//[^\n]*|/\*.*?(?:\*/|\Z)|\n|[^\S\n]+)",
}
_LINE = r"(?P<line>\n[ \t\f\r\n]*)"
_DIRECTIVE = r"(?P<directive>(?:(?<=\n)|\A)[ \t]*\#(?:\\\n|[^\n])*)"
_FLAGS = re.VERBOSE | re.DOTALL
_LEXERS: dict[Family, re.Pattern[str]] = {
    "indented": re.compile(
        "|".join((_LINE, _COMMENTS["indented"], _STRING, _NUMBER, _NAME, _OPERATOR)), _FLAGS
    ),
    "braced": re.compile(
        "|".join((_DIRECTIVE, _COMMENTS["braced"], _STRING, _NUMBER, _NAME, _OPERATOR)), _FLAGS
    ),
}
_INDENTED = re.compile(
    r"^[ \t]*(?:(?:async[ ]+)?(?:def|class|for|while|if|elif|else|try|except|with)\b[^;{}\n]*:"
    r"|from\s+[\w.]+\s+import\b|import\s+[\w.]+(?:\s+as\s+\w+)?[ \t]*$|@\w)",
    re.MULTILINE,
)
_BRACED = re.compile(r"[;{}][ \t\r]*(?://[^\n]*)?$", re.MULTILINE)
_OPEN, _CLOSED = frozenset("([{"), frozenset(")]}")


class Lexeme(NamedTuple):
    """One piece of the source.

    Args:
        kind: what it is; a `line` is the end of a logical line, and holds the next one's indent.
        text: as it stands in the source.
    """

    kind: Kind
    text: str


def family_of(source: str) -> Family:
    """Tell how a source marks its blocks, by which kind of line end is the more frequent.

    >>> family_of("for x in y:\\n    print(x)"), family_of("int f() {\\n return 1;\\n}")
    ('indented', 'braced')
    """
    indented = len(_INDENTED.findall(source))
    braced = len(_BRACED.findall(source))
    if indented == braced == 0:
        return "braced" if re.search(r"[;{}]|//|&&|\|\|", source) else "indented"
    return "indented" if 2 * indented >= braced else "braced"


def lexemes(source: str, family: Family) -> Iterator[Lexeme]:
    """Read a source; white space and comments are gone, and what is no code is an operator.

    Lines are told where they count: in the indented family, outside of brackets.
    """
    source = source.replace("\r\n", "\n")
    depth = 0
    for match in _LEXERS[family].finditer(source):
        kind = match.lastgroup
        text = match.group()
        if kind == "fence":
            kind = "string"
        if kind == "skip" or kind is None:
            continue
        if kind == "line":
            if depth == 0:
                yield Lexeme("line", text.rpartition("\n")[2].expandtabs(4))
            continue
        if text in _OPEN:
            depth += 1
        elif text in _CLOSED:
            depth = max(0, depth - 1)
        yield Lexeme(kind, text)  # type: ignore[arg-type]
