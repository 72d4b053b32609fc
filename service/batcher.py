"""Which waiting items go into the next forward pass: pure, with no thread, clock or future."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Generic, TypeVar

W = TypeVar("W")


@dataclass(frozen=True, slots=True, eq=False)
class Ticket(Generic[W]):
    """One waiting item.

    Args:
        cost: tokens, pixels or samples of the item.
        order: its place in the order of arrival.
        work: what the caller wants back when the ticket is taken.
        deadline: after which its embedding is of no use.
        rank: when its turn comes: the lower, the earlier; bulk comes later than it arrived.
        bulk: whether it waits behind interactive items.
    """

    cost: int
    order: int
    work: W
    deadline: float
    rank: float
    bulk: bool

    @property
    def key(self) -> tuple[int, int]:
        """Length first, arrival second."""
        return self.cost, self.order


_KEY = attrgetter("key")
FEW = 16  # tickets that are looked for one by one; more are sifted out in one pass


class _Waiting(Generic[W]):
    """The tickets of one class, by length and by age."""

    def __init__(self) -> None:
        self.by_length: list[Ticket[W]] = []
        self._by_age: deque[Ticket[W]] = deque()
        self._left: set[int] = set()  # orders that have left, and still stand in `_by_age`
        self.cost = 0

    def add(self, tickets: list[Ticket[W]]) -> None:
        # One sort for all of them: what stands already is sorted, and merged in a single pass.
        self.by_length += tickets
        self.by_length.sort(key=_KEY)
        self._by_age += tickets
        self.cost += sum(ticket.cost for ticket in tickets)

    def oldest(self) -> Ticket[W] | None:
        while self._by_age:
            if self._by_age[0].order not in self._left:
                return self._by_age[0]
            self._left.discard(self._by_age.popleft().order)
        return None

    def position(self, ticket: Ticket[W]) -> int | None:
        at = bisect_left(self.by_length, ticket.key, key=_KEY)
        return at if at < len(self.by_length) and self.by_length[at] is ticket else None

    def cut(self, low: int, high: int) -> list[Ticket[W]]:
        gone = self.by_length[low:high]
        del self.by_length[low:high]
        self._leave(gone)
        return gone

    def remove(self, tickets: list[Ticket[W]]) -> list[Ticket[W]]:
        if len(tickets) <= FEW:
            places = (self.position(ticket) for ticket in tickets)
            return [one for at in places if at is not None for one in self.cut(at, at + 1)]
        wanted = set(tickets)
        gone = [ticket for ticket in self.by_length if ticket in wanted]
        self.by_length = [ticket for ticket in self.by_length if ticket not in wanted]
        self._leave(gone)
        return gone

    def _leave(self, gone: list[Ticket[W]]) -> None:
        self.cost -= sum(ticket.cost for ticket in gone)
        if self.by_length:
            self._left.update(ticket.order for ticket in gone)
        else:  # what has left is not kept
            self._by_age.clear()
            self._left.clear()


class Batcher(Generic[W]):
    """Batches of items of similar length; nothing is passed over for ever, nothing leaves late.

    What waits is interactive or bulk, and a batch is of one kind. Interactive goes first; but where
    bulk has waited ``bulk_handicap`` longer one batch of it goes before them, and another after
    that time again: it is never starved, and never in the way for long. Within its kind what waits
    is cut into batches by length, from the longest downwards, and the batch that holds the item
    whose turn it is goes. A batch ends where it is full, or where padding the shorter ones would
    cost more than a pass of their own. What cannot be done by its deadline leaves as late.

    Args:
        items_max: items of one batch.
        cost_max: longest cost times items of one batch; a single item may exceed it.
        pass_cost: padding that one more forward pass is worth.
        bulk_handicap: by how much later bulk counts as arrived, in the unit of ``now``.
    """

    def __init__(
        self, *, items_max: int, cost_max: int, pass_cost: int, bulk_handicap: float = 0.0
    ) -> None:
        self._items_max = items_max
        self._cost_max = cost_max
        self._pass_cost = pass_cost
        self._bulk_handicap = bulk_handicap
        self._interactive: _Waiting[W] = _Waiting()
        self._bulk: _Waiting[W] = _Waiting()
        self._bulk_turn = -math.inf  # bulk goes before interactive items that arrived after it
        self._deadlines: list[tuple[float, int, Ticket[W]]] = []
        self._orders = 0

    def __len__(self) -> int:
        return len(self._interactive.by_length) + len(self._bulk.by_length)

    @property
    def cost(self) -> int:
        """The cost of all that waits."""
        return self._interactive.cost + self._bulk.cost

    @property
    def full(self) -> bool:
        """Whether the next batch gains nothing from waiting: as much stands there as one holds."""
        waiting = self._interactive if self._interactive.by_length else self._bulk
        return len(waiting.by_length) >= self._items_max or waiting.cost >= self._cost_max

    def room(self, longest: int) -> int:
        """Tell how many items a batch of that longest cost can have."""
        return max(1, min(self._items_max, self._cost_max // max(1, longest)))

    def offer(
        self,
        works: Iterable[tuple[int, W]],
        *,
        now: float = 0.0,
        deadline: float = math.inf,
        bulk: bool = False,
    ) -> list[Ticket[W]]:
        """Queue items, each with its cost; the time never goes back from call to call."""
        rank = now + self._bulk_handicap if bulk else now
        tickets = [
            Ticket(cost, order, work, deadline, rank, bulk)
            for order, (cost, work) in enumerate(works, start=self._orders)
        ]
        self._orders += len(tickets)
        (self._bulk if bulk else self._interactive).add(tickets)
        if deadline < math.inf:
            for ticket in tickets:
                heappush(self._deadlines, (deadline, ticket.order, ticket))
        self._forget()
        return tickets

    def cancel(self, tickets: Iterable[Ticket[W]]) -> list[Ticket[W]]:
        """Forget tickets; those that still waited are returned."""
        every = list(tickets)
        bulk = [ticket for ticket in every if ticket.bulk]
        interactive = [ticket for ticket in every if not ticket.bulk]
        return self._interactive.remove(interactive) + self._bulk.remove(bulk)

    def late(self, by: float) -> list[Ticket[W]]:
        """Give up the tickets whose deadline lies before that time."""
        late: list[Ticket[W]] = []
        while self._deadlines and self._deadlines[0][0] < by:
            late.append(heappop(self._deadlines)[2])
        return self.cancel(late)

    def drain(self) -> list[Ticket[W]]:
        """Give up all that waits."""
        every = self._interactive.by_length + self._bulk.by_length
        self._interactive, self._bulk, self._deadlines = _Waiting(), _Waiting(), []
        return every

    def take(self, shares: int = 1) -> list[Ticket[W]]:
        """Take the next batch, shortest first; empty when nothing waits.

        Args:
            shares: among how many passes, this one with them, what waits is shared out.
        """
        interactive, bulk = self._interactive.oldest(), self._bulk.oldest()
        if interactive is None:
            return [] if bulk is None else self._cut(self._bulk, bulk, shares)
        if bulk is None or max(bulk.rank, self._bulk_turn) >= interactive.rank:
            return self._cut(self._interactive, interactive, shares)
        self._bulk_turn = interactive.rank + self._bulk_handicap
        return self._cut(self._bulk, bulk, shares)

    def _forget(self) -> None:
        """Keep no more deadlines of what has left than there are of what waits."""
        if len(self._deadlines) > 2 * len(self) + FEW:
            waiting = self._interactive.by_length + self._bulk.by_length
            self._deadlines = [(t.deadline, t.order, t) for t in waiting if t.deadline < math.inf]
            heapify(self._deadlines)

    def _cut(self, waiting: _Waiting[W], first: Ticket[W], shares: int) -> list[Ticket[W]]:
        at = waiting.position(first)
        assert at is not None
        high = len(waiting.by_length)
        items_max = -(-high // shares)
        while (low := self._start(waiting.by_length, high, items_max)) > at:
            high = low
        # Those of the same length stand by age: the oldest may head a batch that is not full.
        longest = waiting.by_length[high - 1].cost
        room = min(self.room(longest), items_max)
        while high - low < room and high < len(waiting.by_length):
            if waiting.by_length[high].cost > longest:
                break
            high += 1
        batch = waiting.cut(low, high)
        self._forget()
        return batch

    def _start(self, by_length: list[Ticket[W]], high: int, items_max: int) -> int:
        """Find where the batch that ends before position `high` begins."""
        longest = by_length[high - 1].cost
        least = max(0, high - min(self.room(longest), items_max))
        for at in range(high - 2, least - 1, -1):
            padding = (longest - by_length[at].cost) * (at + 1 - least)
            if padding > self._pass_cost:
                return at + 1
        return least
