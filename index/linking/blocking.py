"""Candidate pairs: of each row the nearest others, by a look at all or by an index.

Of few rows every one is looked at. Of many an index is built (cells around centroids), its recall
is measured on a sample of the queries against a look at every row, and it is asked with the least
effort that finds enough; where none does, every row is looked at. Scores are exact in any case.
"""

from collections.abc import Iterator

import numpy as np

from index.backend import open_backend
from index.chunks import Chunks
from index.faiss_door import FaissIndex, nearest
from index.hits import Positions, pair_scores, rounding_slack
from index.linking.pairs import Pairs
from index.vectors import Rows

EXACT_PRODUCTS_MAX = 4e11  # multiplications: some seconds on two cores
RECALL_TARGET = 0.99
_BACKEND = "ivf"
_SAMPLE = 400  # queries on which recall is measured
_SPARE = 2  # candidates that are scored again, for each one wanted
_QUERIES_AT_ONCE = 4096
_PAIRS_AT_ONCE = 1 << 16  # bounds the float64 copies of rows that are scored


def candidates(left: Rows, right: Rows, k: int, *, recall_target: float = RECALL_TARGET) -> Pairs:
    """Return the k nearest right rows of each left row, of each left row the best first.

    Args:
        left: unit rows (n, d).
        right: unit rows (m, d).
        k: of each left row; all of them where there are fewer.
        recall_target: the share of the exact k nearest that must be found, on average, where an
            index is asked; it is measured.

    >>> rows = np.eye(3, dtype=np.float32)
    >>> found = candidates(rows[:2], rows, 1)
    >>> found.left.tolist(), found.right.tolist(), found.scores.tolist()
    ([0, 1], [0, 1], [1.0, 1.0])
    """
    k = min(k, len(right))
    if not k or not len(left):
        return Pairs.of([], [], [])
    built = _fitting(left, right, k, recall_target)
    parts = []
    for start in range(0, len(left), _QUERIES_AT_ONCE):
        queries = np.ascontiguousarray(left[start : start + _QUERIES_AT_ONCE])
        found = built(queries) if built is not None else _scanned(queries, right, k)
        parts.append(_best(queries, right, found, k, start))
    return Pairs(
        np.concatenate([one.left for one in parts]),
        np.concatenate([one.right for one in parts]),
        np.concatenate([one.scores for one in parts]),
    )


def self_candidates(rows: Rows, k: int, *, recall_target: float = RECALL_TARGET) -> Pairs:
    """Return the pairs of a row and one of its k nearest others, each pair once, left below right.

    >>> rows = np.eye(3, dtype=np.float32)[[0, 1, 0]]
    >>> found = self_candidates(rows, 1)
    >>> list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    [(0, 1), (0, 2)]
    """
    found = candidates(rows, rows, k + 1, recall_target=recall_target)
    found = found.take(found.left != found.right)
    # A row that ties with k others may not have found itself; then it has found one too many.
    rank = np.arange(len(found)) - np.searchsorted(found.left, found.left)
    found = found.take(rank < k)
    low, high = np.minimum(found.left, found.right), np.maximum(found.left, found.right)
    _, first = np.unique(low * len(rows) + high, return_index=True)
    return Pairs(low[first], high[first], found.scores[first])


class _Built:
    """An index, and how it must be asked."""

    def __init__(self, index: FaissIndex, depth: int, effort: int) -> None:
        self._index, self._depth, self._effort = index, depth, effort

    def __call__(self, queries: Rows) -> Positions:
        return self._index.search(queries, self._depth, self._effort)


def _fitting(left: Rows, right: Rows, k: int, target: float) -> _Built | None:
    """Build an index and find the least effort that reaches the target; None where none is due."""
    plan = open_backend(_BACKEND).plan(*right.shape)
    if plan is None or float(len(left)) * right.size <= EXACT_PRODUCTS_MAX:
        return None
    at = np.random.default_rng(0).choice(len(left), min(_SAMPLE, len(left)), replace=False)
    queries = np.ascontiguousarray(left[np.sort(at)])
    truth = _best(queries, right, _scanned(queries, right, k), k, 0)
    floors = truth.scores.reshape(-1, k)[:, -1] - rounding_slack(right.shape[1])
    index = FaissIndex.build(Chunks.of(right), plan)
    for effort in plan.efforts:
        built = _Built(index, _SPARE * k, effort)
        found = _best(queries, right, built(queries), k, 0)
        # What ties with the last of the true ones is as good.
        hits = np.count_nonzero(found.scores >= floors[found.left])
        if hits >= target * len(truth):
            return built
    return None


def _scanned(queries: Rows, right: Rows, k: int) -> Positions:
    return nearest(queries, np.ascontiguousarray(right), k, None)[1]


def _best(queries: Rows, right: Rows, found: Positions, k: int, start: int) -> Pairs:
    """Score what was found (q, m) for queries from `start` on, and keep the best k of each."""
    rows, columns = np.nonzero(found >= 0)
    positions = found[rows, columns]
    scores = np.empty(len(rows), np.float32)
    for part in _slices(len(rows)):
        scores[part] = pair_scores(queries[rows[part]], right[positions[part]])
    order = np.lexsort((positions, -scores, rows))
    rows, positions, scores = rows[order], positions[order], scores[order]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = rank < k
    return Pairs.of(rows[kept] + start, positions[kept], scores[kept])


def _slices(n: int) -> Iterator[slice]:
    for start in range(0, n, _PAIRS_AT_ONCE):
        yield slice(start, start + _PAIRS_AT_ONCE)
