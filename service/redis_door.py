"""The one door to Redis: each call bounded in time, and a breaker after a failure."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

from service.metrics import Metrics

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")
AWAY_SECONDS = 1.0


class RedisAway(Exception):
    """Redis did not answer in time, failed, or is left alone for a while."""


class RedisDoor:
    """Calls Redis within a time; after a failure it is left alone for a while."""

    def __init__(self, url: str, *, timeout_seconds: float, metrics: Metrics) -> None:
        from redis.asyncio import Redis  # noqa: PLC0415 - most services start without
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        self._redis = Redis.from_url(url, retry=Retry(NoBackoff(), 0))
        self._failures = (RedisError, OSError, TimeoutError)
        self._timeout_seconds, self._metrics, self._away_until = timeout_seconds, metrics, 0.0

    async def ask(self, call: "Callable[[Redis], Awaitable[T]]") -> T:
        """Do one call with Redis within the timeout.

        Raises:
            RedisAway: at once while Redis is left alone, else after one bounded timeout.
        """
        if monotonic() < self._away_until:
            raise RedisAway
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await call(self._redis)
        except self._failures as error:
            self._away_until = monotonic() + AWAY_SECONDS
            self._metrics.redis_away(True)
            raise RedisAway from error
        self._metrics.redis_away(False)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
