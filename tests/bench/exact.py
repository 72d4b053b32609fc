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
from models.onnx_encoder import cores
from tests.bench.enrolment import CALL_ROWS
from tests.bench.figures import Figure, in_turn

DIM, K, CALLERS, ROUNDS = 384, 10, 32, 9
ALONE, TOGETHER = 20, 10  # queries of a round: of the one caller, of each of the many
REST_SECONDS = 0.1  # the threads of FAISS spin for a while after a call, beside the other's
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

        def ask(query: np.ndarray) -> list[int]:
            return [int(hit.id) for hit in gallery.search(query[np.newaxis], K).hits[0]]

        def bare(step: int, queries: np.ndarray, threads: int) -> None:
            faiss.omp_set_num_threads(threads)
            for at in range(0, len(queries), step):
                flat.search(queries[at : at + step], K)

        def latency(threads: int) -> Figure:
            mine, theirs, ratio = in_turn(
                lambda: [ask(query) for query in queries[:ALONE]],
                lambda: bare(1, queries[:ALONE], threads),
                ROUNDS,
                REST_SECONDS,
            )
            ms = 1e3 / ALONE
            beside = f"FAISS, {threads} threads {theirs * ms:.1f} ms"
            what = f"exact, {n // 1000} K x {DIM}, one caller"
            return Figure(what, f"{mine * ms:.1f} ms", beside, ratio, "<= 1.25", ratio <= 1.25)

        def throughput(how: str) -> Figure:
            mine, theirs, ratio = in_turn(
                lambda: list(callers.map(ask, queries)),
                lambda: bare(CALLERS, queries, cores()),
                ROUNDS,
                REST_SECONDS,
            )
            beside = f"{how} {len(queries) / theirs:.0f}/s"
            what = f"exact, {n // 1000} K x {DIM}, {CALLERS} callers"
            faster = 1 / ratio
            return Figure(
                what, f"{len(queries) / mine:.0f}/s", beside, faster, ">= 0.9", faster >= 0.9
            )

        assert list(callers.map(ask, queries)) == flat.search(queries, K)[1].tolist()
        found = [latency(1), latency(cores()), throughput(f"FAISS by {CALLERS}")]
        with _blas_from(BLAS_FROM):
            return [*found, throughput(f"its BLAS by {CALLERS}")]


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
