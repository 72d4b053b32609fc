"""Where to cut: the threshold of pairs without labels, with what is uncertain of it."""

import math

import numpy as np

from index.errors import ScoresInseparable
from index.linking.curves import BINS, Curves, Numbers, range_of
from index.linking.mixture import IDENTICAL, SHAPES, Mixture, parted, peak_of
from index.linking.pairs import Pairs

DRAWS = 60
F1_MIN = 0.75
"""Below so much of expected F1 there is no threshold worth the name."""
MATCHES_MIN = 5.0
SPREAD_MAX = 1.0
"""Candidates between the lowest and the highest that the best threshold may be, to a match."""
STRANGERS_MIN = 50
SHAPE_NATS = 10.0
"""A shape that explains so much less than another is left out."""


def without_labels(pairs: Pairs, seed: int = 0) -> Curves:
    """Tell from the scores of candidates alone how likely a pair of each score is of one thing.

    Of several candidates a row most are strangers, whose scores rise to a peak and fall off; what
    lies above that fall is the same. One curve is fitted to all pairs and one to each of sixty
    samples of rows, drawn with repetition: a row's pairs go together, as they depend on each other
    (bootstrap, Efron 1979). Where two shapes for the scores of the same explain them about equally
    well, half of the curves have each.

    What the curves do not know is whether strangers that are nearly alike, as twins are, are more
    frequent than the fall of the others foretells: these look the same to any method that sees
    scores alone. Label some pairs where there are such.

    Args:
        pairs: several candidates a row, five or more, none left out for its score.

    Raises:
        ScoresInseparable: two kinds of pairs cannot be told apart.
    """
    low, high = range_of(pairs.scores)
    scores = pairs.scores.astype(np.float64)
    usual = scores[scores < IDENTICAL]
    if len(usual) < STRANGERS_MIN:
        raise ScoresInseparable(
            f"{len(usual)} candidate pairs that are not identical are too few to tell two kinds of "
            f"pairs apart: it takes {STRANGERS_MIN}; give a threshold, or label some pairs"
        )
    peak = peak_of(usual)
    drawn = _drawn(pairs, scores, peak, seed)
    centres = low + (high - low) * (np.arange(BINS) + 0.5) / BINS
    curves = np.stack([_over(centres, one) for one in drawn])
    found = Curves(low, high, curves, np.full(len(drawn), 1.0 / len(drawn)))
    _check_worth(found, pairs)
    return found


def _drawn(pairs: Pairs, scores: Numbers, peak: float, seed: int) -> list[Mixture]:
    """Part all pairs, and those of rows drawn with repetition, by each shape that explains them."""
    wholes = [parted(scores, np.ones(len(scores)), peak, shape) for shape in SHAPES]
    best = max(one.gain for one in wholes)
    _check_gain(best, scores, peak)
    wholes = [one for one in wholes if one.gain > best - SHAPE_NATS]
    _, row = np.unique(pairs.left, return_inverse=True)
    rows = int(row.max()) + 1
    chance = np.random.default_rng(seed)
    drawn = list(wholes)
    for at in range(DRAWS):
        often = np.bincount(chance.integers(0, rows, rows), minlength=rows)
        start = wholes[at % len(wholes)]
        drawn.append(parted(scores, often[row].astype(np.float64), peak, start.shape, start))
    return drawn


def _over(centres: Numbers, found: Mixture) -> Numbers:
    """Tell the curve of a mixture over other steps: none below the peak, all where identical."""
    steps = len(found.chance)
    at = found.peak + (1.0 - found.peak) * (np.arange(steps) + 0.5) / steps
    curve = np.where(centres < found.peak, 0.0, np.interp(centres, at, found.chance))
    return np.where(centres >= IDENTICAL, 1.0, curve)


def _check_gain(gain: float, scores: Numbers, peak: float) -> None:
    """Refuse two kinds that explain the scores no better than one does.

    Source: Schwarz 1978 (BIC), for the four numbers that the second kind adds.
    """
    above = int(np.count_nonzero((scores >= peak) & (scores < IDENTICAL)))
    needed = 2.0 * math.log(max(above, 2))
    if gain < needed:
        raise ScoresInseparable(
            f"the scores of {len(scores)} candidate pairs look like those of strangers alone (a "
            f"second kind explains {max(gain, 0.0):.1f} nats of the {needed:.1f} that it must"
            "): give a threshold, or label some pairs"
        )


def _check_worth(found: Curves, pairs: Pairs) -> None:
    """Refuse a threshold of which little can be expected, or that may lie anywhere."""
    told = found.best(pairs.scores)
    between = np.count_nonzero((pairs.scores >= told.low) & (pairs.scores < told.high))
    enough = told.f1 >= F1_MIN and told.matches >= MATCHES_MIN
    if enough and between <= SPREAD_MAX * told.matches:
        return
    raise ScoresInseparable(
        f"two kinds of pairs overlap too much: at the best threshold ({told.threshold:.3f}, "
        f"between {told.low:.3f} and {told.high:.3f}) an F1 of {told.f1:.2f} is expected, of "
        f"{told.matches:.0f} pairs of one thing; give a threshold, or label some pairs"
    )
