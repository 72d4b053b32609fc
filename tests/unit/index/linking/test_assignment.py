"""Who gets whom, against every way there is, and against what the prices prove."""

import itertools

import numpy as np
import pytest

from index.linking.assignment import best, one_to_one
from index.linking.pairs import Pairs


def greatest(pairs: Pairs, threshold: float) -> float:
    """The greatest sum of surplus over all sets of pairs without a row twice, by trying all."""
    kept = [
        (int(a), int(b), float(s))
        for a, b, s in zip(pairs.left, pairs.right, pairs.scores, strict=True)
        if s >= threshold
    ]
    most = 0.0
    for size in range(1, len(kept) + 1):
        for some in itertools.combinations(kept, size):
            if len({a for a, _, _ in some}) == size == len({b for _, b, _ in some}):
                most = max(most, sum(s - threshold for _, _, s in some))
    return most


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.3])
def test_no_other_choice_is_worth_more(seed: int, threshold: float) -> None:
    chance = np.random.default_rng(seed)
    cells = [(a, b) for a in range(5) for b in range(4)]
    picked = chance.choice(len(cells), 9, replace=False)
    scores = chance.integers(-5, 10, 9) / 10  # ties are usual
    pairs = Pairs.of([cells[i][0] for i in picked], [cells[i][1] for i in picked], scores)
    found = one_to_one(pairs, threshold)
    assert len(set(found.left.tolist())) == len(found) == len(set(found.right.tolist()))
    assert np.all(found.scores >= np.float32(threshold))
    worth = float(np.sum(found.scores.astype(float) - threshold))
    assert worth == pytest.approx(greatest(pairs, threshold), abs=1e-5)


def test_thousands_of_rows_agree_with_the_dense_method() -> None:
    optimize = pytest.importorskip("scipy.optimize")
    chance = np.random.default_rng(3)
    n, k = 400, 6
    left = np.repeat(np.arange(n), k)
    right = np.concatenate([chance.choice(n // 2, k, replace=False) for _ in range(n)])
    pairs = Pairs.of(left, right, chance.random(n * k))
    dense = np.zeros((n, n // 2))
    dense[pairs.left, pairs.right] = pairs.scores - 0.25
    rows, columns = optimize.linear_sum_assignment(np.maximum(dense, 0.0), maximize=True)
    found = one_to_one(pairs, 0.25)
    mine = np.sum(found.scores.astype(float) - 0.25)
    assert mine == pytest.approx(np.maximum(dense, 0.0)[rows, columns].sum(), abs=1e-4)


def test_a_row_whose_search_is_too_long_gets_what_is_left_and_it_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pairs = Pairs.of([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 2], [0.9, 0.8, 0.9, 0.7, 0.9, 0.1])
    found = one_to_one(pairs, looks_max=1)
    assert len(set(found.right.tolist())) == 3
    assert "2 of 3 left rows took too long" in caplog.text


def test_all_searches_together_are_bounded_too() -> None:
    chance = np.random.default_rng(0)
    n, k = 2000, 8
    right = np.concatenate([chance.choice(n, k, replace=False) for _ in range(n)])
    pairs = Pairs.of(np.repeat(np.arange(n), k), right, chance.random(n * k))
    whole, few = one_to_one(pairs), one_to_one(pairs, looks_in_all_max=1000)
    assert len(set(few.right.tolist())) == len(few)
    sums = [float(np.sum(one.scores.astype(float) + 1.0)) for one in (whole, few)]
    assert 0.8 * sums[0] < sums[1] < sums[0]


def test_equal_names_in_great_number_end_soon() -> None:
    n, k = 3000, 10
    pairs = Pairs.of(np.repeat(np.arange(n), k), np.tile(np.arange(k), n), np.ones(n * k))
    assert len(one_to_one(pairs)) == k


def test_each_left_row_its_best_and_right_rows_may_repeat() -> None:
    pairs = Pairs.of([0, 0, 1, 2], [1, 0, 0, 3], [0.5, 0.5, 0.9, 0.1])
    found = best(pairs, 0.5)
    assert (found.left.tolist(), found.right.tolist()) == ([0, 1], [0, 0])
    assert len(best(pairs, 2.0)) == 0 == len(one_to_one(pairs, 2.0))
