"""Every file of index/backends: measured before it is trusted, and never worse than promised."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from index.backend import backend_names, open_backend
from index.choosing import choose
from index.chunks import Chunks
from index.faiss_door import FaissIndex
from index.hits import exact_scores
from index.indexed import Indexed
from index.measured import Measured, Rung
from index.planner import SCANNED_ROWS, best
from index.scan import open_scan
from index.vectors import Rows, unit_rows

DIM, N = 32, 24_000
scan = open_scan("scan")


def clustered(n: int, seed: int = 0) -> Rows:
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((60, DIM))
    return unit_rows(
        centres[chance.integers(0, 60, n)] + 0.5 * chance.standard_normal((n, DIM)), DIM
    )


@pytest.fixture(scope="module")
def rows() -> Chunks:
    return Chunks.of(clustered(N))


@pytest.fixture(scope="module", params=backend_names())
def indexed(request, rows) -> Indexed:
    if open_backend(request.param).plan(N, DIM) is None:
        gpu = request.param.startswith("gpu_")
        why = "there is no GPU, or FAISS is the CPU's" if gpu else f"not over {N} x {DIM}"
        pytest.skip(f"{request.param}: {why}")
    choice = choose(rows, request.param, 0.95, np.inf)
    assert choice.measured is not None, choice.why
    assert choice.measured.name == request.param
    return Indexed(choice.measured, N)


def share_found(rows: Chunks, indexed: Indexed, queries: Rows, k: int, allowed=None) -> float:
    """Return the recall, once the rest of the answer is right whatever was found."""
    scores, positions = best(rows, scan, indexed, queries, k, allowed)
    truth, _ = scan.best(rows, queries, k, allowed)
    survivors = len(rows) if allowed is None else int(np.count_nonzero(allowed))
    shares = []
    for query, some_scores, some, wanted in zip(queries, scores, positions, truth, strict=True):
        found = some[some >= 0]
        assert len(set(found.tolist())) == len(found) == min(k, survivors)
        assert allowed is None or allowed[found].all()
        np.testing.assert_array_equal(some_scores[: len(found)], exact_scores(rows, found, query))
        assert (np.diff(some_scores[: len(found)]) <= 0).all()
        if len(found):
            shares.append(np.mean(some_scores[: len(found)] >= wanted[len(found) - 1]))
    return float(np.mean(shares)) if shares else 1.0


@pytest.mark.parametrize("k", [1, 10, 100, 900, 5000])
def test_what_was_measured_holds_for_new_queries_at_every_depth(rows, indexed, k):
    assert share_found(rows, indexed, clustered(60, seed=5), k) >= 0.95 - 0.02


@pytest.mark.parametrize("share", [0.9, 0.5, 0.1, 0.01, 0.001, 0.0])
def test_a_filter_costs_no_hits(rows, indexed, share):
    allowed = np.random.default_rng(7).random(N) < share
    assert share_found(rows, indexed, clustered(40, seed=6), 10, allowed) >= 0.95 - 0.02


@pytest.mark.parametrize("share", [0.9, 0.7])
def test_nor_does_one_that_has_to_do_with_the_distance(rows, indexed, share):
    query = clustered(1, seed=8)
    farthest = np.argsort(rows.products(query)[0])[: int(share * N)]
    allowed = np.zeros(N, np.bool_)
    allowed[farthest] = True
    assert np.count_nonzero(allowed) > SCANNED_ROWS  # so that the index is asked
    assert share_found(rows, indexed, query, 10, allowed) == 1.0


def test_rows_that_came_after_it_are_found_beside_it(indexed):
    late = clustered(500, seed=11)
    more = Chunks.of(np.concatenate([clustered(N), late]))
    _, positions = best(more, scan, indexed, late[:50], 1, None)
    assert positions[:, 0].tolist() == list(range(N, N + 50))


def test_an_index_is_read_back_as_it_was_written(rows, indexed):
    built = indexed.built
    assert isinstance(built, Measured)
    again = Measured(
        built.name,
        FaissIndex.load(bytes(built.index.dump()), built.index.parameter, gpu=built.index.gpu),
        [Rung(**json.loads(json.dumps(asdict(one)))) for one in built.rungs],
    )
    queries = clustered(20, seed=12)
    np.testing.assert_array_equal(again.candidates(queries, 50), built.candidates(queries, 50))


def test_one_below_the_target_is_not_taken_and_the_reason_is_told():
    scattered = Chunks.of(unit_rows(np.random.default_rng(0).standard_normal((4000, DIM)), DIM))
    choice = choose(scattered, "hnsw", 1.0, np.inf)
    assert choice.measured is None or choice.measured.recall == 1.0
    none = choose(scattered, "sq8", 0.95, bytes_max=1000)
    assert none.measured is None
    assert "would take" in none.why


def test_rows_leave_a_page_and_an_index_still_names_the_right_ones(rows, indexed):
    alive = np.random.default_rng(3).random(N) < 0.8
    kept = Chunks.of(rows.take(np.flatnonzero(alive)))
    queries = clustered(30, seed=13)
    assert share_found(kept, indexed.moved(alive), queries, 10) >= 0.93
    numbers = np.arange(N) * 3 + 1
    placed = Indexed.over(indexed.built, numbers, numbers[alive])
    assert share_found(kept, placed, queries, 10) >= 0.93
    assert placed.upto == len(kept)


def test_rows_that_came_after_it_are_found_when_dead_ones_before_them_leave(rows, indexed):
    alive = np.append(np.random.default_rng(3).random(N) < 0.8, np.ones(500, np.bool_))
    late = clustered(500, seed=11)
    kept = Chunks.of(np.concatenate([rows.take(np.arange(N)), late])[alive])
    _, positions = best(kept, scan, indexed.moved(alive), late, 1, None)
    assert positions[:, 0].tolist() == list(range(len(kept) - 500, len(kept)))
