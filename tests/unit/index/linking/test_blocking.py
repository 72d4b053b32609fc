"""Candidate pairs: those of a look at all, and of an index as many as it was measured to find."""

import numpy as np
import pytest

from index.linking import blocking
from index.linking.blocking import candidates, self_candidates
from index.linking.pairs import Pairs
from index.vectors import Rows, unit_rows


def drawn(n: int, dim: int = 24, seed: int = 0) -> Rows:
    chance = np.random.default_rng(seed)
    centres = chance.normal(size=(64, dim))
    return unit_rows(centres[chance.integers(0, 64, n)] + 0.4 * chance.normal(size=(n, dim)), dim)


def test_of_few_rows_the_nearest_are_exact_and_in_order() -> None:
    left, right = drawn(50, seed=1), drawn(300, seed=2)
    found = candidates(left, right, 5)
    products = left.astype(float) @ right.astype(float).T
    truth = np.argsort(-products, axis=1)[:, :5]
    assert found.right.reshape(50, 5).tolist() == truth.tolist()
    assert found.scores == pytest.approx(np.take_along_axis(products, truth, 1).ravel(), abs=1e-6)


def test_where_there_are_fewer_than_wanted_all_are_candidates() -> None:
    assert len(candidates(drawn(3), drawn(2), 10)) == 6
    assert len(candidates(drawn(3), drawn(0), 10)) == 0 == len(candidates(drawn(0), drawn(3), 1))


def test_of_many_rows_an_index_finds_what_it_was_measured_to_find(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, right = drawn(1000, seed=1), drawn(20_000, seed=2)
    exact = candidates(left, right, 5)
    monkeypatch.setattr(blocking, "EXACT_PRODUCTS_MAX", 0)
    built = blocking._fitting(left, right, 5, 0.95)
    assert built is not None
    found = candidates(left, right, 5, recall_target=0.95)
    same = set(zip(exact.left, exact.right, strict=True)) & set(
        zip(found.left, found.right, strict=True)
    )
    assert len(same) / len(exact) > 0.93
    assert np.all(np.diff(found.scores.reshape(-1, 5), axis=1) <= 0)


def test_of_one_table_each_pair_stands_once_and_no_row_beside_itself() -> None:
    rows = drawn(200)
    found = self_candidates(rows, 4)
    assert np.all(found.left < found.right)
    pairs = set(zip(found.left.tolist(), found.right.tolist(), strict=True))
    assert len(pairs) == len(found)
    products = rows @ rows.T
    np.fill_diagonal(products, -2)
    wanted = {
        (min(i, int(j)), max(i, int(j)))
        for i in range(200)
        for j in np.argsort(-products[i], kind="stable")[:4]
    }
    assert pairs == wanted


def test_rows_that_are_all_the_same_have_no_more_than_so_many_neighbours() -> None:
    rows = np.repeat(drawn(1), 30, axis=0)
    found = self_candidates(rows, 3)
    assert len(found) <= 30 * 3
    assert np.all(found.left < found.right)
    assert set(found.left.tolist()) | set(found.right.tolist()) == set(range(30))


def test_pairs_are_exchanged_placed_and_cut() -> None:
    pairs = Pairs.of([0, 1], [1, 0], [0.7, 0.2])
    assert pairs.above(0.7).left.tolist() == [0]
    back = pairs.swapped()
    assert (back.left.tolist(), back.right.tolist()) == ([1, 0], [0, 1])
