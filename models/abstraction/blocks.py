"""Layout to braces: what Python says by indents, said as the other languages say it."""

from collections.abc import Iterable

from models.abstraction.lexing import Lexeme

_HEADERS = "def class for while if elif else try except finally with async match case"
HEADERS = frozenset(_HEADERS.split())
OPEN, CLOSE, END = (Lexeme("operator", text) for text in "{};")


def braced(lexemes: Iterable[Lexeme]) -> list[Lexeme]:
    """Put braces round indented blocks and `;` behind statements; docstrings and annotations go.

    >>> " ".join(text for _, text in braced(
    ...     [Lexeme("name", "else"), Lexeme("operator", ":"), Lexeme("line", "  "),
    ...      Lexeme("name", "pass"), Lexeme("line", "")]))
    'else { pass ; }'
    """
    layout = _Layout()
    for lexeme in lexemes:
        layout.take(lexeme)
    return layout.finish()


class _Layout:
    """The blocks that are open, and the statement that is being read."""

    def __init__(self) -> None:
        self.out: list[Lexeme] = []
        self.statement: list[Lexeme] = []
        self.indents: list[int] = []
        self.here = 0  # indent of the statement
        self.depth = 0  # of brackets
        self.waiting = False  # a block was opened by a header, and its first line is to come
        self.inline = 0  # blocks opened on this line that hold the rest of it

    def take(self, lexeme: Lexeme) -> None:
        if lexeme.kind == "line":
            self._end_line(len(lexeme.text))
            return
        if self.waiting and self.depth == 0:
            self.inline += 1
            self.waiting = False
        if lexeme.kind == "operator":
            self.depth += (lexeme.text in "([{") - (lexeme.text in ")]}")
            if lexeme.text == ":" and self.depth <= 0 and self._is_header():
                self._flush_header()
                return
            if lexeme.text == ";" and self.depth <= 0:
                self._flush()
                return
        self.statement.append(lexeme)

    def finish(self) -> list[Lexeme]:
        self._end_line(0)
        self.out += [CLOSE] * len(self.indents)
        return self.out

    def _is_header(self) -> bool:
        texts = [lexeme.text for lexeme in self.statement]
        return bool(texts) and texts[0] in HEADERS and texts.count("lambda") == 0

    def _flush_header(self) -> None:
        self.out += _unannotated(self.statement)
        self.out.append(OPEN)
        self.statement = []
        self.waiting = True

    def _flush(self) -> None:
        if self.statement and not all(one.kind == "string" for one in self.statement):
            self.out += _unannotated(self.statement)
            self.out.append(END)
        self.statement = []

    def _end_line(self, indent: int) -> None:
        self._flush()
        self.out += [CLOSE] * self.inline
        self.inline, self.depth = 0, 0
        if self.waiting:
            self.waiting = False
            if indent > self.here:
                self.indents.append(self.here)
            else:
                self.out.append(CLOSE)
        while self.indents and indent <= self.indents[-1]:
            self.indents.pop()
            self.out.append(CLOSE)
        self.here = indent


def _unannotated(statement: list[Lexeme]) -> list[Lexeme]:
    """Leave out the types of parameters, of what a function returns, and of a variable."""
    texts = [lexeme.text for lexeme in statement]
    if "def" not in texts[:2]:
        if len(texts) > 2 and texts[1] == ":" and statement[0].kind == "name":
            value = texts.index("=") if "=" in texts else len(texts)
            return [statement[0], *statement[value:]]
        return statement
    kept: list[Lexeme] = []
    depth, silent = 0, False
    for lexeme in statement:
        depth += (lexeme.text in ("(", "[", "{")) - (lexeme.text in (")", "]", "}"))
        if depth == 1 and lexeme.text == ":":
            silent = True
        elif (depth == 1 and lexeme.text in (",", "=")) or (depth == 0 and lexeme.text == ")"):
            silent = False
        if depth == 0 and lexeme.text == "->":
            break
        if not silent:
            kept.append(lexeme)
    return kept
