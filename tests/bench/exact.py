"""Exact search in process, by one caller and by 32 at once, beside FAISS's flat index in one run.

`EXACT_ROWS=1000000` measures at that size, instead of at 10 000 and 100 000 rows.
"""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import faiss
import numpy as np

from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from models.onnx_session import cores
from tests.bench.enrolment import CALL_ROWS
from tests.bench.figures import Figure, in_turn

DIM, K, CALLERS, ROUNDS = 384, 10, 32, 9
ALONE, TOGETHER = 20, 10  # queries of a round: of the one caller, of each of the many
REST_SECONDS = 0.1  # the threads of FAISS spin for a while after a call, beside the other's
TARGET_ROWS = 100_000  # below that, what Python costs shows
BLAS_FROM = 20  # queries in a batch, as was usual before FAISS 1.15


def figures() -> list[Figure]:
    """Measure each size, after holding the answers against FAISS's."""
    sizes = [int(size) for size in os.environ.get("EXACT_ROWS", "10000 100000").split()]
    return [figure for rows in sizes for figure in _measured(rows)]


def _measured(n: int) -> list[Figure]:
    rng = np.random.default_rng(0)
    rows, queries = _unit(rng, n), _unit(rng, CALLERS * TOGETHER)
    flat = faiss.IndexFlatIP(DIM)
    flat.add(rows)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(Galleries.open(Path(folder))) as galleries,
        ThreadPoolExecutor(CALLERS) as callers,
    ):
        gallery = galleries.create("bench", space="bench", dim=DIM, index="scan")[0]
        _fill(gallery, rows)
        race = _Race(gallery, flat, queries, callers)
        assert list(callers.map(race.ask, queries)) == flat.search(queries, K)[1].tolist()
        found = [race.latency(1), race.latency(cores()), race.throughput("FAISS")]
        with _blas_from(BLAS_FROM):
            return [*found, race.throughput("its BLAS")]


class _Race:
    """A gallery and a flat index that are asked the same."""

    def __init__(
        self,
        gallery: Gallery,
        flat: faiss.IndexFlatIP,
        queries: np.ndarray,
        callers: ThreadPoolExecutor,
    ) -> None:
        self._gallery, self._flat = gallery, flat
        self._queries, self._callers = queries, callers
        self._what = f"exact, {flat.ntotal // 1000} K x {DIM}"
        self._is_target = flat.ntotal >= TARGET_ROWS

    def ask(self, query: np.ndarray) -> list[int]:
        """Ask the gallery one query."""
        return [int(hit.id) for hit in self._gallery.search(query[np.newaxis], K).hits[0]]

    def latency(self, threads: int) -> Figure:
        """Measure one caller beside FAISS with so many threads."""
        some = self._queries[:ALONE]
        mine, theirs, ratio = in_turn(
            lambda: [self.ask(query) for query in some],
            lambda: self._bare(some, 1, threads),
            ROUNDS,
            REST_SECONDS,
        )
        ms, met = 1e3 / ALONE, ratio <= 1.25
        return Figure(
            f"{self._what}, one caller",
            f"{mine * ms:.1f} ms",
            f"FAISS, {threads} threads {theirs * ms:.1f} ms",
            ratio,
            *(("<= 1.25", met) if self._is_target else ()),
        )

    def throughput(self, how: str) -> Figure:
        """Measure many callers beside FAISS that is given their queries together."""
        mine, theirs, ratio = in_turn(
            lambda: list(self._callers.map(self.ask, self._queries)),
            lambda: self._bare(self._queries, CALLERS, cores()),
            ROUNDS,
            REST_SECONDS,
        )
        count, met = len(self._queries), 1 / ratio >= 0.9
        return Figure(
            f"{self._what}, {CALLERS} callers",
            f"{count / mine:.0f}/s",
            f"{how} by {CALLERS} {count / theirs:.0f}/s",
            1 / ratio,
            *((">= 0.9", met) if self._is_target else ()),
        )

    def _bare(self, queries: np.ndarray, step: int, threads: int) -> None:
        faiss.omp_set_num_threads(threads)
        for at in range(0, len(queries), step):
            self._flat.search(queries[at : at + step], K)


@contextmanager
def _blas_from(queries: int) -> Iterator[None]:
    """Let FAISS search batches from so many queries on by BLAS."""
    usual = faiss.cvar.distance_compute_blas_threshold
    faiss.cvar.distance_compute_blas_threshold = queries
    try:
        yield
    finally:
        faiss.cvar.distance_compute_blas_threshold = usual


def _unit(rng: np.random.Generator, n: int) -> np.ndarray:
    rows = rng.standard_normal((n, DIM), np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _fill(gallery: Gallery, rows: np.ndarray) -> None:
    """Enrol the rows under their positions."""
    for at in range(0, len(rows), CALL_ROWS):
        some = enumerate(rows[at : at + CALL_ROWS], start=at)
        gallery.enrol([Exemplar(str(i), row) for i, row in some])
