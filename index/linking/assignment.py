"""Who gets whom: each left row its best, or pairs in which no row stands twice.

`one_to_one` chooses, among all sets of candidate pairs in which no row stands twice, one whose sum
of (score - threshold) is greatest: a pair at the threshold is worth as much as none. It is found by
shortest augmenting paths with dual prices over the candidates alone, so that rows of other
connected components are never looked at. Source: Jonker and Volgenant, A shortest augmenting path
algorithm for dense and sparse linear assignment problems, Computing 38, 1987.
"""

import heapq
import logging

import numpy as np

from index.linking.pairs import Pairs

log = logging.getLogger("semblance.linking")
# Candidates that one search may look at, and all together: a usual one looks at tens. A left row
# whose search would look at more gets the best right row that is free in the end; it is told.
LOOKS_MAX = 20_000
LOOKS_IN_ALL_MAX = 30_000_000  # half a minute
_WORTH = 1e-9  # of a pair at the threshold: it is taken where it costs nothing


def best(pairs: Pairs, threshold: float = -1.0) -> Pairs:
    """Return of each left row its best pair at or above the threshold; right rows may repeat.

    >>> found = best(Pairs.of([0, 0, 1], [5, 6, 6], [0.7, 0.9, 0.2]), threshold=0.5)
    >>> found.left.tolist(), found.right.tolist()
    ([0], [6])
    """
    ordered = pairs.above(threshold).ordered()
    _, first = np.unique(ordered.left, return_index=True)
    return ordered.take(first)


def one_to_one(
    pairs: Pairs,
    threshold: float = -1.0,
    *,
    looks_max: int = LOOKS_MAX,
    looks_in_all_max: int = LOOKS_IN_ALL_MAX,
) -> Pairs:
    """Return the pairs at or above the threshold that are worth most together, no row twice.

    Args:
        pairs: candidates; of equal pairs the best counts.
        looks_max: candidates that the search for one left row may look at. Beyond it that row is
            left to the end, and the sum may fall short of the greatest by its own best surplus at
            most; a warning tells how much that is in all.
        looks_in_all_max: that all searches may look at; beyond it every row is left to the end.

    >>> found = one_to_one(Pairs.of([0, 0, 1], [5, 6, 5], [0.9, 0.8, 0.7]))
    >>> list(zip(found.left.tolist(), found.right.tolist(), strict=True))
    [(0, 6), (1, 5)]
    """
    ordered = pairs.above(threshold).ordered()
    if not len(ordered):
        return ordered
    search = _Search(ordered, threshold, looks_max, looks_in_all_max)
    search.run()
    if search.given_up:
        short = sum(search.price_left[one] for one in search.given_up)
        log.warning(
            "assignment: %d of %d left rows took too long a search, and got what was left; the sum "
            "of scores above the threshold is within %.3f of the greatest",
            len(search.given_up),
            len(search.price_left),
            short,
        )
        search.finish()
    return ordered.take(np.array(sorted(search.chosen()), np.int64))


class _Search:
    """The state of an assignment: candidates by left row, prices, and who has whom.

    Prices keep, for every candidate, price_left + price_right >= worth, with equality for those
    taken; a right row that is free has price 0. A left row may always stay alone, at worth 0.
    """

    def __init__(
        self, ordered: Pairs, threshold: float, looks_max: int, looks_in_all_max: int
    ) -> None:
        _, starts, left = np.unique(ordered.left, return_index=True, return_inverse=True)
        rights, right = np.unique(ordered.right, return_inverse=True)
        self._starts = [*starts.tolist(), len(ordered)]
        self._left: list[int] = left.tolist()
        self._right: list[int] = right.tolist()
        worth = np.maximum(ordered.scores.astype(np.float64) - threshold, 0.0) + _WORTH
        self._worth: list[float] = worth.tolist()
        self._looks_max, self._looks_left = looks_max, looks_in_all_max
        self.given_up: list[int] = []
        self.price_left: list[float] = worth[starts].tolist()
        self._price_right = [0.0] * len(rights)
        self._taken_by_left = [-1] * len(starts)  # candidates
        self._taken_by_right = [-1] * len(rights)
        # A right row that is somebody's best goes to the first of those whose best it is.
        _, firsts = np.unique(right[starts], return_index=True)
        for one in firsts.tolist():
            self._take(self._starts[one])
        self._waiting = np.setdiff1d(np.arange(len(starts)), firsts).tolist()

    def run(self) -> None:
        """Give each left row that waits a right row, or nobody, at the least loss to others."""
        for one in self._waiting:
            way = _Way(one, alone=one, alone_cost=self.price_left[one])
            if self._settle(way):
                self._pay(way)
                self._go(way)
            else:
                self.given_up.append(one)

    def finish(self) -> None:
        """Give those whose search was given up the best right row that is free."""
        for one in self.given_up:
            for edge in range(self._starts[one], self._starts[one + 1]):
                if self._taken_by_right[self._right[edge]] < 0:
                    self._take(edge)
                    break

    def chosen(self) -> list[int]:
        """Return the places of the candidates that are taken."""
        return [edge for edge in self._taken_by_right if edge >= 0]

    def _take(self, edge: int) -> None:
        self._taken_by_left[self._left[edge]] = edge
        self._taken_by_right[self._right[edge]] = edge

    def _settle(self, way: "_Way") -> bool:
        """Search the cheapest way (Dijkstra's); tell whether few enough candidates were seen."""
        left, cost = way.start, 0.0
        looks_least = max(0, self._looks_left - self._looks_max)
        while True:
            for edge in range(self._starts[left], self._starts[left + 1]):
                right = self._right[edge]
                slack = self.price_left[left] + self._price_right[right] - self._worth[edge]
                way.find(right, edge, cost + max(slack, 0.0))
            self._looks_left -= self._starts[left + 1] - self._starts[left]
            if self._looks_left < looks_least:
                return False
            found = way.next()
            if found is None:
                return True
            cost, right = found
            taken = self._taken_by_right[right]
            if taken < 0:
                way.end = right
                return True
            left = self._left[taken]
            way.reach(left, cost, self.price_left[left])

    def _pay(self, way: "_Way") -> None:
        """Change the prices so that the way costs nothing."""
        for one, at in way.reached.items():
            self.price_left[one] -= way.cost - at
        for one, at in way.settled.items():
            self._price_right[one] += way.cost - at

    def _go(self, way: "_Way") -> None:
        """Exchange what is taken along the way, from its end back to its start."""
        if way.end >= 0:
            right = way.end
        elif way.alone != way.start:  # who stays alone gives on what it has
            right = self._right[self._taken_by_left[way.alone]]
            self._taken_by_left[way.alone] = -1
        else:
            return
        while True:
            edge = way.through[right]
            before = self._taken_by_left[self._left[edge]]
            self._take(edge)
            if before < 0:
                return
            right = self._right[before]


class _Way:
    """What one search has found: rows with their distance from the left row that it starts at.

    Args:
        alone: the left row that could stay alone at the least cost.
    """

    def __init__(self, start: int, alone: int, alone_cost: float) -> None:
        self.start, self.alone, self._alone_cost = start, alone, alone_cost
        self.reached = {start: 0.0}  # left rows
        self.settled: dict[int, float] = {}  # right rows whose distance is final
        self.through: dict[int, int] = {}  # the candidate by which a right row was reached
        self.end = -1  # a right row that is free
        self._known: dict[int, float] = {}
        self._near: list[tuple[float, int]] = []

    @property
    def cost(self) -> float:
        """Return what the cheapest way costs, to a free right row or to stay alone."""
        return self.settled[self.end] if self.end >= 0 else self._alone_cost

    def find(self, right: int, edge: int, cost: float) -> None:
        """Keep a way to a right row, where it is cheaper than the one known, or to stay alone."""
        if cost < self._known.get(right, self._alone_cost):
            self._known[right], self.through[right] = cost, edge
            heapq.heappush(self._near, (cost, right))

    def next(self) -> tuple[float, int] | None:
        """Settle the nearest right row; None where to stay alone is cheaper than all of them."""
        while self._near:
            cost, right = heapq.heappop(self._near)
            if right not in self.settled and cost < self._alone_cost:
                self.settled[right] = cost
                return cost, right
        return None

    def reach(self, left: int, cost: float, price: float) -> None:
        """Reach a left row by the right row that it has; its price is what to stay alone costs."""
        self.reached[left] = cost
        if cost + price < self._alone_cost:
            self.alone, self._alone_cost = left, cost + price
