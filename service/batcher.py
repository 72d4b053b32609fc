"""Which waiting items go into the next forward pass: pure, with no thread, clock or future."""

from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Ticket(Generic[W]):
    """One waiting item.

    Args:
        cost: tokens, pixels or samples of the item.
        order: its place in the order of arrival.
        work: what the caller wants back when the ticket is taken.
    """

    cost: int
    order: int
    work: W

    @property
    def key(self) -> tuple[int, int]:
        """Length first, arrival second."""
        return self.cost, self.order


class Batcher(Generic[W]):
    """Batches of items of similar length, the oldest item always among them.

    What waits is cut into batches by length, from the longest downwards; the batch that holds the
    oldest item goes first, so nothing starves. A batch ends where it is full, or where padding the
    shorter ones would cost more than a pass of their own.

    Args:
        items_max: items of one batch.
        cost_max: longest cost times items of one batch; a single item may exceed it.
        pass_cost: padding that one more forward pass is worth.
    """

    def __init__(self, *, items_max: int, cost_max: int, pass_cost: int) -> None:
        self._items_max = items_max
        self._cost_max = cost_max
        self._pass_cost = pass_cost
        self._by_length: list[Ticket[W]] = []
        self._by_age: deque[Ticket[W]] = deque()
        self._taken: set[int] = set()
        self._orders = 0
        self.cost = 0  # of all that waits

    def __len__(self) -> int:
        return len(self._by_length)

    def offer(self, cost: int, work: W) -> Ticket[W]:
        """Queue one item."""
        ticket = Ticket(cost, self._orders, work)
        self._orders += 1
        insort(self._by_length, ticket, key=lambda t: t.key)
        self._by_age.append(ticket)
        self.cost += cost
        return ticket

    def cancel(self, ticket: Ticket[W]) -> bool:
        """Forget a waiting ticket; False when it had been taken already."""
        at = self._position(ticket)
        if at is None:
            return False
        self._remove(at, at + 1)
        return True

    def take(self) -> list[Ticket[W]]:
        """Take the next batch, shortest first; empty when nothing waits."""
        oldest = self._oldest()
        if oldest is None:
            return []
        at = self._position(oldest)
        assert at is not None
        high = len(self._by_length)
        while (low := self._start(high)) > at:
            high = low
        batch = self._by_length[low:high]
        self._remove(low, high)
        return batch

    def _start(self, high: int) -> int:
        """Find where the batch that ends before position `high` begins."""
        longest = self._by_length[high - 1].cost
        fits = max(1, min(self._items_max, self._cost_max // max(1, longest)))
        least = max(0, high - fits)
        for at in range(high - 2, least - 1, -1):
            padding = (longest - self._by_length[at].cost) * (at + 1 - least)
            if padding > self._pass_cost:
                return at + 1
        return least

    def _oldest(self) -> Ticket[W] | None:
        while self._by_age:
            if self._by_age[0].order not in self._taken:
                return self._by_age[0]
            self._taken.discard(self._by_age.popleft().order)
        return None

    def _position(self, ticket: Ticket[W]) -> int | None:
        at = bisect_left(self._by_length, ticket.key, key=lambda t: t.key)
        found = at < len(self._by_length) and self._by_length[at].order == ticket.order
        return at if found else None

    def _remove(self, low: int, high: int) -> None:
        for ticket in self._by_length[low:high]:
            self._taken.add(ticket.order)
            self.cost -= ticket.cost
        del self._by_length[low:high]
