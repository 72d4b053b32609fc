"""What second bests tell of a threshold, on scores of which it is known who is right."""

import numpy as np
import pytest

from index.errors import ScoresInseparable
from index.linking.assignment import best
from index.linking.pairs import Pairs
from index.linking.rivals import borne_out, by_rivals, rivals_at
from index.linking.threshold import without_labels

Drawn = tuple[Pairs, np.ndarray]


def drawn(
    seed: int, *, rows: int = 1500, there: float = 1.0, twins: float = 0.0, at: float = 0.85
) -> Drawn:
    """Ten candidates a row: strangers that fall off from .4, of some rows the right one, and of
    some a twin of it, about as near whether the right one is there or not."""
    chance = np.random.default_rng(seed)
    scores = 0.4 + chance.exponential(0.05, (rows, 10))
    twin = chance.random(rows) < twins
    scores[twin, 1] = chance.normal(at - 0.1, 0.05, int(twin.sum()))
    right = chance.random(rows) < there
    scores[right, 0] = chance.normal(at, 0.07, int(right.sum()))
    scores = scores.clip(0.0, 0.99)
    left = np.repeat(np.arange(rows), 10)
    truth = np.zeros((rows, 10), np.bool_)
    truth[right, 0] = True
    return Pairs.of(left, np.arange(rows * 10), scores.ravel()), truth.ravel()


def real(pairs: Pairs, truth: np.ndarray, threshold: float) -> tuple[float, float]:
    """Return precision and recall of each row's best pair at or above a threshold."""
    chosen = best(pairs, threshold)
    hits = truth[chosen.right].sum()
    return hits / max(1, len(chosen)), hits / max(1, truth.sum())


def f1_at(pairs: Pairs, truth: np.ndarray, threshold: float) -> float:
    precision, recall = real(pairs, truth, threshold)
    return 2 * precision * recall / max(precision + recall, 1e-9)


def best_f1(pairs: Pairs, truth: np.ndarray) -> float:
    return max(f1_at(pairs, truth, one) for one in np.arange(0.4, 0.9, 0.02))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("there", [1.0, 0.6, 0.3])
def test_what_is_promised_is_so(seed: int, there: float) -> None:
    pairs, truth = drawn(seed, there=there, twins=0.05)
    _, told = by_rivals(pairs)
    precision, recall = real(pairs, truth, told.threshold)
    # Twins come one to a row, and not as chance has it: that much more is promised.
    assert precision > told.precision_low - 0.07
    assert recall > told.recall_low - 0.02
    assert f1_at(pairs, truth, told.threshold) > best_f1(pairs, truth) - 0.06
    assert told.low <= told.threshold <= told.high


def test_chances_are_what_they_say() -> None:
    pairs, truth = drawn(5, rows=4000, there=0.6)
    curves, _ = by_rivals(pairs)
    firsts = best(pairs)
    chance, right = curves.probabilities(firsts.scores), truth[firsts.right]
    for low, high in ((0.0, 0.1), (0.9, 1.01)):
        some = (chance >= low) & (chance < high)
        assert some.sum() > 500
        assert right[some].mean() == pytest.approx(chance[some].mean(), abs=0.1)


def test_where_strangers_come_too_near_nothing_is_told() -> None:
    pairs, _ = drawn(0, there=0.0)
    with pytest.raises(ScoresInseparable, match="strangers come too near"):
        by_rivals(pairs)
    few, _ = drawn(0, rows=20)
    with pytest.raises(ScoresInseparable, match="20 records with two candidates are too few"):
        by_rivals(few)


def test_twins_lower_what_scores_alone_promise() -> None:
    pairs, truth = drawn(1, there=0.5, twins=0.6)
    alone = without_labels(pairs).best(pairs.scores)
    told = borne_out(alone, pairs)
    precision, recall = real(pairs, truth, alone.threshold)
    assert precision < alone.precision - 0.05  # twins of who is not there are taken for them
    assert told.precision < alone.precision - 0.05  # and so it is told, if not in full
    assert told.recall_low <= recall
    calm, _ = drawn(1, there=0.9)
    told = without_labels(calm).best(calm.scores)
    assert borne_out(told, calm).precision > told.precision - 0.02


def test_a_threshold_of_ones_own_is_told_too() -> None:
    pairs, truth = drawn(2, there=0.8)
    _, told = by_rivals(pairs)
    own = rivals_at(told, pairs, 0.8)
    precision, recall = real(pairs, truth, 0.8)
    assert own.threshold == 0.8
    assert own.precision == pytest.approx(precision, abs=0.03)
    assert own.recall_low - 0.01 <= recall <= own.recall + 0.05
    same = rivals_at(told, pairs, told.threshold)
    assert (same.precision, same.recall) == pytest.approx((told.precision, told.recall), abs=1e-6)


def test_candidates_as_good_as_the_best_are_no_rivals() -> None:
    pairs, _ = drawn(3, there=0.8)
    firsts = best(pairs)
    again = Pairs.of(firsts.left, firsts.right + 10**6, firsts.scores)
    both = Pairs(*(np.concatenate(two) for two in (
        (pairs.left, again.left), (pairs.right, again.right), (pairs.scores, again.scores)
    )))  # fmt: skip
    assert by_rivals(both)[1] == by_rivals(pairs)[1]
