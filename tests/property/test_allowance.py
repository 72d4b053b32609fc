"""A key's requests stay within its bounds in any window, and nothing within them is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.allowance import MINUTE_US, Bounds, LocalAllowance
from service.errors import RateExceeded
from service.keys import Key


class Clock:
    """Microseconds that go on when told to."""

    def __init__(self) -> None:
        self.us = 5_000_000

    def __call__(self) -> int:
        return self.us


def key(name: str = "a", **stated: int) -> Key:
    return Key(name=name, sha256="0" * 64, **stated)


def began(allowance: LocalAllowance, one: Key) -> bool:
    try:
        allowance.begin(one)
    except RateExceeded:
        return False
    return True


def fits(admitted: list[int], now: int, per_minute: int) -> bool:
    """The law itself: in t seconds up to now, at most the bucket and what flows in meanwhile."""
    interval = -(-MINUTE_US // per_minute)
    windows = enumerate([*admitted, now])
    return all(
        len(admitted) + 1 - at <= per_minute + (now - start) // interval for at, start in windows
    )


waits = st.one_of(st.just(0), st.integers(1, 2_000_000), st.integers(1, 3 * MINUTE_US))


@given(st.integers(1, 12), st.lists(waits, max_size=60))
def test_a_request_is_admitted_exactly_where_no_window_holds_more(
    per_minute: int, gaps: list[int]
) -> None:
    clock = Clock()
    allowance = LocalAllowance(Bounds(per_minute), clock_us=clock)
    admitted: list[int] = []
    for gap in gaps:
        clock.us += gap
        fitting = fits(admitted, clock.us, per_minute)
        assert began(allowance, key()) == fitting
        admitted += [clock.us] * fitting
    for at, start in enumerate(admitted):
        minute = sum(start <= other < start + MINUTE_US for other in admitted[at:])
        assert minute < 2 * per_minute + 1


@given(st.integers(1, 1000), st.lists(waits, max_size=40))
def test_the_time_to_try_again_is_the_first_that_succeeds(per_minute: int, gaps: list[int]) -> None:
    clock = Clock()
    allowance = LocalAllowance(Bounds(per_minute), clock_us=clock)
    while began(allowance, key()):
        pass
    for gap in gaps:
        clock.us += gap
        try:
            allowance.begin(key())
        except RateExceeded as error:
            wait = round(error.retry_after_seconds * 1e6)
            assert 0 < wait <= -(-MINUTE_US // per_minute)
            clock.us += wait - 1
            assert not began(allowance, key())
            clock.us += 1
            assert began(allowance, key())


@given(st.integers(1, 1000))
def test_an_even_pace_at_the_bound_is_never_refused(per_minute: int) -> None:
    clock = Clock()
    allowance = LocalAllowance(Bounds(per_minute), clock_us=clock)
    for number in range(3 * per_minute):
        clock.us = 5_000_000 + number * MINUTE_US // per_minute
        assert began(allowance, key())


@given(st.integers(1, 5), st.lists(st.sampled_from(["begin", "end", "undo"]), max_size=60))
def test_never_more_at_once_than_the_bound(at_once: int, acts: list[str]) -> None:
    allowance = LocalAllowance(Bounds(at_once=at_once), clock_us=Clock())
    under_way = 0
    for act in acts:
        if act == "begin":
            assert began(allowance, key()) == (under_way < at_once)
            under_way = min(under_way + 1, at_once)
        elif under_way:
            (allowance.end if act == "end" else allowance.undo)(key())
            under_way -= 1


@given(st.integers(1, 50), st.integers(0, 50))
def test_what_is_undone_was_never_counted(per_minute: int, undone: int) -> None:
    clock = Clock()
    allowance = LocalAllowance(Bounds(per_minute), clock_us=clock)
    for _ in range(undone):
        allowance.begin(key())
        allowance.undo(key())
    assert sum(began(allowance, key()) for _ in range(2 * per_minute)) == per_minute


def test_a_request_refused_for_its_place_takes_none_of_the_rate() -> None:
    allowance = LocalAllowance(Bounds(per_minute=2, at_once=1), clock_us=Clock())
    allowance.begin(key())
    for _ in range(5):
        with pytest.raises(RateExceeded, match="1 requests at once"):
            allowance.begin(key())
    allowance.end(key())
    allowance.begin(key())
    allowance.end(key())
    with pytest.raises(RateExceeded, match="2 requests a minute"):
        allowance.begin(key())


def test_each_key_has_its_own_bounds_and_count() -> None:
    allowance = LocalAllowance(Bounds(per_minute=1), clock_us=Clock())
    generous = key("b", requests_per_minute=3)
    free = key("c", requests_per_minute=0)
    counts = [sum(began(allowance, one) for _ in range(9)) for one in (key(), generous, free)]
    assert counts == [1, 3, 9]


def test_a_place_is_given_back_by_what_was_returned() -> None:
    async def scene() -> None:
        allowance = LocalAllowance(Bounds(at_once=1))
        leave = await allowance.take(key())
        with pytest.raises(RateExceeded) as caught:
            await allowance.take(key())
        assert caught.value.retry_after_seconds >= 1
        leave()
        (await allowance.take(key()))()

    asyncio.run(scene())
