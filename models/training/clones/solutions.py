"""Solutions of problems, each alone; and which problems are never learnt from."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

LISTING = "leetcode-solutions.jsonl.gz"
HELD_OUT_EVERY = 5  # of the problems, one in so many
_NUMBERED = re.compile(r"^(?=class \w*?Solution\w*\b)", re.MULTILINE)
_COMMENT = re.compile(r"^(?:#|//) ?(?:Time|Space)\b[^\n]*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Solution:
    """One solution of a problem.

    Args:
        language: `cpp` or `python`.
        number: of the file's solutions, from 0 on: mostly another algorithm each.
    """

    problem: str
    language: str
    number: int
    code: str


def held_out(problem: str) -> bool:
    """Tell whether a problem is kept from training, by hash."""
    return int(hashlib.sha256(problem.encode()).hexdigest(), 16) % HELD_OUT_EVERY == 0


def read_solutions(path: Path) -> list[Solution]:
    """Read the listing: a JSON object a line, of `problem`, `language` and `code`."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [one for row in rows for one in _parted(row["problem"], row["language"], row["code"])]


def _parted(problem: str, language: str, code: str) -> Iterable[Solution]:
    """Part a file into its solutions: `class Solution`, `class Solution2`, each with what it needs.

    What stands before the first is each one's; what is shared otherwise stays where it is.
    """
    code = _COMMENT.sub("", code)
    head, *bodies = _NUMBERED.split(code)
    if not bodies:
        yield Solution(problem, language, 0, code)
        return
    for number, body in enumerate(bodies):
        yield Solution(problem, language, number, head + body if number == 0 else body)
