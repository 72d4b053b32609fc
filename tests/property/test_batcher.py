"""Every ticket leaves exactly once, never late, within its bounds; nothing is passed over."""

import math

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from service.batcher import Batcher, Ticket

ITEMS_MAX, COST_MAX, PASS_COST, HANDICAP = 4, 40, 12, 5.0


class Batching(RuleBasedStateMachine):
    """Offers, cancels, expiries and takes in any order, against a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher: Batcher[int] = Batcher(
            items_max=ITEMS_MAX, cost_max=COST_MAX, pass_cost=PASS_COST, bulk_handicap=HANDICAP
        )
        self.waiting: list[Ticket[int]] = []
        self.works = 0
        self.now = 0.0
        self.bulk_turn = -math.inf

    @rule(
        costs=st.lists(st.integers(1, 60), max_size=20),
        bulk=st.booleans(),
        patience=st.sampled_from([1.0, 4.0, math.inf]),
    )
    def offer(self, costs: list[int], bulk: bool, patience: float) -> None:
        works = [(cost, self.works + at) for at, cost in enumerate(costs)]
        self.works += len(works)
        deadline = self.now + patience
        tickets = self.batcher.offer(works, now=self.now, deadline=deadline, bulk=bulk)
        assert [(t.cost, t.work) for t in tickets] == works
        self.waiting += tickets

    @rule(seconds=st.floats(0, 4))
    def pass_time(self, seconds: float) -> None:
        self.now += seconds

    @rule(share=st.integers(2, 30))
    def cancel(self, share: int) -> None:
        gone = self.waiting[::share]
        assert by_work(self.batcher.cancel(gone)) == by_work(gone)
        assert self.batcher.cancel(gone) == []
        self.leave(gone)

    @rule(margin=st.floats(0, 1), shares=st.sampled_from([1, 1, 2, 3]))
    def take(self, margin: float, shares: int) -> None:
        by = self.now + margin
        late = self.batcher.late(by)
        assert by_work(late) == by_work([t for t in self.waiting if t.deadline < by])
        self.leave(late)
        batch = self.batcher.take(shares)
        assert bool(batch) == bool(self.waiting)
        if not batch:
            return
        assert all(ticket.deadline >= by for ticket in batch), "late"
        first = self.turn()
        assert first in batch, "the one whose turn it is waits for nobody"
        assert {ticket.bulk for ticket in batch} == {first.bulk}
        kind = [t for t in self.waiting if t.bulk == first.bulk]
        items_max = min(ITEMS_MAX, math.ceil(len(kind) / shares))
        assert len(batch) <= items_max, "more than its share"
        longest = max(ticket.cost for ticket in batch)
        assert longest * len(batch) <= COST_MAX or len(batch) == 1, "over budget"
        assert [t.cost for t in batch] == sorted(t.cost for t in batch)
        self.leave(batch)
        for shorter, ticket in enumerate(batch, start=1):
            assert shorter * (longest - ticket.cost) <= PASS_COST, "padded for more than a pass"
        same_kind = [t for t in self.waiting if t.bulk == first.bulk]
        below = [t.cost for t in same_kind if t.key < batch[0].key]
        fits = min(items_max, max(1, COST_MAX // longest), len(batch) + len(below))
        if len(batch) < fits:
            saved = (fits - len(batch)) * (longest - max(below))
            assert saved > PASS_COST, "room was left for nothing"
        if len(batch) < min(items_max, self.batcher.room(longest)):
            assert longest not in [t.cost for t in same_kind], "one of that length was left"

    def turn(self) -> Ticket[int]:
        """Whose turn it is: the oldest of its kind; bulk jumps ahead once in a handicap."""
        oldest = [next((t for t in self.waiting if t.bulk == bulk), None) for bulk in (False, True)]
        interactive, bulk = oldest
        if interactive is None or bulk is None:
            first = interactive or bulk
            assert first is not None
            return first
        if bulk.rank < interactive.rank and self.bulk_turn < interactive.rank:
            self.bulk_turn = interactive.rank + HANDICAP
            return bulk
        return interactive

    def leave(self, tickets: list[Ticket[int]]) -> None:
        for ticket in tickets:
            self.waiting.remove(ticket)  # ValueError if it had left before

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.batcher) == len(self.waiting)
        assert self.batcher.cost == sum(ticket.cost for ticket in self.waiting)


def by_work(tickets: list[Ticket[int]]) -> list[Ticket[int]]:
    return sorted(tickets, key=lambda ticket: ticket.work)


TestBatching = Batching.TestCase


def test_similar_lengths_share_a_batch() -> None:
    batcher: Batcher[int] = Batcher(items_max=2, cost_max=1000, pass_cost=1000)
    batcher.offer((cost, cost) for cost in (10, 90, 11, 91))
    assert [t.work for t in batcher.take()] == [10, 11]
    assert [t.work for t in batcher.take()] == [90, 91]


def test_one_long_item_does_not_pad_many_short_ones() -> None:
    batcher: Batcher[int] = Batcher(items_max=32, cost_max=8192, pass_cost=512)
    batcher.offer((cost, cost) for cost in [20] * 31 + [256])
    assert [len(batcher.take()), len(batcher.take())] == [31, 1]


def test_bulk_waits_no_longer_than_its_handicap() -> None:
    batcher: Batcher[str] = Batcher(items_max=1, cost_max=100, pass_cost=0, bulk_handicap=5.0)
    batcher.offer([(1, "bulk")], now=0.0, bulk=True)
    served = []
    for second in range(10):  # a new one arrives as often as one is served
        batcher.offer([(1, f"at {second}")], now=float(second))
        served += [ticket.work for ticket in batcher.take()]
    assert served.index("bulk") == 6


def test_much_bulk_is_never_in_the_way_for_long() -> None:
    batcher: Batcher[str] = Batcher(items_max=1, cost_max=100, pass_cost=0, bulk_handicap=5.0)
    batcher.offer([(1, "bulk")] * 100, now=0.0, bulk=True)
    served = []
    for second in range(10, 60):  # all of it has waited long enough
        batcher.offer([(1, "asked")], now=float(second))
        served += [ticket.work for ticket in batcher.take()]
    assert "bulk bulk" not in " ".join(served)
    assert 8 <= served.count("bulk") <= 10, "not starved either"
