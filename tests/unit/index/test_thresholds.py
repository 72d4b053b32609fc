"""Thresholds without labels and with some, on scores whose right cut is known."""

from itertools import pairwise

import numpy as np
import pytest

from index.errors import RowsInvalid, ScoresInseparable
from index.linking.asking import Asking
from index.linking.blocking import self_candidates
from index.linking.curves import Curves
from index.linking.labels import Logistic, isotonic, with_labels
from index.linking.pairs import Pairs
from index.linking.threshold import without_labels

Drawn = tuple[Pairs, np.ndarray]


def drawn(
    seed: int, *, same: int = 600, strangers: int = 6000, at: float = 0.85, wide: float = 0.06
) -> Drawn:
    """Scores of strangers that fall off from .5 by e each .05, and of the same around `at`."""
    chance = np.random.default_rng(seed)
    falling = 0.5 + chance.exponential(0.05, strangers)
    below = chance.uniform(0.4, 0.5, strangers // 4)
    alike = chance.normal(at, wide, same)
    scores = np.concatenate([falling, below, alike])
    scores = np.where(scores > 0.998, 0.95, scores)  # rare, and no pair is identical
    truth = np.arange(len(scores)) >= len(scores) - same
    order = chance.permutation(len(scores))
    left = np.arange(len(scores)) // 6
    return Pairs.of(left, np.arange(len(scores)) + len(scores), scores[order]), truth[order]


def f1_at(pairs: Pairs, truth: np.ndarray, threshold: float) -> float:
    kept = pairs.scores >= np.float32(threshold)
    return 2.0 * (truth & kept).sum() / (kept.sum() + truth.sum())


def best_f1(pairs: Pairs, truth: np.ndarray) -> float:
    return max(f1_at(pairs, truth, one) for one in np.linspace(0.4, 1.0, 241))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("same", "wide"), [(600, 0.05), (300, 0.04), (2000, 0.08)])
def test_without_labels_the_cut_is_nearly_the_best(seed: int, same: int, wide: float) -> None:
    pairs, truth = drawn(seed, same=same, wide=wide)
    told = without_labels(pairs).best(pairs.scores)
    assert f1_at(pairs, truth, told.threshold) > best_f1(pairs, truth) - 0.02
    assert told.low <= told.threshold <= told.high
    assert told.f1 == pytest.approx(f1_at(pairs, truth, told.threshold), abs=0.04)
    assert told.matches == pytest.approx(same, rel=0.15)


def test_the_interval_holds_the_best_cut_as_often_as_it_says() -> None:
    """The true expected best lies where the densities say; 90 % is promised, .75 is held to."""
    held = 0
    at = np.linspace(0.5, 0.999, 2000)
    for seed in range(20):
        pairs, _ = drawn(seed, same=300)
        told = without_labels(pairs, seed).best(pairs.scores)
        right = 300 * (1 - _normal((at - 0.85) / 0.06))
        f1 = 2 * right / (right + 6000 * np.exp(-(at - 0.5) / 0.05) + 300)
        held += told.low - 0.005 <= at[f1.argmax()] <= told.high + 0.005
    assert held >= 15


def _normal(z: np.ndarray) -> np.ndarray:
    grid = np.linspace(-8, 8, 4001)
    density = np.exp(-0.5 * grid**2)
    return np.interp(z, grid, np.cumsum(density) / density.sum())


@pytest.mark.parametrize("dim", [24, 64, 192])
def test_strangers_alone_are_refused(dim: int) -> None:
    rows = np.random.default_rng(dim).standard_normal((800, dim)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    with pytest.raises(ScoresInseparable, match=r"give a threshold, or label"):
        without_labels(self_candidates(rows, 10))


def test_two_kinds_that_overlap_are_refused() -> None:
    pairs, _ = drawn(0, same=600, at=0.6, wide=0.06)
    with pytest.raises(ScoresInseparable):
        without_labels(pairs)


@pytest.mark.parametrize("scores", [np.full(400, 0.5), np.linspace(0.4, 0.5, 30), np.ones(100)])
def test_too_few_and_too_alike_are_refused(scores: np.ndarray) -> None:
    with pytest.raises(ScoresInseparable):
        without_labels(Pairs.of(np.arange(len(scores)), np.arange(len(scores)) + 1, scores))


def test_no_pairs_are_refused_in_words() -> None:
    with pytest.raises(ScoresInseparable, match="anything in common"):
        without_labels(Pairs.of([], [], []))


def test_vectors_with_copies_are_parted_in_the_gap() -> None:
    chance = np.random.default_rng(0)
    rows = chance.standard_normal((900, 96))
    rows[700:800] = rows[:100] + 0.3 * chance.standard_normal((100, 96))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    pairs = self_candidates(rows, 10)
    told = without_labels(pairs).best(pairs.scores)
    copied = (pairs.right - pairs.left == 700) & (pairs.left < 100)
    same, other = pairs.scores[copied], pairs.scores[~copied]
    # Between the two there is nothing, and the middle of nothing is taken.
    assert other.max() < told.threshold < same.min()
    middle = (float(other.max()) + float(same.min())) / 2
    assert told.threshold == pytest.approx(middle, abs=0.02)
    assert told.matches == pytest.approx(100, abs=1)


def test_the_best_of_known_curves_is_where_chance_is_half_of_f1() -> None:
    """Source: Lipton, Elkan and Narayanaswamy 2014."""
    scores = np.random.default_rng(3).random(20_000).astype(np.float32)
    steps = (np.arange(256) + 0.5) / 256
    told = Curves(0.0, 1.0, steps[None] ** 2, np.ones(1)).best(scores)
    assert told.threshold**2 == pytest.approx(told.f1 / 2, abs=0.01)
    assert (told.low, told.high) == (told.threshold, told.threshold)


def test_a_rate_is_kept_surely() -> None:
    steps = (np.arange(256) + 0.5) / 256
    scores = np.linspace(0, 1, 10_000, dtype=np.float32)
    sure = Curves(0.0, 1.0, np.stack([steps, steps**2]), np.array([0.97, 0.03]))
    loose, strict = sure.at_rate(scores, 0.2), sure.at_rate(scores, 0.05)
    assert loose.precision_low >= 0.8
    assert 1 - loose.threshold == pytest.approx(0.4, abs=0.01)  # the mean above t is (1 + t) / 2
    assert strict.threshold > loose.threshold
    unsure = Curves(0.0, 1.0, np.stack([steps, 0 * steps]), np.array([0.9, 0.1]))
    with pytest.raises(RowsInvalid, match="label more"):
        unsure.at_rate(scores, 0.2)
    with pytest.raises(RowsInvalid, match="between 0 and 1"):
        sure.at_rate(scores, 1.0)


def test_isotonic_is_the_nearest_rising_line() -> None:
    chance = np.random.default_rng(0)
    values, weights = chance.random(7), chance.random(7)
    fitted = isotonic(values, weights)
    assert all(one <= other for one, other in pairwise(fitted))
    best = min(  # over all lines of a grid that rise
        (
            float((weights * (values - np.sort(line)) ** 2).sum())
            for line in chance.random((20000, 7))
        ),
    )
    assert float((weights * (values - fitted) ** 2).sum()) <= best


def test_labels_make_the_probabilities_that_were_drawn() -> None:
    chance = np.random.default_rng(1)
    scores = chance.uniform(0.3, 1.0, 20_000).astype(np.float32)
    truth = 1 / (1 + np.exp(-30 * (scores - 0.7)))
    same = chance.random(len(scores)) < truth
    for count, off in ((60, 0.12), (200, 0.08), (2000, 0.05)):
        curves = with_labels(scores, scores[:count], same[:count])
        assert np.abs(curves.probabilities(scores) - truth).mean() < off
        told = curves.best(scores)
        assert told.low - 0.01 <= 0.7 <= told.high + 0.05


def test_labels_of_one_kind_say_what_they_can() -> None:
    scores = np.linspace(0, 1, 1000, dtype=np.float32)
    only = Logistic(scores)
    only.see(np.array([0.9, 0.95], np.float32), np.array([True, True]))
    yes = only.curves().probabilities(np.array([0.95]))[0]
    only.see(np.array([0.9, 0.95], np.float32), np.array([False, False]))
    assert yes > 0.7
    assert only.curves().probabilities(np.array([0.95]))[0] < 0.4


def test_labels_that_do_not_fit_their_scores_are_refused() -> None:
    for labelled, same in ((np.ones(2), np.ones(1, bool)), (np.ones(0), np.ones(0, bool))):
        with pytest.raises(RowsInvalid, match="one label to a score"):
            with_labels(np.ones(3, np.float32), labelled.astype(np.float32), same)


def test_a_dialogue_finds_the_cut_by_few_questions() -> None:
    pairs, truth = drawn(5)
    best = best_f1(pairs, truth)
    asking, asked = Asking(pairs), []
    for _ in range(40):
        pair = asking.next()
        assert pair is not None
        asked.append(pair)
        asking.answer(pair, bool(truth[pair]))
    told = asking.curves().best(pairs.scores)
    assert f1_at(pairs, truth, told.threshold) > best - 0.02
    assert len(set(asked)) == 40
    scores = pairs.scores[asked]
    near = np.abs(scores - told.threshold) < 0.1
    assert near.mean() > 0.5  # most where it is unsure
    assert scores.min() < 0.5 and scores.max() > 0.95  # and some from elsewhere


def test_a_dialogue_forgets_passes_and_is_restored() -> None:
    pairs, truth = drawn(6, same=20, strangers=100)
    asking = Asking(pairs, hint=0.7)
    first = asking.next()
    assert first is not None
    before = asking.curves().best(pairs.scores)
    asking.answer(first, True)
    asking.forget(first)
    assert asking.next() == first
    assert asking.curves().best(pairs.scores) == before
    asking.answer(first, None)
    second = asking.next()
    assert second is not None and second != first
    asking.answer(second, bool(truth[second]))
    again = Asking(pairs, hint=0.7)
    again.restore({first: None, second: bool(truth[second])})
    assert again.next() == asking.next()
    assert again.curves().best(pairs.scores) == asking.curves().best(pairs.scores)
    for pair in range(len(pairs)):
        asking.answer(pair, bool(truth[pair]))
    assert asking.next() is None
