"""The candidates of several queries: thinned without losing one, split where they crowd."""

import numpy as np
import pytest

from index import near as near_module
from index.chunks import Chunks
from index.scans import exact, scan

DIM = 8


def unit(n: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("k", [1, 10, 700])
@pytest.mark.parametrize("crowd", [0, 1000])
def test_a_crowd_of_ties_is_told_apart_by_fewer_queries_at_once(monkeypatch, k, crowd):
    monkeypatch.setattr(near_module, "_CROWD", crowd)
    monkeypatch.setattr(scan, "_SLAB_ROWS", 64)
    rows = np.concatenate([unit(200, 1), np.repeat(unit(1, 2), 900, axis=0), unit(200, 3)])
    queries = np.concatenate([unit(1, 2), unit(20, 4)])
    allowed = np.random.default_rng(5).random(len(rows)) < 0.7
    for mask in (None, allowed):
        found = scan.best(Chunks.of(rows), queries, k, mask)
        for ours, oracle in zip(found, exact.best(Chunks.of(rows), queries, k, mask), strict=True):
            np.testing.assert_array_equal(ours, oracle)


def test_few_candidates_are_held_however_many_rows_go_by():
    rows, queries = unit(40_000, 1), unit(5, 2)
    near = near_module.Near(queries, 10)
    for first in range(0, len(rows), 1000):
        near.see(rows[first : first + 1000] @ queries.T, first)
        assert near._held <= 2 * 5 * 10 + 5 * 1000 * 10 / (first / 1000 + 1)
    assert near._held < 400
    assert not near.crowded


def test_rows_that_rise_are_not_hoarded():
    """The worst order: every row is better than those before it."""
    query = unit(1, 2)
    rows = unit(20_000, 1)
    rows = rows[np.argsort(rows @ query[0])]
    near = near_module.Near(query, 10)
    for first in range(0, len(rows), 100):
        near.see(rows[first : first + 100] @ query.T, first)
        assert near._held < 500
    scores, positions = near.best(Chunks.of(rows))
    oracle = exact.best(Chunks.of(rows), query, 10, None)
    np.testing.assert_array_equal(positions, oracle[1])
    np.testing.assert_array_equal(scores, oracle[0])
