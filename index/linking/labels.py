"""How likely a pair of each score is of one thing, from pairs that somebody labelled."""

import numpy as np

from index.errors import RowsInvalid
from index.hits import Mask, Scores
from index.linking.curves import BINS, Curves, Numbers, range_of, step_of

ISOTONIC_MIN = 300
"""Labels from which on no shape is asked of the curve but that it rises."""
DRAWS = 200
_CENTRES, _SLOPES = 61, 16
_SLIPS = (0.003, 0.01, 0.03, 0.1, 0.25)  # of the same among the best scores, the share that is not
_HINT_SPREAD = 0.3  # of the range of scores: how far a threshold without labels may be off


class Logistic:
    """The curve (1 - slip) / (1 + exp(-slope (score - centre))), told by labels more and more.

    All that it may be stands in a table of 61 centres, 16 slopes and 5 slips; each label multiplies
    the weight of each by how likely it made that label (Bayes' rule, exact over the table). So it
    says something after no label, and after labels of one kind only. The slip is for what no score
    tells: twins among the highest scores, and labels that are wrong.

    Args:
        scores: of all candidates (n,): over their range the centre is looked for.
        hint: where the threshold is thought to lie, if that is known.

    Source: as psychometric functions are measured: Kontsevich and Tyler 1999.
    """

    def __init__(self, scores: Scores, hint: float | None = None) -> None:
        self.low, self.high = range_of(scores)
        width = self.high - self.low
        at = (np.arange(BINS) + 0.5) / BINS
        centre = np.linspace(-0.1, 1.1, _CENTRES)
        slope = np.geomspace(3.0, 300.0, _SLOPES)
        c, k, slip = (one.ravel() for one in np.meshgrid(centre, slope, _SLIPS, indexing="ij"))
        logits = k[:, None] * (at - c[:, None])
        self.chance = (1.0 - slip[:, None]) * (0.5 + 0.5 * np.tanh(0.5 * logits))
        self.chance = np.clip(self.chance, 1e-4, 1.0 - 1e-4)  # somebody's slip of the hand
        self._first = np.ones(len(c))
        if hint is not None:
            away = (c - (hint - self.low) / width) / _HINT_SPREAD
            self._first = np.exp(-0.5 * away * away)
        self.weights = self._first / self._first.sum()

    def see(self, scores: Scores, same: Mask) -> None:
        """Take in all labels that there are (m,), in the place of those before."""
        steps = step_of(scores, self.low, self.high, BINS)
        seen = self.chance[:, steps]
        logs = np.log(np.where(same, seen, 1.0 - seen)).sum(axis=1)
        weights = self._first * np.exp(logs - logs.max())
        self.weights = weights / weights.sum()

    def curves(self) -> Curves:
        """Return what the curve may be, without what it is hardly."""
        order = np.argsort(-self.weights)
        kept = order[: 1 + int(np.searchsorted(np.cumsum(self.weights[order]), 0.999))]
        weights = self.weights[kept]
        return Curves(self.low, self.high, self.chance[kept], weights / weights.sum())


def with_labels(
    scores: Scores, labelled: Scores, same: Mask, *, hint: float | None = None, seed: int = 0
) -> Curves:
    """Tell how likely pairs of each score are of one thing, from labels.

    Which pairs were labelled may depend on their scores, and on nothing else. Of fewer than 300
    labels a logistic curve is told; of more, the rising curve that fits best, of any shape, with
    two hundred samples of the labels for what is uncertain of it (bootstrap, Efron 1979).

    Args:
        scores: of all candidates (n,).
        labelled: of the pairs (m,) that have a label.
        same: the labels (m,).

    Raises:
        RowsInvalid: no labels, or as many scores as labels there are not.
    """
    if not len(labelled) or len(labelled) != len(same):
        raise RowsInvalid(
            f"{len(labelled)} scores came with {len(same)} labels: send one label to a score, and "
            "at least one"
        )
    if len(labelled) < ISOTONIC_MIN:
        logistic = Logistic(scores, hint)
        logistic.see(labelled, same)
        return logistic.curves()
    low, high = range_of(scores)
    chance = np.random.default_rng(seed)
    drawn = [chance.integers(0, len(same), len(same)) for _ in range(DRAWS)]
    over = [_rising(low, high, labelled[some], same[some]) for some in drawn]
    return Curves(low, high, np.stack(over), np.full(DRAWS, 1.0 / DRAWS))


def isotonic(values: Numbers, weights: Numbers) -> Numbers:
    """Return the rising numbers (n,) nearest to values (n,), by weighted squares.

    >>> isotonic(np.array([1.0, 3.0, 2.0, 4.0]), np.ones(4)).tolist()
    [1.0, 2.5, 2.5, 4.0]

    Source: pool adjacent violators, Ayer et al. 1955.
    """
    level: list[float] = []
    weight: list[float] = []
    length: list[int] = []
    for value, heavy in zip(values.tolist(), weights.tolist(), strict=True):
        level.append(value)
        weight.append(heavy)
        length.append(1)
        while len(level) > 1 and level[-2] >= level[-1]:
            both = weight[-2] + weight[-1]
            level[-2:] = [(level[-2] * weight[-2] + level[-1] * weight[-1]) / both]
            weight[-2:] = [both]
            length[-2:] = [sum(length[-2:])]
    return np.repeat(np.array(level, np.float64), length)


def _rising(low: float, high: float, scores: Scores, same: Mask) -> Numbers:
    """Return the rising curve (b,) of labels, between two that are known drawn as a line."""
    steps = step_of(scores, low, high, BINS)
    many = np.bincount(steps, minlength=BINS).astype(np.float64)
    right = np.bincount(steps, weights=same, minlength=BINS)
    known = np.flatnonzero(many)
    share = isotonic(right[known] / many[known], many[known])
    return np.interp(np.arange(BINS), known, share)
