"""The candidates of several queries, gathered while rows go by, thinned as better ones come."""

import numpy as np
import numpy.typing as npt

from index.hits import Positions, Scores, Takes, pair_scores, rounding_slack
from index.vectors import Rows

_LOWEST = np.finfo(np.float32).min  # under every score of a row, over that of a barred one
_CROWD = 1 << 19  # pairs of a query and a row, 20 bytes each
_SCORED_AT_ONCE = 4096  # bounds the float64 copies: 4096 x 384 is 12 MB

Queries = npt.NDArray[np.intp]


class Near:
    """For each query (q, d) the rows seen that rounding could place among its best k.

    A row is let in by the k-th best rough score of those before it, less what rounding may hide.
    """

    def __init__(self, queries: Rows, k: int) -> None:
        self._queries, self._k = queries, k
        self._slack = np.float32(rounding_slack(queries.shape[1]))
        self._floor = np.full(len(queries), _LOWEST, np.float32)
        self._parts: list[tuple[Queries, Positions, Scores]] = []
        self._held, self._thinned_at = 0, 0

    @property
    def crowded(self) -> bool:
        """Whether so many rows tie for a place that fewer queries should be asked at once."""
        return len(self._queries) > 1 and self._held > _CROWD

    def see(self, rough: Scores, first: int, at: Positions | None = None) -> None:
        """Take in rough scores (m, q) of the rows from `first` on, or of those at `at` (m,) there.

        Barred rows score -inf.
        """
        if self._held == 0 and len(rough) >= self._k:
            self._floor = self._less(np.partition(rough, -self._k, axis=0)[-self._k])
        # `np.nonzero` of two dimensions takes ten times as long.
        rows, of = np.divmod(np.flatnonzero(rough >= self._floor), len(self._queries))
        if len(rows) == 0:
            return
        self._parts.append((of, first + (rows if at is None else at[rows]), rough[rows, of]))
        self._held += len(rows)
        if self._held > 2 * self._thinned_at:
            self._thin()

    def best(self, rows: Takes) -> tuple[Scores, Positions]:
        """Return the best k (q, k) of each query, scored in the fixed way; `-inf`, -1 fill up."""
        k = self._k
        best = np.full((len(self._queries), k), -np.inf, np.float32)
        positions = np.full((len(self._queries), k), -1, np.int64)
        if self._held:
            self._thin()
            of, at, _ = self._parts[0]
            scores = np.empty(len(at), np.float32)
            for start in range(0, len(at), _SCORED_AT_ONCE):
                part = slice(start, start + _SCORED_AT_ONCE)
                scores[part] = pair_scores(rows.take(at[part]), self._queries[of[part]])
            order = np.lexsort((at, -scores, of))
            rank, placed = self._ranks(of), of[order]
            order, rank, placed = order[rank < k], rank[rank < k], placed[rank < k]
            best[placed, rank], positions[placed, rank] = scores[order], at[order]
        return best, positions

    def _thin(self) -> None:
        """Raise the floor to the k-th best of each query, and let go of what is under it."""
        of, at, rough = (np.concatenate(each) for each in zip(*self._parts, strict=True))
        order = np.lexsort((-rough, of))
        of, at, rough = of[order], at[order], rough[order]
        kth = self._ranks(of) == self._k - 1
        self._floor[of[kth]] = self._less(rough[kth])
        kept = rough >= self._floor[of]
        self._parts = [(of[kept], at[kept], rough[kept])]
        self._held = self._thinned_at = int(np.count_nonzero(kept))

    def _ranks(self, of: Queries) -> npt.NDArray[np.intp]:
        """Return the rank (m,) of each pair within its query; the pairs stand query by query."""
        counts = np.bincount(of, minlength=len(self._queries))
        return np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)

    def _less(self, kth: Scores) -> Scores:
        floor: Scores = np.maximum(kth - self._slack, _LOWEST)
        return floor
