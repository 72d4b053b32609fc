"""Queries with their exact truth, against which an index is measured."""

from dataclasses import dataclass

import numpy as np

from index.chunks import Chunks
from index.hits import Positions, Scores, rounding_slack
from index.scan import USUAL, open_scan
from index.vectors import Rows

QUERIES = 400
WANTS = (10, 30, 100, 300, 1000)
_SURE = 1.64  # standard errors by which the mean must pass the target: 95 %, one-sided


@dataclass(frozen=True, slots=True)
class Trial:
    """Queries (q, d) and the exact truth: rows of the gallery, then what was asked of it lately.

    `positions` tells which row a query is, and -1 for none; `floors` holds, by depth, the score of
    each query's last true hit (q,), itself left out.
    """

    queries: Rows
    positions: Positions
    floors: dict[int, Scores]

    @classmethod
    def of(cls, rows: Chunks, asked: Rows | None = None, seed: int = 1) -> "Trial":
        """Draw the queries and look at every row for each of them."""
        chance = np.random.default_rng(seed)
        at = np.sort(chance.choice(len(rows), min(QUERIES, len(rows)), replace=False))
        queries = rows.take(at)
        if asked is not None:
            at = np.append(at, np.full(len(asked), -1))
            queries = np.concatenate([queries, asked])
        wants = [want for want in WANTS if want < len(rows)]
        scores, found = open_scan(USUAL).best(rows, queries, max(wants) + 1, None)
        floors = {want: np.empty(len(at), np.float32) for want in wants}
        for i, (own, some, where) in enumerate(zip(at, scores, found, strict=True)):
            others = some[where != own]
            for want in wants:
                floors[want][i] = others[want - 1]
        return cls(queries, at, floors)

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
        """Return the share (q,) of the best `want` that is among the candidates (q, m)."""
        shares = np.empty(len(candidates), np.float32)
        for i, some in enumerate(candidates):
            near = some[(some >= 0) & (some != self.positions[i])]
            scores = rows.take(near) @ self.queries[i]
            hits = np.count_nonzero(scores >= self.floors[want][i] - rounding_slack(rows.dim))
            shares[i] = min(int(hits), want) / want
        return shares
