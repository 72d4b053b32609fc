"""The oracle: scores every row in the fixed way and sorts; slow and obvious."""

import numpy as np

from index.hits import Mask, Positions, Scores, exact_scores, ranked, stacked
from index.vectors import Rows

recall_floor = 1.0


class ExactRows:
    """Rows that are scored one query at a time."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def search(self, queries: Rows, k: int, allowed: Mask | None) -> tuple[Scores, Positions]:
        """Return the best k allowed rows of each query."""
        n = len(self._rows)
        positions = np.arange(n) if allowed is None else np.flatnonzero(allowed)
        found = [ranked(exact_scores(self._rows, positions, q), positions, k) for q in queries]
        return stacked(found, min(k, n))


def build(rows: Rows) -> ExactRows:
    """Return the rows, searchable."""
    return ExactRows(rows)
