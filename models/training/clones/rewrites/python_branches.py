"""Branches, comparisons and assignments of Python written another way."""

import ast
import random
from collections.abc import Callable

Block = list[ast.stmt]
_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.Gt: ast.Lt,
    ast.LtE: ast.GtE,
    ast.GtE: ast.LtE,
    ast.Eq: ast.Eq,
    ast.NotEq: ast.NotEq,
}
# Only what is the contrary for all values: `not a < b` is not `a >= b` for NaN.
_CONTRARY: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_IMPURE = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom, ast.NamedExpr)
_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def is_pure(node: ast.AST) -> bool:
    """Tell whether an expression does nothing but give a value (subscripts are taken to)."""
    return not any(isinstance(one, _IMPURE) for one in ast.walk(node))


def negated(test: ast.expr) -> ast.expr:
    """Write the contrary of a condition."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        contrary = _CONTRARY.get(type(test.ops[0]))
        if contrary is not None:
            return ast.Compare(test.left, [contrary()], test.comparators)
    return ast.UnaryOp(ast.Not(), test)


class Expressions(ast.NodeTransformer):
    """Turns comparisons and products round, each with a probability.

    Args:
        share: of the places where it can be done.
    """

    def __init__(self, draw: random.Random, share: float) -> None:
        self.draw, self.share = draw, share

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """`a < b` is `b > a`."""
        self.generic_visit(node)
        turned = _TURNED.get(type(node.ops[0])) if len(node.ops) == 1 else None
        if turned and is_pure(node) and self.draw.random() < self.share:
            return ast.Compare(node.comparators[0], [turned()], [node.left])
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """`a * b` is `b * a`; `a + 1` is `1 + a`."""
        self.generic_visit(node)
        numeric = any(
            isinstance(side, ast.Constant) and isinstance(side.value, int)
            for side in (node.left, node.right)
        )
        swaps = isinstance(node.op, ast.Mult) or (isinstance(node.op, ast.Add) and numeric)
        # An operand that is a sum itself stays in its place, where it needs no thought.
        if swaps and is_pure(node) and self.draw.random() < self.share:
            return ast.BinOp(node.right, node.op, node.left)
        return node


def branches(block: Block, draw: random.Random, share: float) -> Block:
    """Rewrite the branches of one block: inverted, left early, or written out."""
    out: Block = []
    for place, one in enumerate(block):
        if draw.random() >= share:
            out.append(one)
        elif isinstance(one, ast.If):
            rest = block[place + 1 :]
            if _leaves(one.body) and not one.orelse and rest:
                return [*out, ast.If(one.test, one.body, branches(rest, draw, share))]
            out += _branch(one, draw)
        else:
            out += _written_out(one) or _stepped(one) or _named(one, draw) or [one]
    return out


def _leaves(block: Block) -> bool:
    return isinstance(block[-1], _LEAVES)


def _branch(one: ast.If, draw: random.Random) -> Block:
    if _leaves(one.body) and one.orelse and draw.random() < 0.5:
        return [ast.If(one.test, one.body, []), *one.orelse]
    if one.orelse:
        return [ast.If(negated(one.test), one.orelse, one.body)]
    if isinstance(one.test, ast.BoolOp) and isinstance(one.test.op, ast.And):
        first, *rest = one.test.values
        inner = rest[0] if len(rest) == 1 else ast.BoolOp(ast.And(), rest)
        return [ast.If(first, [ast.If(inner, one.body, [])], [])]
    return [one]


def _written_out(one: ast.stmt) -> Block | None:
    """`x = a if c else b` and `return a if c else b` as branches."""
    if not isinstance(one, ast.Assign | ast.Return) or not isinstance(one.value, ast.IfExp):
        return None
    choice = one.value
    make: Callable[[ast.expr], ast.stmt]
    if isinstance(one, ast.Return):
        make = ast.Return
    else:
        (target, *more) = one.targets
        if more or not isinstance(target, ast.Name):
            return None

        def make(value: ast.expr) -> ast.stmt:
            return ast.Assign([ast.Name(target.id, ast.Store())], value)

    return [ast.If(choice.test, [make(choice.body)], [make(choice.orelse)])]


def _stepped(one: ast.stmt) -> Block | None:
    """`x += 1` as `x = x + 1`: of numbers alone, since a list is changed where it lies."""
    if (
        isinstance(one, ast.AugAssign)
        and isinstance(one.target, ast.Name)
        and isinstance(one.value, ast.Constant)
        and isinstance(one.value.value, int)
    ):
        name = one.target.id
        value = ast.BinOp(ast.Name(name, ast.Load()), one.op, one.value)
        return [ast.Assign([ast.Name(name, ast.Store())], value)]
    return None


def _named(one: ast.stmt, draw: random.Random) -> Block | None:
    """`return f(x)` by way of a name; `a, b = b, a` by way of a third."""
    name = f"kept{draw.randrange(1000)}"
    if isinstance(one, ast.Return) and one.value and not isinstance(one.value, ast.Name):
        assign = ast.Assign([ast.Name(name, ast.Store())], one.value)
        return [assign, ast.Return(ast.Name(name, ast.Load()))]
    if isinstance(one, ast.Assign) and isinstance(one.targets[0], ast.Tuple):
        left, right = one.targets[0].elts, one.value
        if len(one.targets) == 1 and isinstance(right, ast.Tuple) and len(left) == 2:
            plain = all(isinstance(e, ast.Name) for e in (*left, *right.elts))
            if plain and len(right.elts) == 2 and ast.dump(left[0]) != ast.dump(left[1]):
                return [
                    ast.Assign([ast.Name(name, ast.Store())], right.elts[0]),
                    ast.Assign([left[1]], right.elts[1]),
                    ast.Assign([left[0]], ast.Name(name, ast.Load())),
                ]
    return None
