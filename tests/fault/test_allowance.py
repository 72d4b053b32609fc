"""Servers that share a Redis keep one rate together; Redis away, each keeps its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.allowance import Bounds, LocalAllowance
from service.errors import RateExceeded
from service.key_file import add_key
from service.keys import Key
from service.metrics import Metrics
from service.redis_door import RedisAway, RedisDoor
from service.shared_allowance import SharedAllowance
from tests.redis_server import RedisServer
from tests.server import Server

Servers = list[SharedAllowance]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


def key(**stated: Any) -> Key:
    return Key(name="a", sha256="0" * 64, **stated)


def play(
    redis: RedisServer,
    scene: Callable[[Servers], Awaitable[None]],
    servers: int = 2,
    **lease: float,
) -> None:
    """Act a scene with the allowances of servers that share a Redis."""

    async def played() -> None:
        doors = [
            RedisDoor(redis.url, timeout_seconds=2.0, metrics=Metrics()) for _ in range(servers)
        ]
        await scene([SharedAllowance(LocalAllowance(Bounds()), door, **lease) for door in doors])
        for door in doors:
            await door.close()

    asyncio.run(played())


async def taken(allowance: SharedAllowance, one: Key) -> Callable[[], None] | None:
    try:
        return await allowance.take(one)
    except RateExceeded as error:
        assert error.retry_after_seconds > 0
        return None


async def count(one: Key, *allowances: SharedAllowance) -> int:
    return sum([await taken(each, one) is not None for each in allowances])


def test_two_servers_keep_one_rate_together(redis: RedisServer) -> None:
    async def scene(two: Servers) -> None:
        one = key(requests_per_minute=30)
        assert await count(one, *two * 40) == 30
        with pytest.raises(RateExceeded) as caught:
            await two[1].take(one)
        assert 0 < caught.value.retry_after_seconds <= 2
        await asyncio.sleep(caught.value.retry_after_seconds)
        assert await count(one, *two * 2) == 1, "what has flowed back is shared as well"

    play(redis, scene)


def test_calls_at_the_same_time_find_no_gap(redis: RedisServer) -> None:
    async def scene(two: Servers) -> None:
        one = key(requests_per_minute=20, requests_at_once=10)
        calls = [taken(two[number % 2], one) for number in range(80)]
        leaves = [leave for leave in await asyncio.gather(*calls) if leave]
        assert len(leaves) == 10
        for leave in leaves:
            leave()
        await asyncio.sleep(0.1)
        calls = [taken(two[number % 2], one) for number in range(80)]
        assert sum(leave is not None for leave in await asyncio.gather(*calls)) == 10

    play(redis, scene)


def test_a_place_given_back_is_free_for_the_other_server(redis: RedisServer) -> None:
    async def scene(two: Servers) -> None:
        one = key(requests_at_once=1)
        for each in two * 20:
            leave = await each.take(one)
            assert await count(one, *two) == 0
            leave()
            await asyncio.sleep(0.02)

    play(redis, scene)


def test_a_killed_server_holds_its_places_for_a_lease_and_a_living_one_as_long_as_it_needs(
    redis: RedisServer,
) -> None:
    async def scene(servers: Servers) -> None:
        dead, living, other = servers
        one = key(requests_at_once=2)
        await dead.take(one)
        assert dead._renewing is not None
        dead._renewing.cancel()  # as a kill would
        leave = await living.take(one)
        assert await count(one, other) == 0
        await asyncio.sleep(0.7)
        free = await other.take(one)  # the dead one's place, and no more
        assert await count(one, other) == 0
        free()
        await asyncio.sleep(0.7)
        free = await other.take(one)
        assert await count(one, other) == 0, "the living one has its place still"
        leave()
        await asyncio.sleep(0.05)
        assert await count(one, other) == 1

    play(redis, scene, servers=3, lease_seconds=0.5)


def test_a_renewal_that_comes_after_the_end_brings_no_place_back(redis: RedisServer) -> None:
    async def scene(servers: Servers) -> None:
        one, allowance = key(requests_at_once=1), servers[0]
        leave = await allowance.take(one)
        await asyncio.sleep(0.05)  # the renewal has begun to wait
        held = dict(allowance._held)
        leave()
        await asyncio.sleep(0.05)
        allowance._held |= held  # as the renewal under way sees it
        await asyncio.sleep(0.3)
        assert await count(one, servers[1]) == 1

    play(redis, scene, lease_seconds=0.6)


def test_what_redis_refuses_is_not_counted_here(redis: RedisServer) -> None:
    async def scene(two: Servers) -> None:
        one = key(requests_per_minute=4, requests_at_once=4)
        for _ in range(4):
            (await two[0].take(one))()
        await asyncio.sleep(0.05)
        assert await count(one, *[two[1]] * 4) == 0
        redis.kill()
        # Of its own four it has had none: they are all there, and no more.
        assert await count(one, *[two[1]] * 9) == 4

    play(redis, scene)


def test_keys_without_bounds_and_refusals_of_ones_own_ask_nothing(redis: RedisServer) -> None:
    class Closed:
        asked = 0

        async def ask(self, _: object) -> object:
            self.asked += 1
            raise RedisAway

    async def scene() -> None:
        door: Any = Closed()
        allowance = SharedAllowance(LocalAllowance(Bounds()), door)
        for _ in range(5):
            (await allowance.take(key()))()
        assert door.asked == 0
        assert await count(key(requests_per_minute=2), *[allowance] * 9) == 2
        assert door.asked == 2

    asyncio.run(scene())


def test_a_request_that_is_cut_while_it_asks_leaves_nothing(redis: RedisServer) -> None:
    async def scene(two: Servers) -> None:
        one = key(requests_at_once=1)
        redis.pause()
        asking = asyncio.create_task(two[0].take(one))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        redis.kill()
        assert await count(one, two[0]) == 1

    play(redis, scene)


def models(server: Server, token: str) -> httpx.Response:
    return httpx.get(f"{server.url}/v1/models", headers={"authorization": f"Bearer {token}"})


def flowed_back(began: float) -> int:
    """How many of ten a minute came back since."""
    return int((time.monotonic() - began) / 6)


def test_servers_keep_the_bound_with_redis_and_without(redis: RedisServer, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    bound = add_key(keys, "bound", requests_per_minute=10)
    other = add_key(keys, "other")
    flags = ("--keys-file", str(keys), "--redis-url", redis.url, "--redis-timeout-seconds", "1")
    with Server(tmp_path / "1", *flags) as one, Server(tmp_path / "2", *flags) as two:
        began = time.monotonic()
        statuses = [models(server, bound).status_code for server in (one, two) * 12]
        assert 10 <= statuses.count(200) <= 11 + flowed_back(began)
        assert set(statuses) == {200, 429}
        refused = models(one, bound)
        assert refused.json()["error"]["code"] == "rate_exceeded"
        assert 1 <= int(refused.headers["retry-after"]) <= 6
        redis.kill()
        statuses = [models(server, bound).status_code for server in (one, two) * 24]
        assert set(statuses) == {200, 429}
        # Each goes on from what it has counted itself: no more than its bucket in all.
        assert statuses.count(200) <= 12 + 2 * flowed_back(began)
        assert all(models(server, other).status_code == 200 for server in (one, two) * 5)
