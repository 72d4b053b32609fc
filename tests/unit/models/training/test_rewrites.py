"""Sources rewritten do the same: Python ones are run before and after, C++ ones compiled too."""

import ast
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.abstraction.view import abstracted
from models.training.clones.rewrites import cpp, python
from models.training.clones.rewrites.programs import cpp_program, python_program
from models.training.clones.rewrites.python_branches import Expressions, branches, negated
from models.training.clones.rewrites.python_loops import loops

SORTED = '''
class Solution(object):
    def search(self, nums, target):
        """
        :type nums: List[int]
        :type target: int
        :rtype: int
        """
        left, right = 0, len(nums) - 1
        steps = 0
        while left <= right:
            mid = left + (right - left) // 2
            steps += 1
            if nums[mid] == target:
                return mid
            elif nums[mid] < target:
                left = mid + 1
            else:
                right = mid - 1
        return -1 if steps > 0 else -2
'''
LOOPS = '''
class Solution(object):
    def total(self, values, limit):
        """
        :type values: List[int]
        :type limit: int
        """
        a, b = 1, 2
        found = []
        for i in range(len(values)):
            if values[i] % 2 == 0 and values[i] > limit:
                continue
            a, b = b, a
            found.append(values[i] * 2)
        kept = [x + 1 for x in found if x != 6]
        for j in range(len(kept) - 1, -1, -2):
            a += 1
            if kept[j] == 9:
                break
        else:
            b = b * 3
        if not kept:
            return a
        if a < b:
            result = a
        else:
            result = sum(kept)
        return result + self.bonus(kept)

    def bonus(self, kept):
        spare = 0
        for k in range(0, 10, 3):
            for x in kept:
                if x == k or x is None:
                    spare += k
        return spare * (2 if kept else 1)
'''
INPUTS = [[], [1], [2, 3, 4], [3, 3, 3, 9], list(range(12)), [8, -1, 0]]


def method_of(code: str, name: str) -> Callable[..., Any]:
    scope: dict[str, Any] = {}
    exec(compile(code, "rewritten", "exec"), scope)
    found: Callable[..., Any] = getattr(scope["Solution"](), name)
    return found


@pytest.mark.parametrize(("code", "name"), [(SORTED, "search"), (LOOPS, "total")])
def test_python_rewritten_gives_the_same(code: str, name: str) -> None:
    before = method_of(code, name)
    expected = [before(list(values), n) for values in INPUTS for n in (0, 3, 8)]
    others = set()
    for seed in range(25):
        draw = random.Random(seed)
        tree = ast.parse(code)
        other = ast.unparse(ast.fix_missing_locations(python.rewrite(tree, draw, 0.7)))
        after = method_of(other, name)
        assert [after(list(v), n) for v in INPUTS for n in (0, 3, 8)] == expected, other
        others.add(other)
    assert len(others) > 20


def test_python_renamed_gives_the_same_and_looks_the_same() -> None:
    for code, name in ((SORTED, "search"), (LOOPS, "total")):
        other = python.renamed(code, random.Random(1))
        assert "nums" not in other.split('"""')[-1]
        assert "values" not in other.split('"""')[-1]
        before, after = method_of(code, name), method_of(other, name)
        assert [after(v, 3) for v in INPUTS] == [before(v, 3) for v in INPUTS]
    words = frozenset(("range", "len", "append", "sum", "0", "1", "2", "3", "6", "9", "10"))
    other = python.renamed(SORTED, random.Random(1))
    view = [abstracted(one, words.__contains__) for one in (ast.unparse(ast.parse(SORTED)), other)]
    assert view[0] == view[1]


def rewritten_block(code: str, change: Callable[..., Any]) -> str:
    tree = ast.parse(code)
    tree.body = change(tree.body)
    return ast.unparse(ast.fix_missing_locations(tree))


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("for i in range(3):\n    f(i)", "i = 0\nwhile i < 3:\n    f(i)\n    i += 1"),
        ("x = [y for y in z if y]", "x = []\nfor y in z:\n    if y:\n        x.append(y)"),
        ("for i in range(n, 0, -2):\n    pass",
         "i = n\nwhile i > 0:\n    pass\n    i -= 2"),
        ("for i in range(0, 5, n):\n    pass", None),  # a step of unknown sign
        ("x = [x for y in z]", None),
        ("for i in things:\n    f(i)", None),
    ],
)  # fmt: skip
def test_loops_are_written_another_way(code: str, other: str | None) -> None:
    tree = ast.parse(code)
    found = rewritten_block(code, lambda block: loops(block, random.Random(1), 1.0, tree))
    assert found == ast.unparse(ast.parse(other or code))


def test_a_loop_whose_variable_is_used_later_keeps_its_last_value() -> None:
    code = "def f(n):\n    i = None\n    for i in range(n):\n        n = 0\n    return i, n"
    tree = ast.parse(code)
    scope = tree.body[0]
    assert isinstance(scope, ast.FunctionDef)
    scope.body = loops(scope.body, random.Random(1), 1.0, scope)
    other = ast.unparse(ast.fix_missing_locations(tree))
    assert "while" in other
    for source in (code, other):
        made: dict[str, Any] = {}
        exec(source, made)
        assert [made["f"](n) for n in (0, 1, 4)] == [(None, 0), (0, 0), (3, 0)]


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("if a == b:\n    x = 1\nelse:\n    x = 2", "if a != b:\n    x = 2\nelse:\n    x = 1"),
        ("if a < b:\n    f()\nelse:\n    g()", "if not a < b:\n    g()\nelse:\n    f()"),
        ("if a and b:\n    f()", "if a:\n    if b:\n        f()"),
        ("x = 1 if a else 2", "if a:\n    x = 1\nelse:\n    x = 2"),
        ("x += 1", "x = x + 1"),
        ("x += [1]", "x += [1]"),
    ],
)
def test_branches_are_written_another_way(code: str, other: str) -> None:
    found = rewritten_block(code, lambda block: branches(block, random.Random(3), 1.0))
    assert found == other


@pytest.mark.parametrize("test", ["a", "not a", "a == b", "a < b", "a in b", "a is b", "a < b < c"])
def test_a_negation_is_the_contrary_even_of_what_is_no_number(test: str) -> None:
    expression = ast.parse(test, mode="eval").body
    contrary = ast.unparse(ast.fix_missing_locations(negated(expression)))
    for a in (1.0, float("nan"), 3.0):
        names = {"a": a, "b": [1.0] if " in " in test else 2.0, "c": 2.5}
        assert bool(eval(contrary, names)) is (not eval(test, dict(names)))


def test_only_what_does_nothing_else_is_turned_round() -> None:
    def turned(code: str) -> str:
        tree = Expressions(random.Random(1), 1.0).visit(ast.parse(code))
        return ast.unparse(ast.fix_missing_locations(tree))

    assert turned("a < b * 2") == "2 * b > a"
    assert turned("f() < g()") == "f() < g()"
    assert turned("a + b") == "a + b"  # of lists
    assert turned("a + 1") == "1 + a"


def test_python_as_a_program_prints_what_the_method_gives(tmp_path: Path) -> None:
    seen = set()
    for seed in range(12):
        program = python_program(SORTED, random.Random(seed))
        assert "class Solution" not in program
        told: list[Any] = []
        lines = iter(["1 4 6 9", "6"])
        scope = {"input": lambda lines=lines: next(lines), "print": told.append}
        scope["readline"] = scope["input"]
        exec(compile(program, "program", "exec"), scope)
        assert told == [2]
        seen.add(program)
    assert len(seen) > 5


def test_what_is_no_method_of_plain_arguments_stays_as_it_is() -> None:
    draw = random.Random(1)
    for code in ("x = 1\n", "class A:\n    def f(self, x):\n        return x\n", "def f(:\n"):
        assert python_program(code, draw) == code
    assert cpp_program("int f() { return 1; }", draw) == "int f() { return 1; }"


CPP = """
class Solution {
public:
    int total(vector<int>& values, int limit) {
        int a = 1, b = 2;
        vector<int> found;
        for (int i = 0; i < values.size(); ++i) {
            if (values[i] % 2 == 0 && values[i] > limit) continue;
            swap(a, b);
            found.emplace_back(values[i] * 2);
        }
        for (int j = 0; j < size(found); ++j) a += 1;
        for (const auto& x : found) { if (x > limit) b += x; else b--; }
        while (a < limit) { a += limit; }
        do { a--; } while (a > 3);
        if (found.empty()) { return numeric_limits<int>::max(); } else if (a < b) { return b; }
        else return static_cast<int>(a);
    }
};
"""


@pytest.mark.parametrize(
    ("code", "other"),
    [
        ("for (int i = 0; i < n; ++i) f(i);",
         "{ int i = 0 ; while ( i < n ) { f ( i ) ; ++ i ; } }"),
        ("while (a) { f(); }", "for ( ; a ; ) { f ( ) ; }"),
        ("if (a) { f(); } else { g(); }", "if ( ! ( a ) ) { g ( ) ; } else { f ( ) ; }"),
        ("if (a && b) f();", "if ( a ) { if ( b ) { f ( ) ; } }"),
        ("for (auto x : xs) f(x);",
         "for ( auto each_xs = begin ( xs ) ; each_xs != end ( xs ) ; ++ each_xs ) "
         "{ auto x = * each_xs ; f ( x ) ; }"),
        ("for (int i = 0; i < n; ++i) { if (i) continue; }", None),
        ("if (int n = f(); n) { g(); }", None),
    ],
)  # fmt: skip
def test_statements_of_cpp_are_written_another_way(code: str, other: str | None) -> None:
    texts = cpp.texts_of(code)
    found = cpp.statement(texts, 0)
    assert found == (None if other is None else other.split())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
def test_cpp_rewritten_gives_the_same(tmp_path: Path) -> None:
    """All in one program: the original and its rewrites, each in a namespace of its own."""
    parts = [CPP]
    for seed in range(12):
        texts = cpp.rewrite(cpp.texts_of(CPP), random.Random(seed), 0.6)
        parts.append(cpp.joined(texts))
    assert len(set(parts)) > 10
    spaces = [f"namespace n{at} {{\n{part}\n}}" for at, part in enumerate(parts)]
    calls = [
        f"for (auto v : inputs) for (int n : {{0, 3, 8}}) cout << n{at}::Solution().total(v, n)"
        " << ' '; cout << endl;"
        for at in range(len(parts))
    ]
    inputs = ", ".join("{" + ", ".join(map(str, values)) + "}" for values in INPUTS)
    main = f"int main() {{ vector<vector<int>> inputs = {{{inputs}}}; {' '.join(calls)} }}"
    heads = "".join(f"#include <{one}>\n" for one in ("algorithm", "iostream", "limits", "vector"))
    source = tmp_path / "all.cpp"
    source.write_text(
        f"{heads}#include <climits>\nusing namespace std;\n" + "\n".join([*spaces, main])
    )
    program = tmp_path / "all"
    subprocess.run(["g++", "-std=c++17", "-w", "-o", program, source], check=True)
    lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    told = lines.splitlines()
    assert len(told) == len(parts)
    assert set(told) == {told[0]}
