"""The only door to FAISS."""

import os
from contextlib import nullcontext
from functools import cache
from threading import Lock
from typing import Any

import faiss
import numpy as np
from faiss import IDSelectorBitmap, swig_ptr, swigfaiss

from index.chunks import Chunks
from index.hits import Mask, Positions, Scores
from index.plan import Parameter, Plan
from index.vectors import Rows

_QUERIES_FOR_ALL_CORES = 4
_GPU_DEPTH_MAX = 2048  # of FAISS
_ROUNDS = 10  # of k-means: 4096 cells over a million rows are trained in 30 s on two cores


@cache
def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _set_threads(queries: int) -> None:
    """Choose for the next search: the number is each thread's own, and outlives a call.

    A team costs more than one query.
    """
    faiss.omp_set_num_threads(1 if queries < _QUERIES_FOR_ALL_CORES else cores())


def inner_products(queries: Rows, rows: Rows) -> Scores:
    """Return the rough inner products (q, n) of queries with rows that lie side by side.

    By this thread alone, at the speed of memory: one query takes half of what BLAS takes.
    """
    queries = np.ascontiguousarray(queries)
    products = np.empty((len(queries), len(rows)), np.float32)
    for query, out in zip(queries, products, strict=True):
        swigfaiss.fvec_inner_products_ny(
            swig_ptr(out), swig_ptr(query), swig_ptr(rows), rows.shape[1], len(rows)
        )
    return products


def nearest(queries: Rows, rows: Rows, k: int, allowed: Mask | None) -> tuple[Scores, Positions]:
    """Return rough scores (q, k) and positions of the best k allowed rows; k of them there are."""
    queries = np.ascontiguousarray(queries)
    scores = np.empty((len(queries), k), np.float32)
    positions = np.empty((len(queries), k), np.int64)
    selector = None
    if allowed is not None:
        bits = np.packbits(allowed, bitorder="little")
        selector = IDSelectorBitmap(len(allowed), swig_ptr(bits))
    _set_threads(len(queries))
    # `faiss.knn` takes no selector, and an IndexFlat would hold the rows a second time.
    swigfaiss.knn_inner_product(
        swig_ptr(queries),
        swig_ptr(rows),
        rows.shape[1],
        len(queries),
        len(rows),
        k,
        swig_ptr(scores),
        swig_ptr(positions),
        selector,
    )
    return scores, positions


def gpus() -> int:
    """Count the GPUs that this FAISS can use; the CPU's package sees none."""
    return int(faiss.get_num_gpus())


@cache
def _resources() -> Any:
    return faiss.StandardGpuResources()


class FaissIndex:
    """A built index of FAISS; nobody changes it, so that many threads may search."""

    def __init__(self, index: Any, parameter: Parameter | None, *, gpu: bool) -> None:
        self.parameter, self.gpu = parameter, gpu
        # A GPU's index is searched by one thread at a time.
        self._turn = Lock() if gpu else nullcontext()
        self._index = faiss.index_cpu_to_gpu(_resources(), 0, index) if gpu else index

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @classmethod
    def build(cls, rows: Chunks, plan: Plan, seed: int = 0) -> "FaissIndex":
        """Train on a sample and add all rows (n, d); takes long, and every core.

        Raises:
            MemoryError: they do not fit.
        """
        faiss.omp_set_num_threads(cores())
        index = faiss.index_factory(rows.dim, plan.factory, faiss.METRIC_INNER_PRODUCT)
        if hasattr(index, "cp"):  # its cells; the default of 25 rounds takes minutes
            index.cp.niter = _ROUNDS
        chance = np.random.default_rng(seed)
        n = min(len(rows), plan.sample)
        try:
            built = cls(index, plan.parameter, gpu=plan.gpu)
            built._index.train(rows.take(np.sort(chance.choice(len(rows), n, replace=False))))
            for _, part in rows.slices():
                built._index.add(np.ascontiguousarray(part))
        except RuntimeError as error:
            if not plan.gpu:
                raise
            raise MemoryError(str(error)) from error  # its only failure that is no bug
        return built

    @classmethod
    def load(
        cls, written: bytes, parameter: Parameter | None, *, gpu: bool = False
    ) -> "FaissIndex":
        """Read an index that `dump` wrote here: never one that somebody sent.

        Raises:
            ValueError: this FAISS, or this machine, cannot take it.
        """
        if gpu and not gpus():
            raise ValueError("it is for a GPU, and there is none")
        try:
            index = faiss.deserialize_index(np.frombuffer(written, np.uint8))
            return cls(index, parameter, gpu=gpu)
        except RuntimeError as error:
            raise ValueError(f"FAISS cannot read it: {error}") from error

    def dump(self) -> memoryview:
        """Write the index out."""
        index = faiss.index_gpu_to_cpu(self._index) if self.gpu else self._index
        return memoryview(faiss.serialize_index(index))

    def search(self, queries: Rows, depth: int, effort: int) -> Positions:
        """Return candidates (q, depth) of each query (q, d), -1 where there are fewer.

        A GPU gives 2048 at most.
        """
        depth = min(depth, len(self), _GPU_DEPTH_MAX if self.gpu else depth)
        _set_threads(len(queries))
        with self._turn:
            found: Positions = self._index.search(
                np.ascontiguousarray(queries), depth, params=self._asked(effort)
            )[1]
        return found

    def _asked(self, effort: int) -> Any:
        if self.parameter == "nprobe":
            return faiss.SearchParametersIVF(nprobe=effort)
        if self.parameter == "efSearch":
            return faiss.SearchParametersHNSW(efSearch=effort)
        return None
