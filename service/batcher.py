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

    The oldest goes first, so nothing starves; its batch is filled with the waiting items
    nearest to it in length, so that little of the batch is padding.

    Args:
        items_max: items of one batch.
        cost_max: longest cost times items of one batch; a single item may exceed it.
    """

    def __init__(self, *, items_max: int, cost_max: int) -> None:
        self._items_max = items_max
        self._cost_max = cost_max
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
        low, high = at, at + 1
        while high - low < self._items_max:
            step = self._nearer(low, high, oldest.cost)
            if step is None:
                break
            low, high = step
        batch = self._by_length[low:high]
        self._remove(low, high)
        return batch

    def _nearer(self, low: int, high: int, cost: int) -> tuple[int, int] | None:
        """Widen the window by the neighbour nearest in length that keeps it within its cost."""
        longest = self._by_length[high - 1].cost
        down = cost - self._by_length[low - 1].cost if low > 0 else None
        up = self._by_length[high].cost - cost if high < len(self._by_length) else None
        size = high - low + 1
        if up is not None and self._by_length[high].cost * size > self._cost_max:
            up = None
        if down is not None and longest * size > self._cost_max:
            down = None
        if down is None and up is None:
            return None
        if up is None or (down is not None and down <= up):
            return low - 1, high
        return low, high + 1

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
