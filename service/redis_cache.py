"""Embeddings in Redis, where other processes find them; its failures are counted and not told."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from service.cache_values import ValueDamaged, packed, unpacked
from service.call import Embedded
from service.metrics import Metrics
from service.redis_door import RedisAway, RedisDoor

if TYPE_CHECKING:
    from service.redis_door import Redis

PREFIX = b"semblance:embedding:"
ROWS_AT_ONCE = 128  # of one round trip: some milliseconds of this process's time
TRIPS_AT_ONCE = 4
WAITING_BYTES_MAX = 32 << 20  # of rows that wait to be written: 20 000 of 384 numbers
CLOSE_SECONDS_MAX = 1.0


class Trip:
    """Keys that several callers ask for in one round trip; no ``values`` is no answer."""

    def __init__(self) -> None:
        self.keys: dict[bytes, None] = {}
        self.values: dict[bytes, object] | None = None
        self.task: asyncio.Task[None]


class RedisCache:
    """Reads in one round trip, with who asks meanwhile; writes behind the caller's back.

    Args:
        seconds_max: age at which Redis forgets an embedding.
    """

    def __init__(self, door: RedisDoor, metrics: Metrics, *, seconds_max: int) -> None:
        self._door = door
        self._metrics = metrics
        self._seconds_max = seconds_max
        self._boarding: Trip | None = None
        self._trips = asyncio.Semaphore(TRIPS_AT_ONCE)
        self._waiting: deque[tuple[bytes, Embedded]] = deque()
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None

    async def get(self, keys: Sequence[bytes], dim: int) -> dict[bytes, Embedded]:
        """Find what Redis has of these keys; what it has wrong is as good as missing."""
        found: dict[bytes, Embedded] = {}
        for start in range(0, len(keys), ROWS_AT_ONCE):
            some = keys[start : start + ROWS_AT_ONCE]
            trip = self._board(some)
            await asyncio.wait({trip.task})  # which goes on when a caller leaves
            if trip.values is None:
                self._metrics.cache("redis", errors=1)
                break
            found |= self._checked(some, trip.values, dim)
        return found

    def put(self, entries: Mapping[bytes, Embedded]) -> None:
        """Have embeddings written soon, or dropped where too many wait already.

        Args:
            entries: with rows of their own, which nobody changes.
        """
        dropped = 0
        for key, embedded in entries.items():
            if self._waiting_bytes + embedded.row.nbytes > WAITING_BYTES_MAX:
                dropped += 1
                continue
            self._waiting.append((key, embedded))
            self._waiting_bytes += embedded.row.nbytes
        if dropped:
            self._metrics.cache("redis", errors=dropped)
        if self._waiting and (self._writer is None or self._writer.done()):
            self._writer = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Write what waits, within a second; then give it up."""
        if self._writer is not None and not self._writer.done():
            await asyncio.wait({self._writer}, timeout=CLOSE_SECONDS_MAX)
            self._writer.cancel()
            await asyncio.wait({self._writer})

    def _board(self, keys: Sequence[bytes]) -> Trip:
        trip = self._boarding
        if trip is None or len(trip.keys) + len(keys) > ROWS_AT_ONCE:
            trip = self._boarding = Trip()
            trip.task = asyncio.create_task(self._travel(trip))
        trip.keys.update(dict.fromkeys(keys))
        return trip

    async def _travel(self, trip: Trip) -> None:
        async with self._trips:  # who comes while others are on their way gets on board
            if self._boarding is trip:
                self._boarding = None
            try:
                values = await self._door.ask(partial(_read, list(trip.keys)))
            except RedisAway:
                return
        if isinstance(values, list) and len(values) == len(trip.keys):
            trip.values = dict(zip(trip.keys, values, strict=True))

    def _checked(
        self, keys: Sequence[bytes], values: Mapping[bytes, object], dim: int
    ) -> dict[bytes, Embedded]:
        found: dict[bytes, Embedded] = {}
        damaged = 0
        for key in keys:
            if values[key] is None:
                continue
            try:
                found[key] = unpacked(key, values[key], dim)
            except ValueDamaged:
                damaged += 1
        self._metrics.cache("redis", hits=len(found), misses=len(keys) - len(found), errors=damaged)
        return found

    async def _write(self) -> None:
        while self._waiting:
            some = list(islice(self._waiting, ROWS_AT_ONCE))
            for _, embedded in some:
                self._waiting.popleft()
                self._waiting_bytes -= embedded.row.nbytes
            try:
                replies = await self._door.ask(partial(_set, some, self._seconds_max))
            except RedisAway:
                self._waiting.clear()  # they can be embedded again
                self._waiting_bytes = 0
                self._metrics.cache("redis", errors=1)
            else:
                refused = len(some) - sum(reply is True for reply in replies)
                if refused:
                    self._metrics.cache("redis", errors=refused)


def _read(keys: Sequence[bytes], redis: "Redis") -> Awaitable[Any]:
    return redis.mget([_name(key) for key in keys])


def _set(
    entries: Sequence[tuple[bytes, Embedded]], seconds: int, redis: "Redis"
) -> Awaitable[list[Any]]:
    pipeline = redis.pipeline(transaction=False)
    for key, embedded in entries:
        pipeline.set(_name(key), packed(key, embedded), ex=seconds)
    return pipeline.execute(raise_on_error=False)  # full for one, it may have room for the next


def _name(key: bytes) -> bytes:
    return PREFIX + key.hex().encode()
