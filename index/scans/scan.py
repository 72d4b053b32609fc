"""Exact search: rough scores of all rows, then the fixed score of the few that can matter.

A call keeps to its own thread. A team of threads waits for its slowest member at every step, so
that one busy core makes it ten times slower; callers side by side use the cores as well.
"""

from collections.abc import Iterator

import numpy as np

from index.chunks import Chunks
from index.faiss_door import inner_products
from index.hits import Mask, Positions, Scores
from index.near import Near
from index.vectors import Rows

QUERIES_AT_ONCE = 32
_SLAB_ROWS = 4096
_GATHER_SHARE = 0.2  # below this share of survivors, copying them out is cheaper than scoring all
_ONE_BY_ONE = 3  # so few queries go over a slab one after the other: it stays in the cache
_PRODUCT_MAX = 1 << 18  # multiplications that OpenBLAS does in the calling thread, and unpacked


def best(
    rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int = 0
) -> tuple[Scores, Positions]:
    """Return the best k allowed rows of each query, as the oracle would."""
    k = min(k, len(rows))
    scores = np.empty((len(queries), k), np.float32)
    positions = np.empty((len(queries), k), np.int64)
    for first in range(0, len(queries) if k else 0, QUERIES_AT_ONCE):
        some = slice(first, first + QUERIES_AT_ONCE)
        scores[some], positions[some] = _best(rows, queries[some], k, allowed, start)
    return scores, positions


def _best(
    rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int
) -> tuple[Scores, Positions]:
    near = Near(queries, k)
    for first, part, at, mask in _slabs(rows, allowed, start):
        rough = _rough(part, queries)
        if mask is not None:
            rough[~mask] = -np.inf
        near.see(rough, first, at)
        if near.crowded:
            half = len(queries) // 2
            parts = [
                _best(rows, some, k, allowed, start) for some in (queries[:half], queries[half:])
            ]
            scores, positions = zip(*parts, strict=True)
            return np.concatenate(scores), np.concatenate(positions)
    return near.best(rows)


def _slabs(
    rows: Chunks, allowed: Mask | None, start: int
) -> Iterator[tuple[int, Rows, Positions | None, Mask | None]]:
    """Yield the rows that may be allowed: where a slab starts, its rows, their places, its mask."""
    for low, chunk in rows.slices(start):
        for first in range(0, len(chunk), _SLAB_ROWS):
            part = chunk[first : first + _SLAB_ROWS]
            if allowed is None:
                yield low + first, part, None, None
                continue
            mask = allowed[low + first : low + first + len(part)]
            survivors = np.count_nonzero(mask)
            if survivors > len(part) * _GATHER_SHARE:
                yield low + first, part, None, None if survivors == len(part) else mask
            elif survivors:
                at = np.flatnonzero(mask)
                yield low + first, part[at], at, None


def _rough(rows: Rows, queries: Rows) -> Scores:
    """Return the rough scores (m, q) of rows (m, d)."""
    (q, dim), m = queries.shape, len(rows)
    if q <= _ONE_BY_ONE:
        return inner_products(queries, rows).T
    each = max(1, _PRODUCT_MAX // (q * dim))
    each = min(64, 1 << (each.bit_length() - 1))
    rough, whole = np.empty((m, q), np.float32), m - m % each
    np.matmul(
        rows[:whole].reshape(-1, each, dim), queries.T, out=rough[:whole].reshape(-1, each, q)
    )
    np.matmul(rows[whole:], queries.T, out=rough[whole:])
    return rough
