"""Exact search by BLAS: rough scores of all rows, then the fixed score of the few that can matter.

BLAS uses every core for one query, which FAISS Flat does not, and reads the rows where they lie.
"""

import numpy as np

from index.hits import Mask, Positions, Scores, exact_scores, ranked, rounding_slack, stacked
from index.vectors import Rows

recall_floor = 1.0

_ROUGH_BYTES_MAX = 64 * 2**20  # of rough scores at once; bounds the queries in one product
_GATHER_SHARE = 0.2  # below this share of survivors, copying them out is cheaper than scoring all


class ScannedRows:
    """Rows whose rough scores come from one matrix product."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def search(self, queries: Rows, k: int, allowed: Mask | None) -> tuple[Scores, Positions]:
        """Return the best k allowed rows of each query, as the oracle would."""
        n = len(self._rows)
        survivors = None if allowed is None else np.flatnonzero(allowed)
        if survivors is not None and len(survivors) <= n * _GATHER_SHARE:
            scores, positions = self._best(queries, self._rows[survivors], k, None)
            named = np.where(positions < 0, -1, np.append(survivors, -1)[positions])
            found = list(zip(scores, named, strict=True))
        else:
            barred = None if allowed is None else ~allowed
            found = list(zip(*self._best(queries, self._rows, k, barred), strict=True))
        return stacked(found, min(k, n))

    @staticmethod
    def _best(queries: Rows, rows: Rows, k: int, barred: Mask | None) -> tuple[Scores, Positions]:
        k = min(k, len(rows))
        step = max(1, _ROUGH_BYTES_MAX // (4 * max(1, len(rows))))
        found = []
        for start in range(0, len(queries), step):
            some = queries[start : start + step]
            # One query is a matrix-vector product, which BLAS streams faster than a thin matrix.
            rough = (rows @ some[0])[np.newaxis] if len(some) == 1 else some @ rows.T
            if barred is not None:
                rough[:, barred] = -np.inf
            found += [_of_one(rows, q, r, k) for q, r in zip(some, rough, strict=True)]
        return stacked(found, k)


def _of_one(rows: Rows, query: Rows, rough: Scores, k: int) -> tuple[Scores, Positions]:
    """Return the best k of one query (d,), given the rough scores (n,) of all rows."""
    if k == 0:
        return rough[:0], np.empty(0, np.int64)
    kth = np.partition(rough, len(rough) - k)[len(rough) - k]
    floor = kth - rounding_slack(rows.shape[1]) if np.isfinite(kth) else np.finfo(np.float32).min
    positions = np.flatnonzero(rough >= floor)
    return ranked(exact_scores(rows, positions, query), positions, k)


def build(rows: Rows) -> ScannedRows:
    """Return the rows, searchable; they are not copied."""
    return ScannedRows(rows)
