"""Functions with what is said of them: of Python by its grammar, of others by their comments."""

import ast
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

LANGUAGES = {
    ".py": "python", ".js": "javascript", ".mjs": "javascript", ".cjs": "javascript",
    ".ts": "typescript", ".go": "go", ".php": "php", ".rs": "rust", ".rb": "ruby", ".java": "java",
}  # fmt: skip
LINES_MAX = 120  # of a function; a longer one is no answer to a question


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    Args:
        name: its own, without that of its class.
        told: what its docstring or comment says, without marks.
        code: its source with the docstring, but without a comment before it.
        bare: its source without either.
    """

    name: str
    language: str
    told: str
    code: str
    bare: str


def functions(source: str, suffix: str) -> Iterator[Function]:
    """List the functions of a source file of which something is said; none of a broken one."""
    language = LANGUAGES.get(suffix)
    if language == "python":
        yield from _python(source)
    elif language == "ruby":
        yield from _indented(source)
    elif language is not None:
        yield from _braced(source, language)


def _python(source: str) -> Iterator[Function]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes that later Pythons will refuse
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    lines = source.splitlines()
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        told = ast.get_docstring(node)
        first, last = node.lineno - 1, node.end_lineno or node.lineno
        if told and len(node.body) > 1 and last - first <= LINES_MAX:
            doc = node.body[0]
            kept = [
                line
                for number, line in enumerate(lines[first:last], node.lineno)
                if not doc.lineno <= number <= (doc.end_lineno or doc.lineno)
            ]
            code, bare = ("\n".join(some) for some in (lines[first:last], kept))
            yield Function(node.name, "python", told, textwrap.dedent(code), textwrap.dedent(bare))


# A comment that ends on the line before a function's first: its text, the head, the name.
_BLOCK = r"/\*\*(?P<told>(?:[^*]|\*(?!/))*)\*/\s*\n"
_SLASHES = r"(?P<told>(?:^[ \t]*//[^\n]*\n)+)"
_HEADS = {
    "javascript": _BLOCK
    + r"(?P<head>[ \t]*(?:export\s+)?(?:default\s+)?(?:static\s+)?(?:async\s+)?"
    r"(?:function\s*\*?\s*(?P<name>[\w$]+)\s*\(|(?:const|let|var)\s+(?P<name2>[\w$]+)\s*=\s*"
    r"(?:async\s*)?(?:function\b|\([^()]*\)\s*=>)|(?P<name3>[\w$]+)\s*\([^()]*\)\s*\{))",
    "go": _SLASHES + r"(?P<head>^func\s+(?:\([^)]*\)\s*)?(?P<name>\w+))",
    "php": _BLOCK + r"(?P<head>[ \t]*(?:(?:public|protected|private|static|final)\s+)*function\s+&?"
    r"(?P<name>\w+))",
    "rust": r"(?P<told>(?:^[ \t]*///[^\n]*\n)+)(?:^[ \t]*#\[[^\n]*\n)*"
    r"(?P<head>^[ \t]*(?:pub(?:\([^)]*\))?\s+)?(?:const\s+|unsafe\s+|async\s+)*fn\s+(?P<name>\w+))",
    "java": _BLOCK + r"(?:[ \t]*@\w+[^\n]*\n)*(?P<head>[ \t]*(?:(?:public|protected|private|static|"
    r"final|synchronized)\s+)+(?:<[^>]+>\s*)?[\w<>\[\], .?]+\s+(?P<name>\w+)\s*\()",
}
_HEADS["typescript"] = _HEADS["javascript"].replace(r"\([^()]*\)\s*\{", r"\([^()]*\)[^;{}]*\{")
_FOUND = {language: re.compile(head, re.MULTILINE) for language, head in _HEADS.items()}
_RUBY = re.compile(
    r"(?P<told>(?:^[ \t]*#[^\n]*\n)+)(?P<head>^(?P<in>[ \t]*)def\s+(?P<name>[\w.?!]+))", re.M
)
# Strings and comments, whose braces do not count; longest first.
_PASSED = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|[{};]", re.S
)
_NOT_NAMES = {"if", "for", "while", "switch", "catch", "return", "function", "constructor"}


def _braced(source: str, language: str) -> Iterator[Function]:
    for found in _FOUND[language].finditer(source):
        names = [found[key] for key in ("name", "name2", "name3") if key in found.re.groupindex]
        name = next((one for one in names if one), "")
        start = found.start("head")
        end = _closed(source, found.end("head") - 1)
        if end is None or name in _NOT_NAMES or source.count("\n", start, end) > LINES_MAX:
            continue
        code = textwrap.dedent(source[start:end].strip("\n"))
        yield Function(name, language, _unmarked(found["told"]), code, code)


def _closed(source: str, start: int) -> int | None:
    """Find the end of the first block in braces; none where a statement ends before one opens."""
    depth = 0
    for mark in _PASSED.finditer(source, start, start + 20_000):
        if mark[0] == "{":
            depth += 1
        elif mark[0] == "}":
            depth -= 1
            if depth <= 0:
                return mark.end() if depth == 0 else None
        elif mark[0] == ";" and depth == 0:
            return None
    return None


def _indented(source: str) -> Iterator[Function]:
    for found in _RUBY.finditer(source):
        end = re.compile(rf"^{found['in']}end\b", re.M).search(source, found.end())
        if end and source.count("\n", found.start("head"), end.end()) <= LINES_MAX:
            code = textwrap.dedent(source[found.start("head") : end.end()])
            yield Function(found["name"], "ruby", _unmarked(found["told"]), code, code)


def _unmarked(comment: str) -> str:
    """Take the marks off a comment's lines."""
    lines = [re.sub(r"^\s*(?:/{2,3}!?|\*+|#+)\s?", "", line) for line in comment.splitlines()]
    return re.sub(r"\{@\w+\s+([^}]*)\}|</?\w+[^>]*>", r"\1", "\n".join(lines)).strip()
