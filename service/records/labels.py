"""Answers that somebody gave about pairs of records, kept line by line in a file of JSON.

Each line is `{"left", "right", "answer", "score", "left_record", "right_record"}`: the answer is
`same`, `different`, `unknown`, or `undone`, and of two lines about one pair the later one counts.
Records are known by a hash of the cells that were compared, so that a table may be sorted, or grow,
between two sittings; answers about records that have changed since are left out.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from service.records.tables import Table

ANSWERS: Final[Mapping[str, bool | None]] = {"same": True, "different": False, "unknown": None}
UNDONE: Final = "undone"
LINE_CHARACTERS_MAX = 1 << 20
LINES_MAX = 1_000_000


class LabelsInvalid(ValueError):
    """A file of labels cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of two records, by their hashes."""

    left: str
    right: str
    same: bool | None


def hashes_of(table: Table, fields: Sequence[str]) -> list[str]:
    """Return a hash of what each record has in the fields that are compared."""
    columns = [table.column(name) for name in fields]
    return [
        hashlib.blake2b(
            json.dumps([_plain(cell) for cell in cells], ensure_ascii=True).encode(), digest_size=8
        ).hexdigest()
        for cells in zip(*columns, strict=True)
    ]


def read_answers(path: Path) -> list[Answer]:
    """Read the answers that count; a last line that a crash cut short is left out.

    Raises:
        LabelsInvalid: a line is none.
        OSError: the file cannot be read.
    """
    said: dict[tuple[str, str], Answer | None] = {}
    for number, line, is_last in _lines(path):
        try:
            told = json.loads(line)
            left, right, answer = told["left"], told["right"], told["answer"]
            if not (isinstance(left, str) and isinstance(right, str)):
                raise TypeError("hashes are texts")
            kept = None if answer == UNDONE else Answer(left, right, ANSWERS[answer])
        except (ValueError, TypeError, KeyError, RecursionError):
            if is_last:
                break
            raise LabelsInvalid(
                f"{path}, line {number}: no answer; a line is an object with `left`, `right` and "
                f"`answer`, one of {', '.join([*ANSWERS, UNDONE])}"
            ) from None
        said[left, right] = kept
    return [one for one in said.values() if one is not None]


def placed(
    answers: Sequence[Answer], left: Sequence[str], right: Sequence[str]
) -> tuple[list[tuple[int, int, bool | None]], int]:
    """Find the records that answers are about; return those, and how many are about none.

    Args:
        left, right: the hashes of the records of the two sides; of records that read the same the
            first stands for all.
    """
    at_left, at_right = _first(left), _first(right)
    found, lost = [], 0
    for one in answers:
        if one.left in at_left and one.right in at_right:
            found.append((at_left[one.left], at_right[one.right], one.same))
        else:
            lost += 1
    return found, lost


class AnswerFile:
    """A file to which each answer is added, on disk before the next question is asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # A line that a crash cut short is ended, so that the next one stands by itself.
        self._torn = path.exists() and path.stat().st_size > 0 and not _ends_in_line(path)

    def add(self, left: str, right: str, answer: str, **more: Any) -> None:
        """Add an answer about two records.

        Raises:
            OSError: it cannot be written.
        """
        line = json.dumps({"left": left, "right": right, "answer": answer} | more)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(("\n" if self._torn else "") + line + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._torn = False


def _lines(path: Path) -> Iterator[tuple[int, str, bool]]:
    with path.open(encoding="utf-8", errors="replace") as file:
        number = 0
        while line := file.readline(LINE_CHARACTERS_MAX):
            number += 1
            if number > LINES_MAX:
                raise LabelsInvalid(f"{path} has more than {LINES_MAX} lines: split it")
            if line.strip():
                yield number, line, not line.endswith("\n")


def _ends_in_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _first(hashes: Sequence[str]) -> dict[str, int]:
    return {one: place for place, one in reversed(list(enumerate(hashes)))}


def _plain(cell: Any) -> Any:
    return cell if cell is None or isinstance(cell, bool | int | float) else str(cell)
