"""Exact search by BLAS: rough scores of all rows, then the fixed score of the few that can matter.

BLAS uses every core for one query, which FAISS Flat does not, and reads the rows where they lie.
"""

import numpy as np

from index.chunks import Chunks
from index.hits import Mask, Positions, Scores, best_of, stacked
from index.vectors import Rows

_ROUGH_BYTES_MAX = 64 * 2**20  # of rough scores at once; bounds the queries in one product
_GATHER_SHARE = 0.2  # below this share of survivors, copying them out is cheaper than scoring all


def best(
    rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int = 0
) -> tuple[Scores, Positions]:
    """Return the best k allowed rows of each query, as the oracle would."""
    step = max(1, _ROUGH_BYTES_MAX // (4 * max(1, len(rows) - start)))
    found = []
    for first in range(0, len(queries), step):
        some = queries[first : first + step]
        rough, positions = _rough(rows, some, allowed, start)
        found += [best_of(rows, q, r, positions, k) for q, r in zip(some, rough, strict=True)]
    return stacked(found, min(k, len(rows)))


def _rough(
    rows: Chunks, queries: Rows, allowed: Mask | None, start: int
) -> tuple[Scores, Positions]:
    """Score (q, m) all rows that may be allowed, and tell their positions (m,)."""
    scores, positions = [np.empty((len(queries), 0), np.float32)], [np.empty(0, np.int64)]
    for first, part in rows.slices(start):
        here, at = part, np.arange(first, first + len(part))
        barred = None if allowed is None else ~allowed[first : first + len(part)]
        if barred is not None and np.count_nonzero(~barred) <= len(part) * _GATHER_SHARE:
            here, at, barred = part[~barred], at[~barred], None
        # One query is a matrix-vector product, which BLAS streams faster than a thin matrix.
        rough = (here @ queries[0])[np.newaxis] if len(queries) == 1 else queries @ here.T
        if barred is not None:
            rough[:, barred] = -np.inf
        scores.append(rough)
        positions.append(at)
    return np.concatenate(scores, axis=1), np.concatenate(positions)
