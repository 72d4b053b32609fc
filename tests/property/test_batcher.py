"""Every ticket leaves exactly once, within its bounds, and the oldest is never passed over."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from service.batcher import Batcher, Ticket

ITEMS_MAX, COST_MAX, PASS_COST = 4, 40, 12


class Batching(RuleBasedStateMachine):
    """Offers, cancels and takes in any order, against a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher: Batcher[int] = Batcher(
            items_max=ITEMS_MAX, cost_max=COST_MAX, pass_cost=PASS_COST
        )
        self.waiting: list[Ticket[int]] = []
        self.works = 0

    @rule(cost=st.integers(1, 60))
    def offer(self, cost: int) -> None:
        self.waiting.append(self.batcher.offer(cost, self.works))
        self.works += 1

    @rule(which=st.integers(0, 50))
    def cancel(self, which: int) -> None:
        if self.waiting:
            ticket = self.waiting.pop(which % len(self.waiting))
            assert self.batcher.cancel(ticket)
            assert not self.batcher.cancel(ticket)

    @rule()
    def take(self) -> None:
        batch = self.batcher.take()
        assert bool(batch) == bool(self.waiting)
        if not batch:
            return
        assert self.waiting[0] in batch, "the oldest waits for nobody"
        assert len(batch) <= ITEMS_MAX
        longest = max(ticket.cost for ticket in batch)
        assert longest * len(batch) <= COST_MAX or len(batch) == 1
        assert [t.cost for t in batch] == sorted(t.cost for t in batch)
        for ticket in batch:
            self.waiting.remove(ticket)  # ValueError if it had left before
        for shorter, ticket in enumerate(batch, start=1):
            assert shorter * (longest - ticket.cost) <= PASS_COST, "padded for more than a pass"
        below = [t.cost for t in self.waiting if t.key < batch[0].key]
        fits = min(ITEMS_MAX, max(1, COST_MAX // longest), len(batch) + len(below))
        if len(batch) < fits:
            saved = (fits - len(batch)) * (longest - max(below))
            assert saved > PASS_COST, "room was left for nothing"

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.batcher) == len(self.waiting)
        assert self.batcher.cost == sum(ticket.cost for ticket in self.waiting)


TestBatching = Batching.TestCase


def test_similar_lengths_share_a_batch() -> None:
    batcher: Batcher[int] = Batcher(items_max=2, cost_max=1000, pass_cost=1000)
    for cost in (10, 90, 11, 91):
        batcher.offer(cost, cost)
    assert [t.work for t in batcher.take()] == [10, 11]
    assert [t.work for t in batcher.take()] == [90, 91]


def test_one_long_item_does_not_pad_many_short_ones() -> None:
    batcher: Batcher[int] = Batcher(items_max=32, cost_max=8192, pass_cost=512)
    for cost in [20] * 31 + [256]:
        batcher.offer(cost, cost)
    assert [len(batcher.take()), len(batcher.take())] == [31, 1]
