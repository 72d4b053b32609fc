"""How likely a pair of a score is of one thing: several curves that may be true, and the
thresholds that follow from them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.errors import RowsInvalid, ScoresInseparable
from index.hits import Scores

BINS = 256
CONFIDENCE = 0.9  # of an interval: 5 % lie below it, 5 % above
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and what may be expected of the pairs at or above it.

    `low` and `high` bound where the best threshold may lie (90 %), as `f1_low` and `f1_high` do for
    its F1. `precision_low` and `recall_low` are one-sided bounds (95 %). `matches` are the pairs of
    one thing that are expected among all candidates; recall is of these.
    """

    threshold: float
    low: float
    high: float
    f1: float
    f1_low: float
    f1_high: float
    precision: float
    precision_low: float
    recall: float
    recall_low: float
    matches: float


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves (g, b) of P(same | score) over equal steps of the score, and how likely each is.

    Args:
        low, high: the scores between which the steps lie; beyond them the outermost hold.
        chance: rising curves (g, b).
        weights: (g,), of sum 1.
    """

    low: float
    high: float
    chance: Numbers
    weights: Numbers

    @property
    def starts(self) -> Numbers:
        """The lowest score (b,) of each step."""
        steps = self.chance.shape[1]
        starts: Numbers = self.low + (self.high - self.low) * np.arange(steps) / steps
        return starts

    def steps_of(self, scores: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """Return the step (n,) of each score."""
        return step_of(scores, self.low, self.high, self.chance.shape[1])

    def probabilities(self, scores: npt.NDArray[np.floating]) -> Numbers:
        """Return how likely pairs of these scores (n,) are of one thing, over all curves."""
        mean: Numbers = (self.weights @ self.chance)[self.steps_of(scores)]
        return mean

    def best(self, scores: Scores) -> Threshold:
        """Return the threshold of the highest expected F1 among candidates of these scores (n,)."""
        kept, right = self._counts(scores)
        f1 = self._f1(kept, right)
        return self._told(int((self.weights @ f1).argmax()), kept, right)

    def at_rate(self, scores: Scores, false_match_rate: float) -> Threshold:
        """Return the lowest threshold above which, surely, no more than such a share is wrong.

        Surely: in 95 of 100 of what the curves may be.

        Raises:
            RowsInvalid: the rate is no rate, or no threshold can promise it.
        """
        if not 0.0 < false_match_rate < 1.0:
            raise RowsInvalid(
                f"false_match_rate is {false_match_rate}: it lies between 0 and 1, both excluded"
            )
        kept, right = self._counts(scores)
        wrong = np.array(
            [
                1.0 - _quantile(column, self.weights, 0.05)
                for column in (right / np.maximum(kept, 1)).T
            ]
        )
        good = (wrong <= false_match_rate) & (kept > 0)
        if not good.any():
            least = float(wrong[kept > 0].min()) if (kept > 0).any() else 1.0
            raise RowsInvalid(
                f"no threshold can promise a false_match_rate of {false_match_rate}: the lowest is "
                f"{least:.3g} with what is known; label more pairs, or ask for more"
            )
        return self._told(int(good.argmax()), kept, right)

    def at(self, scores: Scores, threshold: float) -> Threshold:
        """Tell what may be expected of a threshold that somebody chose."""
        kept, right = self._counts(scores)
        told = self._told(int(self.steps_of(np.array([threshold]))[0]), kept, right)
        fields = {name: getattr(told, name) for name in Threshold.__slots__}
        return Threshold(**(fields | {"threshold": threshold}))

    def _counts(self, scores: Scores) -> tuple[Numbers, Numbers]:
        """Return how many pairs (b,) each threshold keeps, and how many (g, b) of them are right.

        A threshold is the start of a step.
        """
        counts = np.bincount(self.steps_of(scores), minlength=self.chance.shape[1])
        return _from_above(counts.astype(np.float64)), _from_above(self.chance * counts)

    def _f1(self, kept: Numbers, right: Numbers) -> Numbers:
        f1: Numbers = 2.0 * right / np.maximum(kept + right[:, :1], 1e-300)
        return f1

    def _told(self, at: int, kept: Numbers, right: Numbers) -> Threshold:
        f1, w = self._f1(kept, right), self.weights
        # Thresholds between which there is no score are one threshold; its middle stands for it.
        first, last = _ends(kept)
        each = f1.argmax(axis=1)
        precision = right[:, at] / max(kept[at], 1e-300)
        recall = right[:, at] / np.maximum(right[:, 0], 1e-300)
        middle = float(self.starts[first[at]] + self.starts[last[at]]) / 2.0
        return Threshold(
            threshold=middle,
            low=min(_quantile(self.starts[first[each]], w, 0.05), middle),
            high=max(_quantile(self.starts[last[each]], w, 0.95), middle),
            f1=float(w @ f1[:, at]),
            f1_low=_quantile(f1[:, at], w, 0.05),
            f1_high=_quantile(f1[:, at], w, 0.95),
            precision=float(w @ precision),
            precision_low=_quantile(precision, w, 0.05),
            recall=float(w @ recall),
            recall_low=_quantile(recall, w, 0.05),
            matches=float(w @ right[:, 0]),
        )


def step_of(
    scores: npt.NDArray[np.floating], low: float, high: float, steps: int
) -> npt.NDArray[np.int64]:
    """Return the step (n,) of each score, of so many equal ones between two scores.

    >>> step_of(np.array([0.0, 0.5, 1.0]), 0.0, 1.0, 4).tolist()
    [0, 2, 3]
    """
    share = (np.asarray(scores, np.float64) - low) / max(high - low, 1e-12)
    # A score that was made of a step's start belongs to that step, whatever it was rounded to.
    place: npt.NDArray[np.int64] = np.floor(share * steps + 1e-4).astype(np.int64)
    return np.clip(place, 0, steps - 1)


def range_of(scores: Scores) -> tuple[float, float]:
    """Return the range over which curves of these scores are told.

    Raises:
        ScoresInseparable: there are none.
    """
    if not len(scores):
        raise ScoresInseparable("no two records have anything in common to compare them by")
    low, high = float(scores.min()), float(scores.max())
    return low, high + 1e-6


def _from_above(numbers: Numbers) -> Numbers:
    return np.cumsum(numbers[..., ::-1], axis=-1)[..., ::-1]


def _ends(kept: Numbers) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return for each step the first and the last (b,) of those that keep as many pairs."""
    changes = np.flatnonzero(np.diff(kept)) + 1
    starts = np.concatenate([[0], changes])
    ends = np.concatenate([changes - 1, [len(kept) - 1]])
    run = np.searchsorted(starts, np.arange(len(kept)), "right") - 1
    return starts[run], ends[run]


def _quantile(values: Numbers, weights: Numbers, share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    at = int(np.searchsorted(reached, share * reached[-1]))
    return float(values[order[min(at, len(order) - 1)]])
