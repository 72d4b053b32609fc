"""The abstract view of code: what it keeps, what it takes away, and what it costs at worst."""

import re
import time

import pytest

from models.abstraction.lexing import family_of, lexemes
from models.abstraction.view import LEXEMES_MAX, abstracted
from tests.pace import PACE

NAMES = """
print input range len int long string vector map append push_back size sort begin end cin cout endl
main split 0 1 2 3 7 10 100 1000000007 "yes "no auto bool
"""
WORDS = frozenset(NAMES.split())
PYTHON = """
def count(values, limit):
    '''How many are below.'''
    found = 0
    for value in values:
        if value < limit and value:  # not nothing
            found += 1
    return found
"""
CPP = """
#include <vector>
int count(const std::vector<int>& values, int limit) {
  int found = 0; /* none yet */
  for (auto value : values) {
    if (value < limit && value) ++found;
  }
  return found;
}
"""


def view(source: str) -> str:
    return " ".join(abstracted(source, WORDS.__contains__))


def test_python_and_cpp_are_told_in_the_same_words() -> None:
    assert view(PYTHON) == (
        "function f0 ( v0 , v1 ) { v2 = 0 ; for v3 in v0 { "
        "if v3 < v1 and v3 { v2 ++ ; } } return v2 ; }"
    )
    assert view(CPP) == (
        "int f0 ( vector < int > & v0 , int v1 ) { int v2 = 0 ; for ( auto v3 : v0 ) { "
        "if ( v3 < v1 and v3 ) v2 ++ ; } return v2 ; }"
    )


@pytest.mark.parametrize("source", [PYTHON, CPP])
def test_other_names_and_layout_change_nothing(source: str) -> None:
    other = source.replace("    ", "  ").replace("  ", "\t")
    for name in ("count", "values", "value", "limit", "found"):
        other = re.sub(rf"\b{name}\b", f"a_{name}_of_ours", other)
    assert view(other) == view(source)


def test_comments_annotations_and_docstrings_are_not_there() -> None:
    bare = "def f(a, b=1):\n    return a + b\n"
    told = '@cached\ndef f(a: int, b: "str" = 1) -> dict[str, int]:\n    """Sum."""\n    # sum\n    return a + b\n'  # noqa: E501
    assert view(told) == view(bare) == "function f0 ( v0 , v1 = 1 ) { return v0 + v1 ; }"


@pytest.mark.parametrize(
    ("literal", "kind"),
    [
        ("7", "7"), ("1e9 + 7", "1000000000 + 7"), ("1_000_000_007", "1000000007"), ("0x3", "3"),
        ("12345", "<int5>"), ("2.5", "<float>"), ("0.5", "<half>"), ("10LL", "10"),
        ("'a'", "<letter>"), ('" "', "<blank>"), ('"+"', "<mark>"), ("''", "<empty>"),
        ("'\\n'", "<blank>"), ('"Yes"', '<text> "yes'), ('"nobody knows"', "<text>"),
        ('f"{x}"', "<text>"), ("b'7'", "<digit>"),
    ],
)  # fmt: skip
def test_literals_are_told_by_their_kind(literal: str, kind: str) -> None:
    assert view(f"x = {literal};") == f"v0 = {kind} ;"


def test_names_of_libraries_stay_unless_they_are_ones_own() -> None:
    assert view("a.append(len(b))\n") == "v0 . append ( len ( v1 ) ) ;"
    assert view("len = 3\nf(len)\n") == "v0 = 3 ; f0 ( v0 ) ;"
    assert view("def size(x):\n  return x.size() + x.weight()\n") == (
        "function f0 ( v0 ) { return v0 . size ( ) + v0 . m0 ( ) ; }"
    )


def test_macros_and_other_names_of_types_are_written_out() -> None:
    source = """
    #define REP(i, n) for (int i = 0; i < (n); ++i)
    typedef long long ll;
    using Row = vector<ll>;
    void f(Row& xs) { REP(k, 3) xs[k] = 1; }
    """
    plain = "void f(vector<long long>& xs) { for (int k = 0; k < (3); ++k) xs[k] = 1; }"
    assert view(source) == view(plain)


def test_what_a_program_runs_stands_first_and_what_it_never_runs_is_gone() -> None:
    source = """
    int unused(int x) { return x + 1; }
    int twice(int x) { return x * 2; }
    int main() { int n; cin >> n; cout << twice(n) << endl; }
    """
    assert view(source) == (
        "int main ( ) { int v0 ; cin > > v0 ; cout << f0 ( v0 ) << endl ; } "
        "int f0 ( int v1 ) { return v1 * 2 ; }"
    )
    both = "def a():\n    return 1\ndef b():\n    return 2\n"
    assert view(both) == "function f0 ( ) { return 1 ; } function f1 ( ) { return 2 ; }"
    script = "def a():\n    return 1\ndef b():\n    return 2\nprint(b())\n"
    assert view(script) == "print ( f0 ( ) ) ; function f0 ( ) { return 2 ; }"


@pytest.mark.parametrize(
    ("source", "family"),
    [
        (PYTHON, "indented"), (CPP, "braced"), ("x = 1\ny = x\n", "indented"),
        ("function f(a) {\n  return a;\n}\n", "braced"), ("x += 1;", "braced"),
        ("@app.get('/')\nasync def root():\n    return {'a': 1}\n", "indented"),
    ],
)  # fmt: skip
def test_how_blocks_are_marked_is_found_out(source: str, family: str) -> None:
    assert family_of(source) == family


@pytest.mark.parametrize(
    "source",
    ["", "   ", "# nothing", "def", "if x:", "((((", "}}}}", '"', "'''", "/*", "#define X X\nX;",
     "class A:\ndef f():\nreturn\n", "\x00\x01", "日本 = 1", "`", 'R"(', "lambda: 0", ":", "::",
     "#"],
)  # fmt: skip
def test_rubbish_is_read_as_far_as_it_goes(source: str) -> None:
    for family in ("indented", "braced"):
        tokens = abstracted(source, WORDS.__contains__, family)
        assert all(token and not token.isspace() for token in tokens)


def test_macros_that_double_themselves_end() -> None:
    doubling = "".join(f"#define A{n + 1} A{n} A{n} A{n}\n" for n in range(40))
    began = time.monotonic()
    tokens = abstracted(f"#define A0 x;\n{doubling}\nA40", WORDS.__contains__, "braced")
    assert 0 < len(tokens) < 20 * LEXEMES_MAX
    assert time.monotonic() - began < 5 * PACE


def test_a_giant_is_not_read_to_its_end() -> None:
    began = time.monotonic()
    tokens = abstracted("x = x + 1\n" * 30_000, WORDS.__contains__)
    assert len(tokens) <= 2 * LEXEMES_MAX
    assert time.monotonic() - began < 10 * PACE


def test_lexemes_leave_nothing_out_but_comments_and_white_space() -> None:
    source = 'int a=0x1F;//c\nchar*s="//no";/*x*/auto r=R"(")";a>>=b->c;'
    texts = [one.text for one in lexemes(source, "braced")]
    assert "".join(texts) == 'inta=0x1F;char*s="//no";autor=R"(")";a>>=b->c;'
