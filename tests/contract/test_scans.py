"""Every file of index/scans against the port: the oracle's answers, bit for bit."""

from collections.abc import Iterator

import numpy as np
import pytest

from index import chunks as chunks_module
from index.backend import AUTO, check_index
from index.chunks import Chunks
from index.errors import IndexUnknown
from index.hits import exact_scores
from index.scan import open_scan, scan_names
from index.scans import exact
from index.vectors import Rows

DIM = 24


@pytest.fixture(params=scan_names())
def scan(request):
    return open_scan(request.param)


@pytest.fixture(autouse=True, params=["one chunk", "many chunks"])
def chunked(request, monkeypatch):
    if request.param == "many chunks":
        monkeypatch.setattr(chunks_module, "CHUNK_NUMBERS", 1 << 13)


def unit(n: int, seed: int = 0, dim: int = DIM) -> Rows:
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def agree(scan, rows, queries, k, allowed=None, start=0) -> None:
    """Hold the answer against the oracle."""
    rows = Chunks.of(rows)
    scores, positions = scan.best(rows, queries, k, allowed, start)
    want_scores, want = exact.best(rows, queries, k, allowed, start)
    assert positions.shape == scores.shape == want.shape == (len(queries), min(k, len(rows)))
    assert positions.dtype == np.int64
    assert scores.dtype == np.float32
    for query, some_scores, some in zip(queries, scores, positions, strict=True):
        found = some[some >= 0]
        assert len(set(found.tolist())) == len(found)
        assert allowed is None or allowed[found].all()
        np.testing.assert_array_equal(some_scores[: len(found)], exact_scores(rows, found, query))
        assert np.isneginf(some_scores[len(found) :]).all()
    np.testing.assert_array_equal(positions, want)
    np.testing.assert_array_equal(scores, want_scores)


def test_the_oracle_is_a_sort_of_inner_products():
    rows, queries = unit(50), unit(3, seed=1)
    _, positions = exact.best(Chunks.of(rows), queries, 5, None)
    products = queries.astype(np.float64) @ rows.T.astype(np.float64)
    np.testing.assert_array_equal(positions, np.argsort(-products, axis=1)[:, :5])


@pytest.mark.parametrize("n", [1, 2, 17, 1000])
@pytest.mark.parametrize("k", [1, 10, 5000])
@pytest.mark.parametrize("q", [1, 7, 33])
def test_the_best_k_are_found(scan, n, k, q):
    agree(scan, unit(n), unit(q, seed=1), k)


def test_nothing_is_found_among_no_rows(scan):
    scores, positions = scan.best(Chunks.of(unit(0)), unit(2), 3, None)
    assert scores.shape == positions.shape == (2, 0)


def test_no_queries_get_no_answers(scan):
    scores, positions = scan.best(Chunks.of(unit(5)), unit(0), 3, None)
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
def test_only_allowed_rows_are_found_however_few(scan, q):
    rows, queries = unit(3000), unit(q, seed=1)
    for allowed in masks(3000):
        agree(scan, rows, queries, 10, allowed)


@pytest.mark.parametrize("nearest", [True, False])
def test_a_filter_that_follows_the_scores_loses_nothing(scan, nearest):
    rows, query = unit(3000), unit(1, seed=1)
    order = np.argsort(rows @ query[0])
    allowed = np.zeros(3000, np.bool_)
    allowed[order[-1200:] if nearest else order[:1200]] = True
    agree(scan, rows, query, 20, allowed)


@pytest.mark.parametrize("copies", [5, 60, 900])
def test_equal_rows_come_in_the_order_of_positions(scan, copies):
    rows = unit(1000)
    at = np.random.default_rng(5).permutation(1000)[:copies]
    rows[at] = rows[at[0]]
    _, positions = scan.best(Chunks.of(rows), rows[at[:1]], 10, None)
    assert positions[0].tolist()[: min(10, copies)] == sorted(at.tolist())[: min(10, copies)]
    agree(scan, rows, np.concatenate([rows[at[:1]], unit(24, seed=2)]), 10)
    agree(scan, rows, rows[at[:1]], 10, np.arange(1000) % 3 > 0)


@pytest.mark.parametrize("dim", [1, 2, 383, 1024])
def test_near_ties_are_told_apart_as_the_oracle_does(scan, dim):
    rng = np.random.default_rng(7)
    rows = np.repeat(unit(1, seed=4, dim=dim), 500, axis=0)
    rows += rng.standard_normal(rows.shape).astype(np.float32) * np.float32(1e-7)
    agree(scan, rows, rows[:3].copy(), 25)


def test_a_score_does_not_depend_on_the_batch(scan):
    rows, queries = unit(2000), unit(40, seed=1)
    together = scan.best(Chunks.of(rows), queries, 5, None)
    for i, query in enumerate(queries):
        scores, positions = scan.best(Chunks.of(rows), query[np.newaxis], 5, None)
        np.testing.assert_array_equal(scores[0], together[0][i])
        np.testing.assert_array_equal(positions[0], together[1][i])


def test_a_search_changes_neither_rows_nor_queries_nor_mask(scan):
    rows, queries, allowed = unit(100), unit(3, seed=1), np.arange(100) % 2 == 0
    for array in (rows, queries, allowed):
        array.setflags(write=False)
    agree(scan, rows, queries, 5, allowed)


@pytest.mark.parametrize("start", [0, 1, 700, 2999, 3000])
def test_a_scan_may_start_behind_the_first_rows(scan, start):
    rows, queries = unit(3000), unit(3, seed=1)
    agree(scan, rows, queries, 10, None, start)
    agree(scan, rows, queries, 10, np.arange(3000) % 7 == 0, start)


def test_an_index_is_asked_for_by_its_name():
    for name in (AUTO, *scan_names()):
        check_index(name)
    with pytest.raises(IndexUnknown, match="use auto, exact, flat"):
        check_index("hsnw")
    with pytest.raises(IndexUnknown):
        check_index("../exact")
