"""Where to cut what is linked, without labels: how near strangers come, told by second bests.

Of the candidates of a record one at most is right, so that the second best of a record whose best
is right is the nearest stranger. The scores by themselves do not show strangers that are nearly
alike, as twins and namesakes are; second bests do.

Of n left rows L have a best at or above a score t, and S a second best. Let the strangers that
reach t beside a row be Poisson of mean m, so that one does with the chance r = 1 - exp(-m), and two
with q = r - m exp(-m). If x of the L are right, the others of the n rows are linked where a
stranger is that near: L - x = r (n - x), hence x = L - (exp(m) - 1) (n - L). And
S = x r + (n - x) q: the second best of a right row is the nearest stranger, that of another the
second nearest. The two give m and x; x / L is the precision at t and, as no row has two that are
right, x / n the least of the recall.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from index.errors import ScoresInseparable
from index.linking.assignment import best
from index.linking.curves import BINS, Curves, Numbers, Threshold, range_of
from index.linking.labels import isotonic
from index.linking.pairs import Pairs

PRECISIONS = (0.95, 0.9)
"""The share of the pairs at or above the threshold that is to be right; if not, the next."""
ROWS_MIN = 50
MATCHES_MIN = 5.0
RECALL_MIN = 0.5
"""Of what can be found, so much is to be found; else the next, or nothing is told."""
RIVALS_MAX = 0.7
"""Where a stranger reaches a score beside more of the rows than this, it tells nothing."""
DRAWS = 60
STRANGERS_MAX = 20.0
TIED = 1e-6
"""Candidates as good as the best are the same again, and no rivals."""


def by_rivals(pairs: Pairs, seed: int = 0) -> tuple[Curves, Threshold]:
    """Find the threshold of the best F1 above which 95 of 100 best pairs are right, or else 90.

    Args:
        pairs: several candidates a left row, none left out for its score.

    Returns:
        Curves of how likely the best pair of a row is right by its score: one of all rows, one of
        each of sixty samples of them, drawn with repetition (bootstrap, Efron 1979). And the
        threshold; its recall is of what can be found by scores at all, `recall_low` of all rows.

    Raises:
        ScoresInseparable: too few rows have two candidates, or strangers come too near everywhere.
    """
    firsts, seconds = _two_best(pairs)
    if np.isfinite(seconds).sum() < ROWS_MIN:
        raise ScoresInseparable(
            f"{int(np.isfinite(seconds).sum())} records with two candidates are too few to tell how"
            f" near strangers come: it takes {ROWS_MIN}; give a threshold, or label some pairs"
        )
    low, high = range_of(pairs.scores)
    at = low + (high - low) * np.arange(BINS) / BINS
    counted = _counted(firsts, seconds, at)
    goals = [one for one in PRECISIONS if _best(counted, one) is not None]
    if not goals:
        raise ScoresInseparable(
            f"strangers come too near to find pairs of which {PRECISIONS[-1]:g} are right: give a "
            "threshold, or label some pairs"
        )
    chance = np.random.default_rng(seed)
    drawn = [np.arange(len(firsts))]
    drawn += [chance.integers(0, len(firsts), len(firsts)) for _ in range(DRAWS)]
    told = [_counted(firsts[some], seconds[some], at) for some in drawn]
    curves = np.stack([_curve(one) for one in told])
    found = Curves(low, high, curves, np.full(len(curves), 1.0 / len(curves)))
    return found, _told(at, counted, told, goals[0])


def rivals_at(found: Threshold, pairs: Pairs, threshold: float) -> Threshold:
    """Tell what second bests say of a threshold that somebody chose.

    Args:
        found: the threshold that they tell themselves.
    """
    one = _counted(*_two_best(pairs), np.array([threshold - 1e-7]))
    right = float(one.right[0])
    sure, recall = right / max(float(one.linked[0]), 1.0), min(1.0, right / found.matches)
    return replace(
        found,
        threshold=threshold,
        precision=sure,
        precision_low=min(found.precision_low, sure),
        recall=recall,
        recall_low=min(right / one.n, recall),
        f1=_f1(sure, recall),
        f1_low=_f1(sure, right / one.n),
        f1_high=_f1(1.0, recall),
    )


def borne_out(told: Threshold, pairs: Pairs) -> Threshold:
    """Lower what curves of scores alone promise of a threshold to what second bests bear out."""
    firsts, seconds = _two_best(pairs)
    one = _counted(firsts, seconds, np.array([told.threshold - 1e-7]))
    sure = float(one.right[0] / max(one.linked[0], 1.0))
    precision, recall_low = min(told.precision, sure), min(told.recall, float(one.right[0]) / one.n)
    least = min(told.precision_low, precision)
    return replace(
        told,
        precision=precision,
        precision_low=least,
        recall_low=min(told.recall_low, recall_low),
        f1=min(told.f1, _f1(precision, told.recall)),
        f1_low=min(told.f1_low, _f1(least, recall_low)),
    )


@dataclass(frozen=True, slots=True)
class _Counted:
    """Rows by score (b,): those with a best at or above it, those of them that are right, and the
    chance that a stranger is that near to a row; of n rows."""

    linked: Numbers
    right: Numbers
    rivals: Numbers
    n: int


def _told(at: Numbers, all_: _Counted, drawn: Sequence[_Counted], precision: float) -> Threshold:
    """Tell what may be expected of the best threshold of a precision."""
    chosen = _best(all_, precision)
    assert chosen is not None
    others = [_best(one, precision) for one in drawn]
    places = [at[one] for one in others if one is not None]
    reached = [one.right[chosen] / max(one.linked[chosen], 1.0) for one in drawn]
    sure = float(all_.right[chosen] / all_.linked[chosen])
    recall = float(all_.right[chosen] / _most(all_))
    least, recall_low = min(float(np.quantile(reached, 0.05)), sure), all_.right[chosen] / all_.n
    return Threshold(
        threshold=float(at[chosen]),
        low=min(float(np.quantile(places, 0.05)), float(at[chosen])),
        high=max(float(np.quantile(places, 0.95)), float(at[chosen])),
        f1=_f1(sure, recall),
        f1_low=_f1(least, float(recall_low)),
        f1_high=_f1(1.0, recall),
        precision=sure,
        precision_low=least,
        recall=recall,
        recall_low=float(recall_low),
        matches=_most(all_),
    )


def _two_best(pairs: Pairs) -> tuple[Numbers, Numbers]:
    """Return of each left row the best score (r,), and the best of those below it, else -inf."""
    firsts = best(pairs)
    top = np.full(int(pairs.left.max(initial=-1)) + 1, -np.inf, np.float32)
    top[firsts.left] = firsts.scores
    below = pairs.scores < top[pairs.left] - TIED
    second = np.full(len(top), -np.inf)
    np.maximum.at(second, pairs.left[below], pairs.scores[below])
    return firsts.scores.astype(np.float64), second[firsts.left]


def _counted(firsts: Numbers, seconds: Numbers, at: Numbers) -> _Counted:
    """Count, and solve for the mean number of strangers that reach each score, by halving."""
    n = len(firsts)
    linked = (n - np.searchsorted(np.sort(firsts), at)).astype(np.float64)
    near = n - np.searchsorted(np.sort(seconds), at) + 1.0
    least, most = np.zeros(len(at)), np.full(len(at), STRANGERS_MAX)
    for _ in range(40):
        middle = (least + most) / 2.0
        right, one, two = _right(middle, linked, n)
        too_few = right * one + (n - right) * two < near
        least, most = np.where(too_few, middle, least), np.where(too_few, most, middle)
    right, one, _ = _right(least, linked, n)
    return _Counted(linked, right, one, n)


def _right(mean: Numbers, linked: Numbers, n: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return how many rows are right where so many strangers on average reach a score, and the
    chances that one and that two do."""
    one = -np.expm1(-mean)
    wrong = np.minimum(np.expm1(mean) * (n - linked + 1.0), one * n)
    return np.maximum(linked - wrong, 0.0), one, one - mean * np.exp(-mean)


def _most(one: _Counted) -> float:
    """Return how many can be found by scores at all."""
    return float(np.where(one.rivals <= RIVALS_MAX, one.right, 0.0).max())


def _best(one: _Counted, precision: float) -> int | None:
    """Return the step of the best F1 at which enough is right, and enough found; None: of none."""
    most = _most(one)
    good = (one.right >= precision * one.linked) & (one.rivals <= RIVALS_MAX)
    good &= one.right >= max(MATCHES_MIN, RECALL_MIN * most)
    f1 = np.where(good, one.right / (one.linked + most), 0.0)
    return int(f1.argmax()) if good.any() else None


def _curve(one: _Counted) -> Numbers:
    """Tell of each step what share of the bests there is right (b,), rising."""
    # The likelier right, the higher the score: of few at the top a cut below tells more.
    share = np.where(one.rivals <= RIVALS_MAX, one.right / np.maximum(one.linked, 1.0), 0.0)
    right = np.maximum.accumulate(share) * one.linked
    at_least = np.maximum.accumulate(right[::-1])[::-1]  # what a higher cut finds, a lower one does
    here, true = (-np.diff(numbers, append=0.0) for numbers in (one.linked, at_least))
    known = np.flatnonzero(here > 0)
    rising = isotonic((true[known] / here[known]).clip(0.0, 1.0), here[known])
    return np.interp(np.arange(BINS), known, rising)


def _f1(precision: float, recall: float) -> float:
    return 2.0 * precision * recall / max(precision + recall, 1e-300)
