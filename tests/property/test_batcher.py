"""Every ticket leaves exactly once, within its bounds, and the oldest is never passed over."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from service.batcher import Batcher, Ticket

ITEMS_MAX, COST_MAX = 4, 40


class Batching(RuleBasedStateMachine):
    """Offers, cancels and takes in any order, against a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.batcher: Batcher[int] = Batcher(items_max=ITEMS_MAX, cost_max=COST_MAX)
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
        room = len(batch) < ITEMS_MAX
        fits = [t for t in self.waiting if max(t.cost, longest) * (len(batch) + 1) <= COST_MAX]
        beside = [t for t in fits if t.cost <= longest or t.cost >= longest]
        if room and beside:
            # Room was left although something fitted: only if what lies nearer did not fit.
            costs = sorted(t.cost for t in self.waiting)
            lower = [c for c in costs if c <= batch[0].cost]
            upper = [c for c in costs if c >= longest]
            stuck_below = not lower or longest * (len(batch) + 1) > COST_MAX
            stuck_above = not upper or upper[0] * (len(batch) + 1) > COST_MAX
            assert stuck_below and stuck_above

    @invariant()
    def nothing_is_lost(self) -> None:
        assert len(self.batcher) == len(self.waiting)
        assert self.batcher.cost == sum(ticket.cost for ticket in self.waiting)


TestBatching = Batching.TestCase


def test_similar_lengths_share_a_batch() -> None:
    batcher: Batcher[int] = Batcher(items_max=2, cost_max=1000)
    for cost in (10, 90, 11, 91):
        batcher.offer(cost, cost)
    assert [t.work for t in batcher.take()] == [10, 11]
    assert [t.work for t in batcher.take()] == [90, 91]
