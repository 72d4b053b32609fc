"""Queries with their exact truth, against which an index is measured."""

from dataclasses import dataclass

import numpy as np

from index.chunks import Chunks
from index.hits import Positions, Scores, rounding_slack
from index.scan import USUAL, open_scan
from index.vectors import Rows

QUERIES = 400
WANTS = (10, 30, 100, 300, 1000)
_SPARE = 64  # of the truth beyond what is wanted, so that ties at the edge are among it
_SURE = 1.64  # standard errors by which the mean must pass the target: 95 %, one-sided


@dataclass(frozen=True, slots=True)
class Trial:
    """Queries (q, d) and the exact truth: rows of the gallery, then what was asked of it lately.

    `positions` (q,) tells which row a query is, and -1 for none; `near` (q, m) and `scores` (q, m)
    are the best other rows.
    """

    queries: Rows
    positions: Positions
    near: Positions
    scores: Scores

    @classmethod
    def of(cls, rows: Chunks, asked: Rows | None = None, seed: int = 1) -> "Trial":
        """Draw the queries and look at every row for each of them."""
        chance = np.random.default_rng(seed)
        at = np.sort(chance.choice(len(rows), min(QUERIES, len(rows)), replace=False))
        queries = rows.take(at)
        if asked is not None:
            at = np.append(at, np.full(len(asked), -1))
            queries = np.concatenate([queries, asked])
        most = min(max(WANTS) + _SPARE, len(rows) - 1)
        scores, found = open_scan(USUAL).best(rows, queries, most + 1, None)
        others = found != at[:, np.newaxis]
        others[others.all(axis=1), most] = False  # of a query that is no row, all but the last
        shape = len(queries), most
        return cls(queries, at, found[others].reshape(shape), scores[others].reshape(shape))

    @property
    def wants(self) -> list[int]:
        """The depths at which it can be told what was found."""
        return [want for want in WANTS if want <= self.near.shape[1]]

    def recall(self, rows: Chunks, candidates: Positions, want: int) -> tuple[float, float]:
        """Return the recall of the best `want` by candidates (q, m), and what it is surely above.

        The gallery's own rows and what was asked of it are told apart, and the worse counts.
        """
        shares = self._shares(rows, candidates, want)
        own = self.positions >= 0
        parts = [part for part in (shares[own], shares[~own]) if len(part)]
        recall = min(float(part.mean()) for part in parts)
        sure = min(float(part.mean() - _SURE * part.std() / len(part) ** 0.5) for part in parts)
        return recall, sure

    def _shares(self, rows: Chunks, candidates: Positions, want: int) -> Scores:
        """Return the share (q,) of the best `want` that is among the candidates (q, m).

        One that ties with the last of them is as good.
        """
        floors = self.scores[:, want - 1] - rounding_slack(rows.dim)
        best = np.count_nonzero(self.scores >= floors[:, np.newaxis], axis=1)
        is_candidate = np.zeros(len(rows), np.bool_)
        shares = np.empty(len(candidates), np.float32)
        for i, some in enumerate(candidates):
            near = some[(some >= 0) & (some != self.positions[i])]
            if best[i] < self.near.shape[1] or best[i] == len(rows) - 1:
                is_candidate[near] = True
                hits = np.count_nonzero(is_candidate[self.near[i, : best[i]]])
                is_candidate[near] = False
            else:  # more rows tie with the last than are known
                hits = np.count_nonzero(rows.take(near) @ self.queries[i] >= floors[i])
            shares[i] = min(int(hits), want) / want
        return shares
