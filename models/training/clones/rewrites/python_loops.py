"""Loops of Python written another way."""

import ast
import random

Block = list[ast.stmt]
_RANGES = ("range", "xrange")


def loops(block: Block, draw: random.Random, share: float, scope: ast.AST) -> Block:
    """Rewrite loops over ranges as `while`, and comprehensions as loops.

    Args:
        scope: the function around, to see what else its names are used for.
    """
    out: Block = []
    for one in block:
        new = None
        if draw.random() < share:
            if isinstance(one, ast.For):
                new = _as_while(one, draw, scope)
            elif isinstance(one, ast.Assign):
                new = _as_loop(one, scope)
        out += new or [one]
    return out


def _as_while(loop: ast.For, draw: random.Random, scope: ast.AST) -> Block | None:
    """`for i in range(a, b, c)` as `while`; the bound is asked for once, as it was."""
    if not isinstance(loop.target, ast.Name) or (ends := _ends(loop.iter)) is None:
        return None
    start, stop, step = ends
    name = loop.target.id
    number = draw.randrange(1000)
    before: Block = []
    if not isinstance(stop, ast.Constant):
        before = [_set(f"stop{number}", stop)]
        stop = ast.Name(f"stop{number}", ast.Load())
    order = ast.Gt() if step < 0 else ast.Lt()
    counter = name if _is_alone(loop, name, scope) else f"at{number}"
    test = ast.Compare(ast.Name(counter, ast.Load()), [order], [stop])
    on = ast.AugAssign(
        ast.Name(counter, ast.Store()),
        ast.Sub() if step < 0 else ast.Add(),
        ast.Constant(abs(step)),
    )
    if counter == name:
        body = [*loop.body, on]
    else:  # counted on before the body, which may go on to the next round from anywhere
        body = [_set(name, ast.Name(counter, ast.Load())), on, *loop.body]
    return [_set(counter, start), *before, ast.While(test, body, loop.orelse)]


def _ends(called: ast.expr) -> tuple[ast.expr, ast.expr, int] | None:
    """Read `range(...)`: its first number, its bound, and its step, which must be plain."""
    if not (
        isinstance(called, ast.Call)
        and isinstance(called.func, ast.Name)
        and called.func.id in _RANGES
        and 1 <= len(called.args) <= 3
        and not called.keywords
        and not any(isinstance(one, ast.Starred) for one in called.args)
    ):
        return None
    args = called.args
    if len(args) == 1:
        return ast.Constant(0), args[0], 1
    step = 1
    if len(args) == 3:
        try:
            step = ast.literal_eval(args[2])
        except ValueError:
            return None
    return (args[0], args[1], step) if isinstance(step, int) and step else None


def _is_alone(loop: ast.For, name: str, scope: ast.AST) -> bool:
    """Tell whether a loop's variable is no other code's, and no round is cut short."""
    inside = sum(_is_name(one, name) for one in ast.walk(loop))
    changed = sum(_is_name(one, name, ast.Store) for one in ast.walk(loop))
    jumps = any(isinstance(one, ast.Continue) for one in ast.walk(loop))
    captured = any(isinstance(one, ast.Lambda | ast.FunctionDef) for one in ast.walk(loop))
    everywhere = sum(_is_name(one, name) for one in ast.walk(scope))
    return inside == everywhere and changed == 1 and not jumps and not captured


def _is_name(node: ast.AST, name: str, context: type[ast.expr_context] = ast.expr_context) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, context)


def _as_loop(assign: ast.Assign, scope: ast.AST) -> Block | None:
    """`xs = [f(x) for x in ys if g(x)]` as a loop that appends."""
    target, value = assign.targets[0], assign.value
    if (
        len(assign.targets) > 1
        or not isinstance(target, ast.Name)
        or not isinstance(value, ast.ListComp)
        or len(value.generators) != 1
        or any(_is_name(one, target.id) for one in ast.walk(value))
        or any(isinstance(one, ast.Lambda) for one in ast.walk(value))
    ):
        return None
    (part,) = value.generators
    bound = {one.id for one in ast.walk(part.target) if isinstance(one, ast.Name)}
    for name in bound:  # it stays behind after a loop
        inside = sum(_is_name(one, name) for one in ast.walk(value))
        if inside != sum(_is_name(one, name) for one in ast.walk(scope)):
            return None
    append = ast.Attribute(ast.Name(target.id, ast.Load()), "append", ast.Load())
    body: Block = [ast.Expr(ast.Call(append, [value.elt], []))]
    for test in reversed(part.ifs):
        body = [ast.If(test, body, [])]
    return [_set(target.id, ast.List([], ast.Load())), ast.For(part.target, part.iter, body, [])]


def _set(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)
