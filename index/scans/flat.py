"""Exact search by FAISS over the rows where they lie."""

import numpy as np

from index.chunks import Chunks
from index.faiss_door import nearest
from index.hits import Mask, Positions, Scores, exact_scores, ranked, rounding_slack, stacked
from index.vectors import Rows

_SPARE = 16  # candidates beyond k, so that ties at the edge are seen at the first attempt
_GATHER_SHARE = 0.1  # below this share of survivors, copying them out is cheaper than skipping


def best(
    rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int = 0
) -> tuple[Scores, Positions]:
    """Return the best k allowed rows of each query, as the oracle would."""
    near: list[list[Positions]] = [[np.empty(0, np.int64)] for _ in queries]
    for first, part in rows.slices(start):
        mask = None if allowed is None else allowed[first : first + len(part)]
        names = np.arange(first, first + len(part))
        if mask is not None and np.count_nonzero(mask) <= len(part) * _GATHER_SHARE:
            part, names, mask = part[mask], names[mask], None  # noqa: PLW2901 - the survivors of it
        for of_query, candidates in zip(near, _candidates(queries, part, k, mask), strict=True):
            of_query.append(names[candidates])
    found = []
    for query, some in zip(queries, near, strict=True):
        candidates = np.concatenate(some)
        found.append(ranked(exact_scores(rows, candidates, query), candidates, k))
    return stacked(found, min(k, len(rows)))


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
        rough, positions = nearest(queries[open_ones], rows, want, allowed)
        for i, candidates in zip(open_ones, positions, strict=True):
            found[i] = candidates
        # Where the last candidate could still tie with the k-th, more must be seen.
        tied = rough[:, k - 1] - rough[:, -1] <= rounding_slack(rows.shape[1])
        open_ones = open_ones[tied] if want < survivors else open_ones[:0]
        want *= 4
    return found
