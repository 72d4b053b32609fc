"""A solution's method as a program: it reads its arguments, and prints what it finds.

Contests ask for programs, code bases hold functions, and LeetCode's solutions are methods: the
encoder is to know one by the other.
"""

import ast
import random
import re
from collections.abc import Sequence

from models.training.clones.rewrites.cpp import closing, joined, texts_of
from models.training.clones.rewrites.python import parsed

_TYPE = re.compile(r":type (\w+): ([\w\[\], ]+)")
_READS = {
    "int": ("int(input())", "int(input().strip())", "int(readline())"),
    "str": ("input()", "input().strip()", "readline().strip()"),
    "float": ("float(input())",),
    "List[int]": (
        "list(map(int, input().split()))",
        "[int(x) for x in input().split()]",
        "list(map(int, readline().split()))",
    ),
    "List[str]": ("input().split()", "[input() for _ in range(int(input()))]"),
    "List[List[int]]": (
        "[list(map(int, input().split())) for _ in range(int(input()))]",
        "[[int(x) for x in input().split()] for _ in range(n)]",
    ),
    "List[List[str]]": ("[input().split() for _ in range(int(input()))]",),
}
_CPP_READS = {
    "int": "int {0} ; cin >> {0} ;",
    "long long": "long long {0} ; cin >> {0} ;",
    "double": "double {0} ; cin >> {0} ;",
    "string": "string {0} ; cin >> {0} ;",
    "vector < int >": "int n_{0} ; cin >> n_{0} ; vector < int > {0} ( n_{0} ) ; "
    "for ( int i = 0 ; i < n_{0} ; i ++ ) cin >> {0} [ i ] ;",
    "vector < string >": "int n_{0} ; cin >> n_{0} ; vector < string > {0} ( n_{0} ) ; "
    "for ( auto & x : {0} ) cin >> x ;",
    "vector < vector < int > >": "int n_{0} , m_{0} ; cin >> n_{0} >> m_{0} ; "
    "vector < vector < int > > {0} ( n_{0} , vector < int > ( m_{0} ) ) ; "
    "for ( int i = 0 ; i < n_{0} ; i ++ ) for ( int j = 0 ; j < m_{0} ; j ++ ) "
    "cin >> {0} [ i ] [ j ] ;",
}


def python_program(code: str, draw: random.Random) -> str:
    """Write the first method of a Python solution as a program; as it is, where that cannot be."""
    types = dict(_TYPE.findall(code))
    tree = parsed(code)
    method = _method(tree) if tree else None
    if tree is None or method is None:
        return code
    given = [one.arg for one in method.args.args[1:]]
    if not given or any(types.get(name, "").strip() not in _READS for name in given):
        return code
    holder = next(one for one in tree.body if isinstance(one, ast.ClassDef))
    reads = [f"{name} = {draw.choice(_READS[types[name].strip()])}" for name in given]
    if draw.random() < 0.3 and all(types[name].strip() == "int" for name in given):
        reads = [f"{', '.join(given)} = map(int, input().split())"]
    before = [one for one in tree.body if one is not holder]
    helpers = [one for one in holder.body if isinstance(one, ast.FunctionDef) and one is not method]
    for one in helpers:
        one.args.args = one.args.args[1:]
    own: list[ast.stmt] = list(method.body)
    if ast.get_docstring(method, clean=False) is not None:
        own = own[1:]
    if draw.random() < 0.6:  # written into `main`, or into the open
        body = [*ast.parse("\n".join(reads)).body, *_printing(own, draw)]
        main = ast.parse("def main():\n    pass\nmain()").body
        assert isinstance(main[0], ast.FunctionDef)
        main[0].body = body
        last = main
    else:
        solve = ast.FunctionDef("solve", _arguments(given), own, [])
        last = [solve, *ast.parse("\n".join([*reads, f"print(solve({', '.join(given)}))"])).body]
    module = ast.Module([*before, *helpers, *last], [])
    return _without_self(ast.unparse(ast.fix_missing_locations(module)))


def _method(tree: ast.Module) -> ast.FunctionDef | None:
    """Find the one public method of the one class, which keeps nothing in itself."""
    classes = [one for one in tree.body if isinstance(one, ast.ClassDef)]
    if len(classes) != 1:
        return None
    methods = [one for one in classes[0].body if isinstance(one, ast.FunctionDef)]
    public = [one for one in methods if not one.name.startswith("_")]
    stores = any(
        isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        for node in ast.walk(classes[0])
    )
    plain = all(one.args.args and not one.decorator_list for one in methods)
    return public[0] if len(public) == 1 and not stores and plain else None


def _printing(body: Sequence[ast.stmt], draw: random.Random) -> list[ast.stmt]:
    """Print what a body returns, in place of returning it; inner functions go on returning."""
    yes = ast.parse(draw.choice(('"Yes"', '"YES"', '"possible"')), mode="eval").body
    no = ast.parse(draw.choice(('"No"', '"NO"', '"impossible"')), mode="eval").body

    class Printer(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
            return node

        def visit_Return(self, node: ast.Return) -> list[ast.stmt] | ast.stmt:
            if node.value is None:
                return node
            value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, bool):
                value = yes if value.value else no
            elif isinstance(value, ast.Compare | ast.BoolOp) and draw.random() < 0.7:
                value = ast.IfExp(value, yes, no)
            call = ast.Call(ast.Name("print", ast.Load()), [value], [])
            return [ast.Expr(call), ast.Return(None)]

    out = [Printer().visit(one) for one in body]
    flat: list[ast.stmt] = []
    for one in out:
        flat += one if isinstance(one, list) else [one]
    if len(flat) > 1 and isinstance(flat[-1], ast.Return) and flat[-1].value is None:
        flat.pop()
    return flat


def _arguments(names: Sequence[str]) -> ast.arguments:
    parsed_function = ast.parse(f"def f({', '.join(names)}): pass").body[0]
    assert isinstance(parsed_function, ast.FunctionDef)
    return parsed_function.args


def _without_self(code: str) -> str:
    return re.sub(r"\bself\.", "", code)


def cpp_program(code: str, draw: random.Random) -> str:
    """Write the first method of a C++ solution as a program; as it is, where that cannot be."""
    texts = texts_of(code)
    start = next((at for at, text in enumerate(texts) if text.startswith("Solution")), None)
    if start is None or start == 0 or texts[start - 1] != "class":
        return code
    end = closing(texts, start + 1)
    if end is None or texts[start + 1] != "{":
        return code
    inside = texts[start + 2 : end]
    bracket = inside.index("(") if "(" in inside else 0
    last = closing(inside, bracket)
    if last is None or inside[:2] != ["public", ":"] or inside[last + 1 : last + 2] != ["{"]:
        return code
    stop = closing(inside, last + 1)
    given = _cpp_given(inside[bracket + 1 : last])
    if stop is None or not given or any(kind not in _CPP_READS for kind, _ in given):
        return code
    name, returned = inside[bracket - 1], " ".join(inside[2 : bracket - 1])
    reads = [one for kind, of in given for one in _CPP_READS[kind].format(of).split()]
    helpers = [t for t in inside[stop + 1 :] if t not in ("private", "public")]
    helpers = [t for at, t in enumerate(helpers) if t != ":" or (at and helpers[at - 1] != "}")]
    helpers = helpers[1:] if helpers[:1] == [":"] else helpers
    front = "# include <bits/stdc++.h>"
    before = [front, "using", "namespace", "std", ";", *texts[: start - 1], *texts[end + 2 :]]
    body = inside[last + 2 : stop]
    head = ["int", "main", "(", ")", "{"]
    if draw.random() < 0.3:
        head += texts_of("ios::sync_with_stdio(false); cin.tie(nullptr);")
    if "return" in body and draw.random() < 0.6 and "]{" not in code:
        main = [*head, *reads, *_cpp_printing(body, returned, draw), "}"]
        return joined([*before, *helpers, *main])
    function = [*inside[2:stop], "}"]
    call = ["cout", "<<", name, "(", *_commas([of for _, of in given]), ")", "<<", "endl", ";"]
    return joined([*before, *helpers, *function, *head, *reads, *call, "}"])


def _commas(names: Sequence[str]) -> list[str]:
    return [one for name in names for one in (",", name)][1:]


def _cpp_given(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Read parameters as their types and names."""
    given: list[tuple[str, str]] = []
    depth, part = 0, list[str]()
    for text in [*texts, ","]:
        depth += (text in ("<", "(")) - (text in (">", ")"))
        if text == "," and depth == 0:
            if len(part) > 1:
                kind = [one for one in part[:-1] if one not in ("&", "const")]
                given.append((" ".join(kind), part[-1]))
            part = []
        else:
            part.append(text)
    return given


def _cpp_printing(body: Sequence[str], returned: str, draw: random.Random) -> list[str]:
    """Print what a body returns; what a lambda returns stays."""
    yes, no = draw.choice((('"Yes"', '"No"'), ('"YES"', '"NO"'), ('"possible"', '"impossible"')))
    out: list[str] = []
    at = 0
    inner: list[bool] = []
    while at < len(body):
        text = body[at]
        if text == "{":
            before = list(body[max(0, at - 40) : at])
            inner.append(bool(inner and inner[-1]) or _is_lambda(before))
        elif text == "}" and inner:
            inner.pop()
        if text == "return" and not (inner and inner[-1]) and ";" in body[at:]:
            end = at + list(body[at:]).index(";")
            value = list(body[at + 1 : end])
            if value and not {"{", "["} & set(value[:1]):
                if returned == "bool":
                    value = ["(", *value, "?", yes, ":", no, ")"]
                ends = draw.choice((["endl"], ['"\\n"']))
                out += ["{", "cout", "<<", *value, "<<", *ends, ";", "return", "0", ";", "}"]
                at = end + 1
                continue
        out.append(text)
        at += 1
    return out


def _is_lambda(before: Sequence[str]) -> bool:
    """Tell whether a block that comes now is a lambda's: `[] (x) {` or `[] (x) -> T {`."""
    at = len(before) - 1
    while at >= 0 and before[at] not in (")", ";", "{", "}"):
        at -= 1
    if at < 0 or before[at] != ")":
        return bool(before) and before[-1] == "]"
    depth = 0
    while at >= 0:
        depth += (before[at] == ")") - (before[at] == "(")
        if depth == 0:
            return at > 0 and before[at - 1] == "]"
        at -= 1
    return False
