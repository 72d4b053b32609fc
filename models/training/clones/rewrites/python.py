"""Python rewritten by its syntax tree, so that it does the same."""

import ast
import random
import warnings

from models.training.clones.rewrites.python_branches import Expressions, branches, is_pure
from models.training.clones.rewrites.python_loops import Block, loops

# How much is rewritten of one source: little mostly, so that the encoder sees the original too.
SHARES = (0.0, 0.15, 0.35, 0.6)


def rewritten(code: str, draw: random.Random) -> str:
    """Rewrite a source; one that is no Python of this version is returned as it is."""
    share = draw.choice(SHARES)
    tree = parsed(code) if share else None
    if tree is None:
        return code
    return ast.unparse(ast.fix_missing_locations(rewrite(tree, draw, share)))


def parsed(code: str) -> ast.Module | None:
    """Parse a source, or tell that it cannot be."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the strings of others
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError):
        return None


def rewrite(tree: ast.Module, draw: random.Random, share: float) -> ast.Module:
    """Rewrite a tree, in its place.

    Args:
        share: of the places where something can be rewritten.
    """
    Expressions(draw, share / 2).visit(tree)
    for scope in [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]:
        scope.body = _block(scope.body, draw, share, scope)
    for holder in ast.walk(tree):
        if isinstance(holder, ast.ClassDef) and draw.random() < share:
            holder.body = _members(holder.body, draw)
    return tree


def _block(block: Block, draw: random.Random, share: float, scope: ast.AST) -> Block:
    """Rewrite a block and those inside it; those of inner functions are theirs."""
    for one in block:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for field in ("body", "orelse", "finalbody"):
            inner = getattr(one, field, None)
            if isinstance(inner, list) and inner and isinstance(inner[0], ast.stmt):
                setattr(one, field, _block(inner, draw, share, scope))
    block = loops(block, draw, share, scope)
    block = branches(block, draw, share / 2)
    block = _reordered(block, draw, share)
    return _with_dead_code(block, draw, share / 6)


def _reordered(block: Block, draw: random.Random, share: float) -> Block:
    """Swap neighbours that assign plain names and do not ask for each other."""
    block = list(block)
    for place in range(len(block) - 1):
        first, second = (_flow(one) for one in block[place : place + 2])
        if first is None or second is None or draw.random() >= share:
            continue
        sets, asks = first
        others, wants = second
        if not (sets & wants or others & asks or sets & others):
            block[place : place + 2] = block[place + 1], block[place]
    return block


def _flow(one: ast.stmt) -> tuple[set[str], set[str]] | None:
    """Tell what a statement assigns and asks for; None where it may do more than that."""
    if not isinstance(one, ast.Assign) or not is_pure(one.value):
        return None
    if not all(isinstance(target, ast.Name) for target in one.targets):
        return None
    if any(isinstance(node, ast.Subscript | ast.Attribute) for node in ast.walk(one.value)):
        return None  # it may fail, and then the order shows
    names = [node for node in ast.walk(one) if isinstance(node, ast.Name)]
    sets = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return sets, {name.id for name in names if isinstance(name.ctx, ast.Load)}


def _members(body: Block, draw: random.Random) -> Block:
    """Change the order of a class's methods, where it holds nothing else and none is decorated."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    if not all(isinstance(one, kinds) and not one.decorator_list for one in body):
        return body
    if len({one.name for one in body if isinstance(one, kinds)}) < len(body):
        return body
    if any(isinstance(one, ast.ClassDef) for one in body):
        return body
    return draw.sample(body, len(body))


def _with_dead_code(block: Block, draw: random.Random, share: float) -> Block:
    """Put in what does nothing: names that nobody asks for, branches that are never taken."""
    out: Block = []
    for place, one in enumerate(block):
        is_docstring = place == 0 and isinstance(one, ast.Expr)
        if not is_docstring and draw.random() < share:
            out += _dead(draw)
        out.append(one)
    return out


def _dead(draw: random.Random) -> Block:
    name = f"spare{draw.randrange(1000)}"
    number = draw.randrange(100)
    text = draw.choice(
        (
            f"{name} = {number}",
            f"{name} = []",
            f"if False:\n    {name} = {number}",
            f"{name} = {number} * {draw.randrange(9)} + 1",
            f"while False:\n    {name} = None",
            f"for {name} in ():\n    pass",
            "pass",
        )
    )
    return ast.parse(text).body


def renamed(code: str, draw: random.Random) -> str:
    """Give the arguments and local variables of each function other names.

    Those stay that an inner function, a class or a call by keyword may know by their names.
    """
    tree = parsed(code)
    if tree is None:
        return code
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef) and not _is_seen_into(scope):
            keywords = {one.arg for one in ast.walk(tree) if isinstance(one, ast.keyword)}
            given = {one.arg for one in ast.walk(scope.args) if isinstance(one, ast.arg)}
            own = given | {
                one.id
                for one in ast.walk(scope)
                if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
            }
            names = {name: f"name{draw.randrange(10**6)}" for name in sorted(own - keywords)}
            _Renamer({n: new for n, new in names.items() if n not in ("self", "cls")}).visit(scope)
    return ast.unparse(ast.fix_missing_locations(tree))


def _is_seen_into(scope: ast.FunctionDef) -> bool:
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Global, ast.Nonlocal, ast.Lambda)
    inner = [one for one in ast.walk(scope) if one is not scope]
    return any(isinstance(one, kinds) for one in inner)


class _Renamer(ast.NodeTransformer):
    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self.names.get(node.arg, node.arg), node.annotation)
