"""A dialogue in the terminal: two records side by side, and whether they are of one thing."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table as Columns
from rich.text import Text

from index.errors import ScoresInseparable
from index.linking.asking import Asking
from index.linking.curves import Threshold
from index.linking.pairs import Pairs
from index.linking.threshold import without_labels
from service.records.explain import cut, figure
from service.records.labels import ANSWERS, UNDONE, AnswerFile, hashes_of, placed, read_answers
from service.records.output import Side
from service.records.scoring import FieldScore, explained

KEYS = {"y": "same", "n": "different", "s": "unknown", "u": UNDONE, "q": None}
QUESTION = "the same? [y]es [n]o [s]kip [u]ndo [q]uit: "
SHOWN_MAX = 60  # characters of a cell, side by side


@dataclass(frozen=True, slots=True)
class Done:
    """What a sitting came to: labels in all, and the threshold that they say."""

    labels: int
    asked: int
    threshold: Threshold | None


class Dialogue:
    """Asks about the pairs whose labels tell most, and keeps each answer as it is given.

    Args:
        left, right: the two sides; of one table the same twice.
        pairs: all candidates with their scores.
        path: where answers are kept, and found again.
        ask: reads an answer; None at the end of what is to be read.
        say: shows a line.
    """

    def __init__(
        self,
        left: Side,
        right: Side,
        pairs: Pairs,
        path: Path,
        *,
        rerank: float,
        console: Console,
        ask: Callable[[str], str | None],
    ) -> None:
        self._left, self._right, self._pairs, self._rerank = left, right, pairs, rerank
        self._console, self._ask, self._path = console, ask, path
        names = left.pooled.schema.names
        self._hashes = hashes_of(left.table, names), hashes_of(right.table, names)
        self._file = AnswerFile(path)
        self.asking = Asking(pairs, _hint(pairs))
        self._given: list[int] = []

    def resume(self) -> int:
        """Take in the answers of earlier sittings; return how many are about no candidate."""
        if not self._path.exists():
            return 0
        found, lost = placed(read_answers(self._path), *self._hashes)
        place = {
            key: at
            for at, key in enumerate(
                zip(self._pairs.left.tolist(), self._pairs.right.tolist(), strict=True)
            )
        }
        known = {}
        for left, right, same in found:
            at = place.get((left, right), place.get((right, left)))
            if at is None:
                lost += 1
            else:
                known[at] = same
        self.asking.restore(known)
        return lost

    def run(self, labels_max: int | None = None) -> Done:
        """Ask until nobody answers, or so many labels were given."""
        while labels_max is None or len(self.asking.labels) < labels_max:
            pair = self.asking.next()
            if pair is None:
                self._console.print("every candidate was asked about")
                break
            self._show(pair)
            answer = self._answer()
            if answer is None:
                break
            if answer == UNDONE:
                self._undo()
                continue
            self._keep(pair, answer)
            self._given.append(pair)
            self.asking.answer(pair, ANSWERS[answer])
            self._console.print(self.standing())
        return Done(len(self.asking.labels), len(self._given), self.threshold())

    def threshold(self) -> Threshold | None:
        """Return what the labels say; None while there is none."""
        if not self.asking.labels:
            return None
        return self.asking.curves().best(self._pairs.scores)

    def standing(self) -> str:
        """Word how many labels there are, and the threshold that they say so far."""
        labels = self.asking.labels.values()
        told = self.threshold()
        words = f"{len(labels)} labels ({sum(labels)} the same)"
        if told is None:
            return words
        return (
            f"{words}: threshold {told.threshold:.3f} ({told.low:.3f} to {told.high:.3f}), expected"
            f" F1 {told.f1:.2f} ({told.f1_low:.2f} to {told.f1_high:.2f})"
        )

    def _answer(self) -> str | None:
        while True:
            said = self._ask(QUESTION)
            if said is None:
                return None
            key = said.strip().lower()[:1]
            if key in KEYS:
                return KEYS[key]
            self._console.print("answer with y, n, s, u or q")

    def _undo(self) -> None:
        if not self._given:
            self._console.print("nothing was answered in this sitting")
            return
        pair = self._given.pop()
        self._keep(pair, UNDONE)
        self.asking.forget(pair)

    def _keep(self, pair: int, answer: str) -> None:
        left, right = int(self._pairs.left[pair]), int(self._pairs.right[pair])
        self._file.add(
            self._hashes[0][left],
            self._hashes[1][right],
            answer,
            score=round(float(self._pairs.scores[pair]), 6),
            left_record=self._left.named(left),
            right_record=self._right.named(right),
        )

    def _show(self, pair: int) -> None:
        left, right = int(self._pairs.left[pair]), int(self._pairs.right[pair])
        score = float(self._pairs.scores[pair])
        shown = Columns(title=f"score {figure(score)}", title_justify="left", expand=False)
        shown.add_column("")
        shown.add_column(self._left.named(left))
        shown.add_column(self._right.named(right))
        shown.add_column("alike", justify="right")
        one = self._pairs.take(np.array([pair]))
        (fields,) = explained(self._left.pooled, self._right.pooled, one, rerank=self._rerank)
        for field in _in_order(fields, self._left.pooled.schema.names):
            mine, theirs = (
                _cell(side.table.column(field.field)[row])
                for side, row in ((self._left, left), (self._right, right))
            )
            # Texts, not markup: a cell says what it says, whatever brackets it holds.
            shown.add_row(
                Text(field.field), Text(mine), Text(theirs),
                Text("" if field.score is None else figure(field.score)),
            )  # fmt: skip
        self._console.print(shown)


def talk(
    left: Side, right: Side, pairs: Pairs, path: Path, rerank: float, labels_max: int | None
) -> None:
    """Hold a dialogue on standard input, shown on standard error; print what it came to.

    Raises:
        LabelsInvalid: the answers kept so far cannot be read.
        ScoresInseparable: there is no pair to ask about.
        OSError: an answer cannot be kept.
    """
    console = Console(file=sys.stderr, highlight=False)
    dialogue = Dialogue(left, right, pairs, path, rerank=rerank, console=console, ask=_read)
    lost = dialogue.resume()
    if lost:
        console.print(f"{lost} answers in {path} are about pairs that are no candidates now")
    if dialogue.asking.labels:
        console.print(dialogue.standing())
    done = dialogue.run(labels_max)
    print(f"{dialogue.standing()}; {done.asked} answers now, kept in {path}")  # noqa: T201


def _read(question: str) -> str | None:
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not sys.stdin.isatty():
        sys.stderr.write("\n")
    return line or None


def _hint(pairs: Pairs) -> float | None:
    try:
        return without_labels(pairs).best(pairs.scores).threshold
    except ScoresInseparable:
        return None


def _in_order(fields: Sequence[FieldScore], names: Sequence[str]) -> list[FieldScore]:
    named = {one.field: one for one in fields}
    return [named[name] for name in names if name in named]


def _cell(cell: object) -> str:
    text = "" if cell is None else str(cut(cell))
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return plain if len(plain) <= SHOWN_MAX else plain[: SHOWN_MAX - 1] + "…"
