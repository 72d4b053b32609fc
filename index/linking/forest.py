"""The strongest links that hold rows together: a maximum spanning forest of scored pairs."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from index.hits import Positions
from index.linking.pairs import Pairs

Clustering = npt.NDArray[np.int64]
"""The cluster (n,) of each row, numbered from 0 in the order of their first rows."""


class Forest(NamedTuple):
    """Pairs (e,), best first, that hold rows together, and which rows (n,) they hold together."""

    pairs: Positions
    of: Clustering


def spanning_forest(n: int, pairs: Pairs) -> Forest:
    """Return the pairs, by their positions, that join n rows by the highest scores.

    Of the pairs on any circle the lowest is left out; of equal scores the one whose rows stand
    first is taken first, so that the same pairs in any order give the same forest.

    Source: Borůvka 1926: each component takes its best pair outward, all of them at once, in
    O(m log n) steps of numpy.
    """
    low, high = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    ranked = np.lexsort((high, low, -pairs.scores))
    first, second = low[ranked], high[ranked]
    component = np.arange(n)
    taken = np.zeros(len(ranked), np.bool_)
    alive = np.flatnonzero(first != second)
    while True:
        ours, theirs = component[first[alive]], component[second[alive]]
        outward = ours != theirs
        alive, ours, theirs = alive[outward], ours[outward], theirs[outward]
        if not len(alive):
            return Forest(ranked[taken], numbered(component))
        best = _best_outward(n, alive, ours, theirs)
        tops = np.flatnonzero(best < len(ranked))
        chosen = best[tops]
        taken[chosen] = True
        one, other = component[first[chosen]], component[second[chosen]]
        parent = np.arange(n)
        parent[tops] = np.where(one == tops, other, one)
        # Two that chose each other: the lower stays its own. Longer circles cannot be, as the
        # ranks of pairs differ.
        mutual = tops[(parent[parent[tops]] == tops) & (tops < parent[tops])]
        parent[mutual] = mutual
        while not np.array_equal(parent, above := parent[parent]):
            parent = above
        component = parent[component]


def numbered(names: npt.NDArray[np.int64]) -> Clustering:
    """Number clusters of any names (n,) in the order of their first rows.

    >>> numbered(np.array([7, 3, 7, 5])).tolist()
    [0, 1, 0, 2]
    """
    _, at, code = np.unique(names, return_index=True, return_inverse=True)
    place = np.empty(len(at), np.int64)
    place[np.argsort(at, kind="stable")] = np.arange(len(at))
    return place[code]


def _best_outward(
    n: int, alive: Positions, ours: Positions, theirs: Positions
) -> npt.NDArray[np.int64]:
    """Return the best ranked pair (n,) of each component, beyond all ranks where it has none."""
    best = np.full(n, np.iinfo(np.int64).max)
    # The ranks rise, and of writes to one place the last one stays.
    best[ours[::-1]] = alive[::-1]
    also = np.full(n, np.iinfo(np.int64).max)
    also[theirs[::-1]] = alive[::-1]
    least: npt.NDArray[np.int64] = np.minimum(best, also)
    return least
