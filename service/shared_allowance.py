"""How often, and how many at once, a key may ask of all servers together; counted in Redis."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any
from uuid import uuid4

from service.allowance import LocalAllowance
from service.keys import Key
from service.redis_door import RedisAway, RedisDoor

LEASE_SECONDS = 30.0  # a killed server holds its places so long; a living one renews them

# Time is that of Redis, in microseconds: servers' clocks differ. Nothing is taken by half.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local at_once, lease = tonumber(ARGV[3]), tonumber(ARGV[4])
if at_once > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
  if redis.call('ZCARD', KEYS[2]) >= at_once then return {1, 0} end
end
if interval > 0 then
  local full = tonumber(redis.call('GET', KEYS[1]) or now)
  full = math.max(now, math.min(full, now + interval * burst)) + interval
  local wait = full - now - interval * burst
  if wait > 0 then return {2, wait} end
  redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
end
if at_once > 0 then
  redis.call('ZADD', KEYS[2], now + lease, ARGV[5])
  redis.call('PEXPIRE', KEYS[2], math.ceil(lease / 1000))
end
return {0, 0}
"""
_PLACES_TAKEN = 1
_RENEW = """
local time = redis.call('TIME')
local until_us = time[1] * 1000000 + time[2] + ARGV[1]
for at = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', until_us, ARGV[at]) end
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[1] / 1000))
return 0
"""


class SharedAllowance:
    """Counts in Redis; and in process along with it, which holds where Redis is away.

    A bound that this server's own requests exceed is exceeded for all: Redis is not asked then, nor
    for keys without bounds.

    Args:
        lease_seconds: how long a place is held that nobody gives back or renews.
    """

    def __init__(
        self, local: LocalAllowance, door: RedisDoor, *, lease_seconds: float = LEASE_SECONDS
    ) -> None:
        self._local, self._door, self._lease_seconds = local, door, lease_seconds
        self._lease_us = int(lease_seconds * 1e6)
        self._server, self._numbers = uuid4().hex, count()
        self._held: dict[str, str] = {}  # places, and the set that each stands in
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def take(self, key: Key) -> Callable[[], None]:
        """Take the place of one request, as the port has it."""
        bounds = self._local.bounds(key)
        self._local.begin(key)
        if not bounds.per_minute and not bounds.at_once:
            return lambda: self._local.end(key)
        minute, places = (f"semblance:{{{key.name}}}:{what}" for what in ("minute", "places"))
        place = f"{self._server}:{next(self._numbers)}"
        asked = (bounds.interval_us, bounds.per_minute, bounds.at_once, self._lease_us, place)
        try:
            over, wait_us = await self._eval(_TAKE, [minute, places], asked)
        except RedisAway:  # it may have been heard all the same: the place is given back later
            over, wait_us = 0, 0
        except BaseException:
            self._local.end(key)
            raise
        if over:
            self._local.undo(key)
            if over == _PLACES_TAKEN:
                raise bounds.over_places(key)
            raise bounds.over_rate(key, wait_us)
        if bounds.at_once:
            self._hold(place, places)

        def leave() -> None:
            self._local.end(key)
            if self._held.pop(place, None):
                self._start(self._give_back(place, places))

        return leave

    async def close(self) -> None:
        """Give back what is being given back; places still held end with their lease."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _hold(self, place: str, places: str) -> None:
        self._held[place] = places
        if self._renewing is None or self._renewing.done():
            self._renewing = self._start(self._renew())

    async def _renew(self) -> None:
        while self._held:
            await asyncio.sleep(self._lease_seconds / 3)
            sets = defaultdict(list)
            for place, places in self._held.items():
                sets[places].append(place)
            for places, held in sets.items():
                asked = (self._lease_us, *held)
                with suppress(RedisAway):
                    await self._eval(_RENEW, [places], asked)

    async def _give_back(self, place: str, places: str) -> None:
        with suppress(RedisAway):  # then the lease ends by itself
            await self._door.ask(lambda redis: redis.zrem(places, place))

    async def _eval(self, script: str, keys: list[str], asked: tuple[Any, ...]) -> Any:
        return await self._door.ask(lambda redis: redis.eval(script, len(keys), *keys, *asked))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop itself keeps no hold of it
        task.add_done_callback(self._tasks.discard)
        return task
