"""What holds each cluster together, and how far apart its members lie."""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from index.hits import Positions, Takes
from index.linking.forest import Clustering, spanning_forest
from index.linking.pairs import Pairs
from index.vectors import Rows

EXACT_MAX = 2048
"""Members up to which each is scored against each: 16 MB of scores."""
SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Link:
    """Two rows and their score."""

    left: int
    right: int
    score: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows that are taken for one, of which there are two or more.

    Args:
        members: rows, rising.
        medoid: the member most alike to all of them.
        weakest: of the links that hold it together, each as strong as can be, the weakest.
        diameter: the two members least alike; where `is_exact` is False, two that are about so.
        chain: the links that join those two, from one to the other.
    """

    members: Sequence[int]
    medoid: int
    weakest: Link
    diameter: Link
    is_exact: bool
    chain: Sequence[Link]


def sizes(of: Clustering) -> dict[int, int]:
    """Count the clusters of each size, the largest first.

    >>> sizes(np.array([0, 0, 1, 2, 2]))
    {2: 2, 1: 1}
    """
    size, count = np.unique(np.bincount(of), return_counts=True)
    return dict(zip(size[::-1].tolist(), count[::-1].tolist(), strict=True))


def clusters_of(of: Clustering, pairs: Pairs, rows: Takes) -> Iterator[Cluster]:
    """Describe each cluster of two or more that pairs hold together, the largest first.

    Args:
        rows: unit rows (n, d), by whose inner products the diameter is told.

    Raises:
        ValueError: some cluster is not held together by the pairs.
    """
    within = pairs.take(of[pairs.left] == of[pairs.right])
    held = within.take(spanning_forest(len(of), within).pairs)
    held = held.take(np.argsort(of[held.left], kind="stable"))
    order = np.argsort(of, kind="stable")
    count = np.bincount(of)
    starts = np.concatenate([[0], np.cumsum(count)])
    links = np.searchsorted(of[held.left], np.arange(len(count) + 1))
    for one in np.argsort(-count, kind="stable").tolist():
        if count[one] < 2:
            return
        members = order[starts[one] : starts[one + 1]]
        some = held.take(np.arange(links[one], links[one + 1]))
        if len(some) != len(members) - 1:
            raise ValueError(f"cluster {one} has members that no pair joins to the others")
        yield _cluster(members, some, rows.take(members))


def _cluster(members: Positions, held: Pairs, rows: Rows) -> Cluster:
    triples = zip(held.left.tolist(), held.right.tolist(), held.scores.tolist(), strict=True)
    links = [Link(one, other, score) for one, other, score in triples]
    one, other, medoid, is_exact = _spread(rows)
    least = Link(int(members[one]), int(members[other]), float(rows[one] @ rows[other]))
    return Cluster(
        members.tolist(),
        int(members[medoid]),
        min(links, key=lambda link: link.score),
        least,
        is_exact,
        _chain(links, least.left, least.right),
    )


def _spread(rows: Rows) -> tuple[int, int, int, bool]:
    """Return the two rows least alike, the row most alike to all, and whether that is exact.

    The sum of scores with all rows is the score with their sum, so the medoid always is. Of many
    rows, the farthest of the farthest is taken some times over, from the one farthest from all.
    """
    nearness = rows @ rows.sum(axis=0)
    medoid = int(nearness.argmax())
    if len(rows) <= EXACT_MAX:
        scores = rows @ rows.T
        np.fill_diagonal(scores, np.inf)
        one, other = divmod(int(scores.argmin()), len(rows))
        return one, other, medoid, True
    at = int(nearness.argmin())
    found: list[tuple[float, int, int]] = []
    for _ in range(SWEEPS):
        scores = rows @ rows[at]
        scores[at] = np.inf
        far = int(scores.argmin())
        found.append((float(scores[far]), min(at, far), max(at, far)))
        at = far
    _, one, other = min(found)
    return one, other, medoid, False


def _chain(links: Sequence[Link], start: int, end: int) -> list[Link]:
    """Return the way through a tree of links."""
    beside: dict[int, list[Link]] = defaultdict(list)
    for link in links:
        beside[link.left].append(link)
        beside[link.right].append(link)
    came: dict[int, Link | None] = {start: None}
    waiting = deque([start])
    while end not in came:
        row = waiting.popleft()
        for link in beside[row]:
            other = link.right if link.left == row else link.left
            if other not in came:
                came[other] = link
                waiting.append(other)
    chain: list[Link] = []
    row = end
    while (last := came[row]) is not None:
        chain.append(last)
        row = last.left if last.right == row else last.right
    return chain[::-1]
