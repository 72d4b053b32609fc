"""Exact search by FAISS over the rows where they lie; the only door to FAISS."""

import numpy as np
from faiss import IDSelectorBitmap, swig_ptr, swigfaiss

from index.hits import Mask, Positions, Scores, exact_scores, ranked, rounding_slack, stacked
from index.vectors import Rows

recall_floor = 1.0

_SPARE = 16  # candidates beyond k, so that ties at the edge are seen at the first attempt
_GATHER_SHARE = 0.1  # below this share of survivors, copying them out is cheaper than skipping


class FlatRows:
    """Rows that FAISS scans."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def search(self, queries: Rows, k: int, allowed: Mask | None) -> tuple[Scores, Positions]:
        """Return the best k allowed rows of each query, as the oracle would."""
        n = len(self._rows)
        rows, names = self._rows, None
        if allowed is not None and np.count_nonzero(allowed) <= n * _GATHER_SHARE:
            names = np.flatnonzero(allowed)
            rows, allowed = rows[names], None
        found = []
        for query, candidates in zip(queries, _candidates(queries, rows, k, allowed), strict=True):
            scores, positions = ranked(exact_scores(rows, candidates, query), candidates, k)
            found.append((scores, positions if names is None else names[positions]))
        return stacked(found, min(k, n))


def _candidates(queries: Rows, rows: Rows, k: int, allowed: Mask | None) -> list[Positions]:
    """Return for each query every position that rounding could place among its best k."""
    survivors = len(rows) if allowed is None else int(np.count_nonzero(allowed))
    k = min(k, survivors)
    if k == 0:
        return [np.empty(0, np.int64)] * len(queries)
    found: list[Positions] = [np.empty(0, np.int64)] * len(queries)
    open_ones, want = np.arange(len(queries)), k + _SPARE
    while len(open_ones):
        want = min(want, survivors)
        rough, positions = _nearest(queries[open_ones], rows, want, allowed)
        for i, candidates in zip(open_ones, positions, strict=True):
            found[i] = candidates
        # Where the last candidate could still tie with the k-th, more must be seen.
        tied = rough[:, k - 1] - rough[:, -1] <= rounding_slack(rows.shape[1])
        open_ones = open_ones[tied] if want < survivors else open_ones[:0]
        want *= 4
    return found


def _nearest(queries: Rows, rows: Rows, k: int, allowed: Mask | None) -> tuple[Scores, Positions]:
    queries = np.ascontiguousarray(queries)
    scores = np.empty((len(queries), k), np.float32)
    positions = np.empty((len(queries), k), np.int64)
    selector = None
    if allowed is not None:
        bits = np.packbits(allowed, bitorder="little")
        selector = IDSelectorBitmap(len(allowed), swig_ptr(bits))
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


def build(rows: Rows) -> FlatRows:
    """Return the rows, searchable; they are not copied."""
    return FlatRows(rows)
