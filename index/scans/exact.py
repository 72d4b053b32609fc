"""The oracle: scores every row in the fixed way and sorts; slow and obvious."""

import numpy as np

from index.chunks import Chunks
from index.hits import Mask, Positions, Scores, exact_scores, ranked, stacked
from index.vectors import Rows


def best(
    rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int = 0
) -> tuple[Scores, Positions]:
    """Return the best k allowed rows of each query."""
    n = len(rows)
    positions = np.arange(n) if allowed is None else np.flatnonzero(allowed)
    positions = positions[positions >= start]
    found = [ranked(exact_scores(rows, positions, q), positions, k) for q in queries]
    return stacked(found, min(k, n))
