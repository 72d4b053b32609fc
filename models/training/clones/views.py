"""Abstract views of solutions and of their rewrites, as token ids; made once, before training."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from models.abstraction.view import abstracted
from models.training.clones.rewrites import cpp, python
from models.training.clones.rewrites.programs import cpp_program, python_program
from models.training.clones.solutions import Solution
from models.training.clones.vocabulary import ids_of

TOKENS_MAX = 512
PROGRAMS = 0.35  # of the rewrites, the share that is written as a program before
Ids = NDArray[np.uint16]


def rewritten(one: Solution, draw: random.Random) -> str:
    """Rewrite a solution in its language."""
    code = one.code
    python_like = one.language == "python"
    if draw.random() < PROGRAMS:
        code = as_program(one, draw)
    return python.rewritten(code, draw) if python_like else cpp.rewritten(code, draw)


def as_program(one: Solution, draw: random.Random) -> str:
    """Write a solution as a program, where it is a method of arguments that can be read."""
    write = python_program if one.language == "python" else cpp_program
    return write(one.code, draw)


def views_of(
    solutions: Sequence[Solution], words: dict[str, int], count: int, *, processes: int = 4
) -> list[list[Ids]]:
    """Make `count` views of each solution: the first as it stands, the others rewritten."""
    work = partial(_views, words=words, count=count)
    return list(_mapped(work, solutions, processes))


def _mapped(
    work: Callable[[Solution], list[Ids]], solutions: Sequence[Solution], processes: int
) -> list[list[Ids]]:
    if processes < 2:
        return [work(one) for one in solutions]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(work, solutions, chunksize=32))


def _views(one: Solution, words: dict[str, int], count: int) -> list[Ids]:
    draw = random.Random(f"{one.problem} {one.language} {one.number}")  # noqa: S311 - rewrites
    sources = [one.code, *(rewritten(one, draw) for _ in range(count - 1))]
    views = [ids_of(abstracted(code, words.__contains__), words, TOKENS_MAX) for code in sources]
    return [np.array(view, np.uint16) for view in views]
