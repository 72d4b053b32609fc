"""Clusters of rows by single linkage, and a bound on what one of them may swallow."""

import numpy as np

from index.linking.forest import Clustering, Forest, numbered, spanning_forest
from index.linking.pairs import Pairs


def single_linkage(
    n: int, pairs: Pairs, threshold: float, members_max: int | None = None
) -> Clustering:
    """Join all rows that are linked, from member to member, by scores that reach the threshold.

    Args:
        members_max: where a cluster would hold more, it is cut at its weakest links until none
            does: what is left of it are the clusters of a higher threshold. None: no bound.

    Source: Sneath 1957; the maximum spanning forest holds all that single linkage asks (Gower and
    Ross 1969).
    """
    reaching = pairs.above(threshold)
    forest = spanning_forest(n, reaching)
    if members_max is None:
        return forest.of
    return _bounded(forest, reaching, members_max)


def _bounded(forest: Forest, pairs: Pairs, members_max: int) -> Clustering:
    """Cut what is too large where single linkage joined it last."""
    sizes = np.bincount(forest.of)
    if not len(sizes) or sizes.max() <= members_max:
        return forest.of
    large = sizes[forest.of] > members_max
    top, size = list(range(len(large))), [1] * len(large)  # lists: a number each, and many looks

    def find(row: int) -> int:
        while top[row] != row:
            top[row] = row = top[top[row]]
        return row

    held = pairs.take(forest.pairs)  # the best first, as they were joined
    held = held.take(large[held.left])
    for first, second in zip(held.left.tolist(), held.right.tolist(), strict=True):
        one, other = sorted((find(first), find(second)))
        if size[one] + size[other] > members_max:
            # Whatever holds these two is too large, too: both are as large as they may be.
            size[one] = size[other] = members_max
            continue
        top[other] = one
        size[one] += size[other]
    names = forest.of + len(large)
    names[large] = [find(row) for row in np.flatnonzero(large).tolist()]
    return numbered(names)
