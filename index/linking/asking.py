"""Which pair to ask about next: the one whose label tells most, now and then one from elsewhere."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from index.linking.curves import BINS, Curves, Numbers, step_of
from index.linking.labels import ISOTONIC_MIN, Logistic, with_labels
from index.linking.pairs import Pairs

ELSEWHERE = 4
"""One question in so many is about the part of the scores that was asked about least."""


class Asking:
    """A dialogue about candidates: what to ask next, and what the answers say.

    Args:
        pairs: all candidates.
        hint: where the threshold is thought to lie, if that is known (`without_labels`).
    """

    def __init__(self, pairs: Pairs, hint: float | None = None, seed: int = 0) -> None:
        self.pairs, self._hint = pairs, hint
        self._logistic = Logistic(pairs.scores, hint)
        low, high = self._logistic.low, self._logistic.high
        self._step = step_of(pairs.scores, low, high, BINS)
        self._there = np.bincount(self._step, minlength=BINS)
        # Of equals any, but the same again with the same seed.
        self._turn = np.random.default_rng(seed).permutation(len(pairs))
        self.labels: dict[int, bool] = {}
        self._passed: set[int] = set()

    def answer(self, pair: int, same: bool | None) -> None:
        """Take in a label of the pair at this position; None: nobody can tell."""
        if same is None:
            self._passed.add(pair)
        else:
            self.labels[pair] = same
        self._see()

    def forget(self, pair: int) -> None:
        """Take an answer back."""
        self.labels.pop(pair, None)
        self._passed.discard(pair)
        self._see()

    def next(self) -> int | None:
        """Return the position of the pair to ask about, None where all were asked.

        The label that tells most is the one that is least known though each curve that may be true
        knows it: the expected gain in bits about the curve. Of the pairs of one step of the score
        those are taken whose rows were not shown yet. One question in four goes to the step of the
        score that lies farthest from all that was asked.

        Source: Lindley 1956; in active learning, Houlsby et al. 2011 (BALD).
        """
        asked = np.fromiter({*self.labels, *self._passed}, np.int64)
        left = self._there - np.bincount(self._step[asked], minlength=BINS)
        if not left.any():
            return None
        worth = self._far(asked) if len(asked) % ELSEWHERE == ELSEWHERE - 1 else self._gain()
        step = int(np.where(left > 0, worth, -1.0).argmax())
        return self._fresh(step, asked)

    def curves(self) -> Curves:
        """Return what the labels say so far."""
        if len(self.labels) < ISOTONIC_MIN:
            return self._logistic.curves()
        at = np.fromiter(self.labels, np.int64)
        same = np.fromiter(self.labels.values(), np.bool_)
        return with_labels(self.pairs.scores, self.pairs.scores[at], same, hint=self._hint)

    def restore(self, answers: Mapping[int, bool | None]) -> None:
        """Take in answers of an earlier dialogue, by position."""
        for pair, same in answers.items():
            if same is None:
                self._passed.add(pair)
            else:
                self.labels[pair] = same
        self._see()

    def _see(self) -> None:
        at = np.fromiter(self.labels, np.int64, len(self.labels))
        same = np.fromiter(self.labels.values(), np.bool_, len(self.labels))
        self._logistic.see(self.pairs.scores[at], same)

    def _gain(self) -> Numbers:
        """Return the bits (b,) that a label of each step is expected to tell about the curve."""
        curves = self._logistic.curves()
        mean = curves.weights @ curves.chance
        return _entropy(mean) - curves.weights @ _entropy(curves.chance)

    def _far(self, asked: npt.NDArray[np.int64]) -> Numbers:
        """Return how far (b,) each step lies from the nearest that was asked."""
        steps = np.unique(self._step[asked])
        away: Numbers = np.abs(np.arange(BINS)[:, None] - steps).min(axis=1).astype(np.float64)
        return away

    def _fresh(self, step: int, asked: npt.NDArray[np.int64]) -> int:
        here = np.setdiff1d(np.flatnonzero(self._step == step), asked)
        left, right = self.pairs.left, self.pairs.right
        shown = np.isin(left[here], left[asked]).astype(int) + np.isin(right[here], right[asked])
        return int(here[np.lexsort((self._turn[here], shown))[0]])


def _entropy(chance: Numbers) -> Numbers:
    both: Numbers = -(chance * np.log2(chance) + (1.0 - chance) * np.log2(1.0 - chance))
    return both
