"""Every file of index/backends against the port: the oracle's answers, bit for bit where exact."""

from collections.abc import Iterator

import numpy as np
import pytest

from index.backend import AUTO, backend_names, open_backend
from index.backends import exact
from index.errors import IndexUnknown
from index.hits import exact_scores
from index.vectors import Rows

DIM = 24


@pytest.fixture(params=backend_names())
def backend(request):
    return open_backend(request.param)


def unit(n: int, seed: int = 0, dim: int = DIM) -> Rows:
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def agree(backend, rows, queries, k, allowed=None) -> None:
    """Hold the answer against the oracle; an approximate backend against its own floor."""
    scores, positions = backend.build(rows).search(queries, k, allowed)
    want_scores, want = exact.build(rows).search(queries, k, allowed)
    assert positions.shape == scores.shape == want.shape == (len(queries), min(k, len(rows)))
    assert positions.dtype == np.int64
    assert scores.dtype == np.float32
    for query, some_scores, some in zip(queries, scores, positions, strict=True):
        found = some[some >= 0]
        assert len(set(found.tolist())) == len(found)
        assert allowed is None or allowed[found].all()
        np.testing.assert_array_equal(some_scores[: len(found)], exact_scores(rows, found, query))
        assert np.isneginf(some_scores[len(found) :]).all()
    if backend.recall_floor == 1.0:
        np.testing.assert_array_equal(positions, want)
        np.testing.assert_array_equal(scores, want_scores)
    else:
        shared = [len(np.intersect1d(a, b)) for a, b in zip(positions, want, strict=True)]
        assert sum(shared) >= backend.recall_floor * want.size


def test_the_oracle_is_a_sort_of_inner_products():
    rows, queries = unit(50), unit(3, seed=1)
    _, positions = exact.build(rows).search(queries, 5, None)
    products = queries.astype(np.float64) @ rows.T.astype(np.float64)
    np.testing.assert_array_equal(positions, np.argsort(-products, axis=1)[:, :5])


@pytest.mark.parametrize("n", [1, 2, 17, 1000])
@pytest.mark.parametrize("k", [1, 10, 5000])
@pytest.mark.parametrize("q", [1, 7, 33])
def test_the_best_k_are_found(backend, n, k, q):
    agree(backend, unit(n), unit(q, seed=1), k)


def test_nothing_is_found_among_no_rows(backend):
    scores, positions = backend.build(unit(0)).search(unit(2), 3, None)
    assert scores.shape == positions.shape == (2, 0)


def test_no_queries_get_no_answers(backend):
    scores, positions = backend.build(unit(5)).search(unit(0), 3, None)
    assert scores.shape == positions.shape == (0, 3)


def masks(n: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(3)
    for share in (1.0, 0.9, 0.5, 0.15, 0.1, 0.01, 0.001):
        yield rng.random(n) < share
    yield np.zeros(n, np.bool_)
    one = np.zeros(n, np.bool_)
    one[n - 1] = True
    yield one


@pytest.mark.parametrize("q", [1, 25])
def test_only_allowed_rows_are_found_however_few(backend, q):
    rows, queries = unit(3000), unit(q, seed=1)
    for allowed in masks(3000):
        agree(backend, rows, queries, 10, allowed)


@pytest.mark.parametrize("nearest", [True, False])
def test_a_filter_that_follows_the_scores_loses_nothing(backend, nearest):
    rows, query = unit(3000), unit(1, seed=1)
    order = np.argsort(rows @ query[0])
    allowed = np.zeros(3000, np.bool_)
    allowed[order[-1200:] if nearest else order[:1200]] = True
    agree(backend, rows, query, 20, allowed)


@pytest.mark.parametrize("copies", [5, 60, 900])
def test_equal_rows_come_in_the_order_of_positions(backend, copies):
    rows = unit(1000)
    at = np.random.default_rng(5).permutation(1000)[:copies]
    rows[at] = rows[at[0]]
    _, positions = backend.build(rows).search(rows[at[:1]], 10, None)
    assert positions[0].tolist()[: min(10, copies)] == sorted(at.tolist())[: min(10, copies)]
    agree(backend, rows, np.concatenate([rows[at[:1]], unit(24, seed=2)]), 10)
    agree(backend, rows, rows[at[:1]], 10, np.arange(1000) % 3 > 0)


@pytest.mark.parametrize("dim", [1, 2, 383, 1024])
def test_near_ties_are_told_apart_as_the_oracle_does(backend, dim):
    rng = np.random.default_rng(7)
    rows = np.repeat(unit(1, seed=4, dim=dim), 500, axis=0)
    rows += rng.standard_normal(rows.shape).astype(np.float32) * np.float32(1e-7)
    agree(backend, rows, rows[:3].copy(), 25)


def test_a_score_does_not_depend_on_the_batch(backend):
    rows, queries = unit(2000), unit(40, seed=1)
    together = backend.build(rows).search(queries, 5, None)
    for i, query in enumerate(queries):
        scores, positions = backend.build(rows).search(query[np.newaxis], 5, None)
        np.testing.assert_array_equal(scores[0], together[0][i])
        np.testing.assert_array_equal(positions[0], together[1][i])


def test_a_search_changes_neither_rows_nor_queries_nor_mask(backend):
    rows, queries, allowed = unit(100), unit(3, seed=1), np.arange(100) % 2 == 0
    for array in (rows, queries, allowed):
        array.setflags(write=False)
    agree(backend, rows, queries, 5, allowed)


def test_auto_is_a_backend_that_stands_and_others_are_refused():
    assert open_backend(AUTO).recall_floor == 1.0
    with pytest.raises(IndexUnknown, match="use auto, exact, flat, scan"):
        open_backend("hsnw")
    with pytest.raises(IndexUnknown):
        open_backend("../exact")
