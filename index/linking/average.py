"""Average linkage over the pairs that are known, others counting as a stated score."""

from collections import defaultdict
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import Any

import numpy as np

from index.linking.forest import Clustering, numbered, spanning_forest
from index.linking.pairs import Pairs

MEMBERS_MAX = 256
ABSENT = 0.0
"""What a pair counts that was no candidate: as strangers."""


def average_linkage(n: int, pairs: Pairs, threshold: float, absent: float = ABSENT) -> Clustering:
    """Join, again and again, the two clusters with the highest mean score, down to the threshold.

    The mean is over all pairs of a member here and a member there. **A pair that is not among the
    candidates counts as `absent`**, which lies below the threshold; so no pair of clusters without
    a candidate between them is ever joined, and the work is that of the candidates: O(m log m) and
    some. Where all pairs are given this is the textbook's average linkage (UPGMA), exactly. Ties go
    to the clusters whose first rows stand first. Pairs below the threshold count too: give all
    candidates, each pair once.

    Source: Sokal and Michener 1958.

    Raises:
        ValueError: `absent` is not below the threshold.
    """
    if not absent < threshold:
        raise ValueError(f"absent pairs count as {absent}: that must lie below {threshold}")
    # A mean reaches the threshold only where some pair does: so each part can go by itself, and
    # what lies between two of them is never asked for.
    part = spanning_forest(n, pairs.above(threshold)).of
    pairs = pairs.take((part[pairs.left] == part[pairs.right]) & (pairs.left != pairs.right))
    cluster = np.arange(n)
    pairs = pairs.take(np.argsort(part[pairs.left], kind="stable"))
    ends = np.flatnonzero(np.diff(part[pairs.left])) + 1
    links = list(zip(pairs.left.tolist(), pairs.right.tolist(), pairs.scores.tolist(), strict=True))
    for start, end in pairwise([0, *ends.tolist(), len(links)] if links else [0]):
        for row, top in _joined(links[start:end], threshold, absent).items():
            cluster[row] = top
    return numbered(cluster)


def absent_within(n: int, pairs: Pairs, threshold: float, members_max: int = MEMBERS_MAX) -> Pairs:
    """Return the pairs that are not given of rows that hang together at the threshold, unscored.

    Where these are scored too, average linkage is exact: no pair that it asks for is absent. Of
    parts of more than so many rows none is returned: they have millions.
    """
    part = spanning_forest(n, pairs.above(threshold)).of
    size = np.bincount(part, minlength=1)
    order = np.argsort(part, kind="stable")
    starts = np.concatenate([[0], np.cumsum(size)])
    found: list[np.ndarray[Any, np.dtype[np.int64]]] = [np.empty((2, 0), np.int64)]
    for many in np.unique(size[(size > 2) & (size <= members_max)]).tolist():
        rows = order[starts[:-1][size == many][:, None] + np.arange(many)]
        one, other = np.triu_indices(many, 1)
        found.append(np.stack([rows[:, one].ravel(), rows[:, other].ravel()]))
    left, right = np.concatenate(found, axis=1)
    low, high = np.minimum(pairs.left, pairs.right), np.maximum(pairs.left, pairs.right)
    new = ~np.isin(left * n + right, low * n + high)
    return Pairs(left[new], right[new], np.zeros(int(new.sum()), np.float32))


def _joined(links: list[tuple[int, int, float]], threshold: float, absent: float) -> dict[int, int]:
    """Join the rows of one part; tell for each the first row of its cluster."""
    if len(links) == 1:
        (one, other, _), *_ = links
        return {one: min(one, other), other: min(one, other)}
    # Of two clusters the sum of (score - absent) over their candidates: their mean is `absent`
    # and this, divided by all pairs there are.
    beyond: dict[int, dict[int, float]] = defaultdict(dict)
    for one, other, score in links:
        beyond[one][other] = beyond[other][one] = score - absent
    members = {row: [row] for row in beyond}
    cut = threshold - absent

    def mean(one: int, other: int) -> float:
        return beyond[one][other] / (len(members[one]) * len(members[other]))

    heap = [(-mean(a, b), a, b) for a in beyond for b in beyond[a] if a < b and mean(a, b) >= cut]
    heapify(heap)
    while heap:
        worth, one, other = heappop(heap)
        # What was told of clusters that have grown or gone since is told anew.
        if other not in beyond.get(one, ()) or -worth != mean(one, other):
            continue
        members[one] += members.pop(other)
        for third, more in beyond.pop(other).items():
            del beyond[third][other]
            if third != one:
                both = beyond[one].get(third, 0.0) + more
                beyond[one][third] = beyond[third][one] = both
        for third in beyond[one]:
            if (worth := mean(one, third)) >= cut:
                heappush(heap, (-worth, min(one, third), max(one, third)))
    return {row: top for top, rows in members.items() for row in rows}
