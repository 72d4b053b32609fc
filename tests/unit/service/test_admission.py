"""A call is taken whole or refused whole; what was taken is given back to the last token."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.admission import Admission, Place
from service.errors import DeadlineExceeded, Overloaded, OverShare


def admission(**changed: float) -> Admission:
    """Admit to a queue that drains 100 a second, of items that cost 10."""
    return Admission(
        "fake",
        queue_seconds_max=(changed.get("interactive", 1.0), changed.get("bulk", 4.0)),
        share=changed.get("share", 0.5),
        rate=100,
        item_cost=10,
    )


def test_what_a_call_brings_itself_does_not_count() -> None:
    queue = admission()
    queue.admit("anyone", 1000, bulk=False)
    with pytest.raises(Overloaded, match=r"100.0 s .* limit is 1 s \(SEMBLANCE_QUEUE_SEC"):
        queue.admit("anyone", 1, bulk=False)


def test_bulk_has_its_own_patience_and_waits_for_all() -> None:
    queue = admission()
    queue.admit("anyone", 30, bulk=False)
    queue.admit("anyone", 30, bulk=True)
    assert (queue.wait_seconds(bulk=False), queue.wait_seconds(bulk=True)) == (3, 6)
    with pytest.raises(Overloaded, match=r"6.0 s .* limit is 4 s \(SEMBLANCE_BULK_QUEUE_SEC"):
        queue.admit("anyone", 1, bulk=True)


def test_retry_after_is_when_the_queue_has_drained_to_half_its_limit() -> None:
    queue = admission()
    queue.admit("anyone", 60, bulk=False)
    with pytest.raises(Overloaded) as caught:
        queue.admit("anyone", 1, bulk=False)
    assert caught.value.retry_after_seconds == 6 - 0.5


def test_one_key_fills_no_more_than_its_share() -> None:
    queue = admission()
    queue.admit("greedy", 6, bulk=False)
    with pytest.raises(OverShare, match="key 'greedy'"):
        queue.admit("greedy", 1, bulk=False)
    queue.admit("modest", 1, bulk=False)


def test_callers_without_keys_are_not_one_caller() -> None:
    queue = admission()
    for _ in range(9):
        queue.admit("anyone", 1, bulk=False)


def test_a_deadline_before_its_turn_is_refused_at_once() -> None:
    queue = admission()
    queue.admit("anyone", 9, bulk=False)
    with pytest.raises(DeadlineExceeded):
        queue.admit("anyone", 1, bulk=False, seconds_left=0.8)
    queue.admit("anyone", 1, bulk=False, seconds_left=1.0)


def test_the_rate_follows_what_passes_show() -> None:
    queue = admission()
    for _ in range(100):
        queue.passed(cost=50, seconds=0.1, others_wait=True)
    assert queue.rate == pytest.approx(500, rel=0.01)
    for _ in range(100):
        queue.passed(cost=5, seconds=0.1, others_wait=False)
    assert queue.rate == pytest.approx(500, rel=0.01), "one item alone shows nothing"
    for _ in range(200):
        queue.passed(cost=50, seconds=1.0, others_wait=True)
    assert queue.rate == pytest.approx(50, rel=0.01)


def test_a_rate_believed_too_low_is_found_out_though_nothing_waits() -> None:
    queue = admission()
    queue.passed(cost=10, seconds=60.0, others_wait=True)  # the machine was suspended
    assert queue.rate > 60
    for _ in range(100):
        queue.passed(cost=100, seconds=0.1, others_wait=False)
    assert queue.rate == pytest.approx(1000, rel=0.01)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b"]),
            st.booleans(),
            st.lists(st.integers(0, 40), min_size=1, max_size=8),
            st.integers(0, 8),
        )
    )
)
def test_nothing_is_lost_and_nothing_is_kept(
    calls: list[tuple[str, bool, list[int], int]],
) -> None:
    queue = admission(interactive=math.inf, bulk=math.inf, share=1)
    places: list[tuple[Place, list[int], int]] = []
    held = 0
    for caller, bulk, costs, settled in calls:
        place = queue.admit(caller, len(costs), bulk=bulk)
        half = len(costs) // 2
        for some in (costs[:half], costs[half:]):
            if some:
                queue.decoded(place, len(some), sum(some))
        assert place.cost == sum(costs)
        for cost in costs[:settled]:
            queue.settled(place, cost)
        held += sum(costs[settled:])
        places.append((place, costs, settled))
    assert queue.wait_seconds(bulk=True) == pytest.approx(held / queue.rate)
    for place, _, _ in places:
        queue.leave(place)
    assert queue.idle
    assert not queue._held


def test_what_is_slow_to_decode_makes_others_wait_too() -> None:
    queue = admission(interactive=1.0)
    first = queue.admit("anyone", 1, bulk=False)
    for _ in range(1000):  # learned: a second an item, where a pass takes a hundredth
        first.undecoded += 1
        queue._undecoded[False] += 1
        queue.decoded(first, 1, 10, seconds=1.0)
    queue.leave(first)
    assert queue.wait_seconds(bulk=False) == 0
    waiting = queue.admit("anyone", 2, bulk=False)
    assert queue.wait_seconds(bulk=False) == pytest.approx(2.0, rel=0.01)
    with pytest.raises(Overloaded):
        queue.admit("anyone", 1, bulk=False)
    queue.decoded(waiting, 2, 20, seconds=2.0)
    queue.admit("anyone", 1, bulk=False)
    queue.leave(waiting)
