"""A call to Redis ends within its time, and a failing Redis is left alone; no network here."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import OutOfMemoryError

from service.breaker import Breaker
from service.metrics import Metrics
from service.redis_door import CONNECTIONS_MAX, RedisAway, RedisDoor, in_time
from tests.pace import PACE

if TYPE_CHECKING:
    from service.redis_door import Redis

URL = "redis://me:s3cret@127.0.0.1:1"


def door_of(metrics: Metrics | None = None, seconds: float = 0.02) -> RedisDoor:
    return RedisDoor(URL, timeout_seconds=seconds, metrics=metrics or Metrics())


def answering(value: object) -> "Callable[[Redis], Awaitable[Any]]":
    async def call(_: "Redis") -> object:
        if isinstance(value, Exception):
            raise value
        return value

    return call


async def never(_: "Redis") -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:6379",
        "http://localhost",
        "redis://:hunter2@h:port",
        "redis://:hun/ter2@host:6379",
        "redis://h?unknown=hunter2",
        "redis://h?db=hunter2",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match="redis://") as caught:
        RedisDoor(url, timeout_seconds=1, metrics=Metrics())
    assert "hun" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "url", ["redis://h", "redis://:p%40ss@h:1/3", "rediss://u:p@h", "unix:///tmp/r.sock?db=1"]
)
def test_addresses(url: str) -> None:
    RedisDoor(url, timeout_seconds=1, metrics=Metrics())


def test_the_answer_comes_through() -> None:
    assert asyncio.run(door_of().ask(answering([b"a", None]))) == [b"a", None]


@pytest.mark.parametrize(
    "error", [Broken("gone"), OSError(5, "x"), ValueError("not a number"), RecursionError()]
)
def test_after_a_failure_it_is_not_asked_again_for_a_while(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    door = door_of(metrics)
    now = 0.0
    door._breaker = Breaker(lambda: now)
    asked = 0

    async def counting(_: "Redis") -> None:
        nonlocal asked
        asked += 1
        raise error

    async def scene() -> None:
        nonlocal now
        for _ in range(5):
            with pytest.raises(RedisAway):
                await door.ask(counting)
        assert asked == 1
        assert b"semblance_redis_away 1.0" in metrics.text()
        now = 1.0
        with pytest.raises(RedisAway):
            await door.ask(counting)
        assert asked == 2
        now = 3.0
        assert await door.ask(answering(7)) == 7
        assert b"semblance_redis_away 0.0" in metrics.text()
        assert await door.ask(answering(8)) == 8

    with caplog.at_level("INFO"):
        asyncio.run(scene())
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_call_without_an_answer_ends_in_time() -> None:
    door = door_of(seconds=0.05)

    async def scene() -> None:
        started = time.monotonic()
        with pytest.raises(RedisAway):
            await door.ask(never)
        assert 0.04 < time.monotonic() - started < 0.5 * PACE
        started = time.monotonic()
        with pytest.raises(RedisAway):
            await door.ask(never)
        assert time.monotonic() - started < 0.04 * PACE

    asyncio.run(scene())


def test_a_burst_takes_turns_and_is_told_as_one() -> None:
    door = door_of(seconds=0.05)
    inside = most = 0

    async def stuck(_: "Redis") -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        try:
            await asyncio.Event().wait()
        finally:
            inside -= 1

    async def scene() -> None:
        started = time.monotonic()
        ends = await asyncio.gather(*(door.ask(stuck) for _ in range(2000)), return_exceptions=True)
        assert all(isinstance(end, RedisAway) for end in ends)
        assert time.monotonic() - started < 2 * PACE

    asyncio.run(scene())
    assert (most, inside) == (CONNECTIONS_MAX, 0)
    assert door._calls == 0


def test_waiting_for_a_turn_is_not_held_against_redis() -> None:
    door = door_of(seconds=0.05)

    async def slow(_: "Redis") -> int:
        await asyncio.sleep(0.02)
        return 1

    async def scene() -> None:
        ends = await asyncio.gather(
            *(door.ask(slow) for _ in range(CONNECTIONS_MAX * 6)), return_exceptions=True
        )
        assert {1} < {end if end == 1 else type(end) for end in ends}
        assert await door.ask(answering(2)) == 2

    asyncio.run(scene())


def test_where_others_are_answered_a_call_without_an_answer_proves_nothing() -> None:
    metrics = Metrics()
    door = door_of(metrics, seconds=0.05)

    async def scene() -> None:
        stuck = asyncio.create_task(door.ask(never))
        for _ in range(20):
            await asyncio.sleep(0.005)
            assert await door.ask(answering(1)) == 1
        with pytest.raises(RedisAway):
            await stuck
        assert b"semblance_redis_away 0.0" in metrics.text()
        await asyncio.sleep(0.06)
        with pytest.raises(RedisAway):
            await door.ask(never)
        assert b"semblance_redis_away 1.0" in metrics.text()

    asyncio.run(scene())


def test_a_held_up_event_loop_is_not_held_against_redis() -> None:
    async def scene() -> None:
        async def answer() -> int:
            await asyncio.sleep(0.03)
            return 1

        task = asyncio.ensure_future(in_time(answer(), 0.02))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        time.sleep(0.06)  # the loop comes late to both the answer and the end of the time
        assert await task == 1

    asyncio.run(scene())


def test_a_trial_whose_caller_leaves_makes_room_for_the_next() -> None:
    door = door_of(seconds=5)
    now = 0.0
    door._breaker = Breaker(lambda: now)

    async def scene() -> None:
        nonlocal now
        with pytest.raises(RedisAway):
            await door.ask(answering(Broken()))
        now = 1.0
        trial = asyncio.create_task(door.ask(never))
        await asyncio.sleep(0)
        with pytest.raises(RedisAway):
            await door.ask(answering(1))
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        assert await door.ask(answering(1)) == 1

    asyncio.run(scene())


def test_a_redis_that_answers_with_a_refusal_is_not_away(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    door = door_of(metrics)

    async def scene() -> None:
        assert await door.ask(answering(1)) == 1
        for _ in range(3):
            with pytest.raises(RedisAway):
                await door.ask(answering(OutOfMemoryError("maxmemory")))
            assert await door.ask(answering(1)) == 1
        assert b"semblance_redis_away 0.0" in metrics.text()

    asyncio.run(scene())
    assert len(caplog.records) == 1


def test_the_password_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    door = door_of()
    refusal = Broken("unknown command, with args beginning with: 'AUTH' 'me' 's3cret'")
    with pytest.raises(RedisAway):
        asyncio.run(door.ask(answering(refusal)))
    assert "127.0.0.1:1" in caplog.text
    assert "AUTH" in caplog.text
    assert "s3cret" not in caplog.text
