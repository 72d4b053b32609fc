"""The one door to Redis: a bounded time for each call, and a breaker for when it is away."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from service.breaker import Breaker
from service.metrics import Metrics

if TYPE_CHECKING:
    from redis.asyncio import Redis as Redis  # noqa: PLC0414 - for those who write calls

log = logging.getLogger("semblance.redis")
T = TypeVar("T")
CONNECTIONS_MAX = 16  # each answers in less than a millisecond
CALLS_MAX = 5 * CONNECTIONS_MAX  # at once, those among them that wait for a connection
CLOSE_SECONDS_MAX = 1.0
TOLD_EVERY_SECONDS = 60.0
# What a server that speaks no Redis makes of the client's parser, beside the client's own errors.
GARBLED = (OSError, EOFError, ValueError, TypeError, RecursionError, MemoryError)


class RedisAway(Exception):
    """Redis did not answer in time, or not as Redis does, or is left alone for a while."""


class RedisDoor:
    """Calls Redis within a time; after a failure it is left alone for a while.

    Args:
        timeout_seconds: for one call: waiting for a connection, making it, asking, and reading.

    Raises:
        ValueError: the address is none. It is not repeated: it may hold a password.
    """

    def __init__(self, url: str, *, timeout_seconds: float, metrics: Metrics) -> None:
        # Here, for it takes 60 ms, and most services start without Redis.
        from redis.exceptions import RedisError, ResponseError  # noqa: PLC0415

        self._failures = (RedisError, *GARBLED)
        self._refusal = ResponseError
        try:
            self._redis, options = _client(url)
        except (ValueError, TypeError, RedisError):
            raise ValueError(
                "this is no address of a Redis; write redis://[:password@]host[:port][/number], "
                "rediss://... for TLS, or unix:///path; percent-encode what is special in a "
                "password"
            ) from None
        self._where = options.get("path") or (
            f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
        )
        self._secret = str(options.get("password", ""))
        self._timeout_seconds = timeout_seconds
        self._metrics = metrics
        self._breaker = Breaker()
        self._turns = asyncio.Semaphore(CONNECTIONS_MAX)
        self._calls = 0
        self._heard_at: float | None = None  # when it last answered anybody
        self._told_at = -TOLD_EVERY_SECONDS

    async def ask(self, call: "Callable[[Redis], Awaitable[T]]") -> T:
        """Do one call with Redis.

        Raises:
            RedisAway: at once while Redis is left alone or too many ask, else within the timeout.
                Never retried.
        """
        if self._calls >= CALLS_MAX:
            raise RedisAway(f"{CALLS_MAX} calls wait for Redis already")
        trial = self._breaker.open
        if not self._breaker.admits():
            raise self._left_alone()
        asked_at: list[float] = []

        async def asking() -> T:
            async with self._turns:
                if self._breaker.open and not trial:  # it opened while this call waited
                    raise self._left_alone()
                asked_at.append(monotonic())
                if trial:  # on a connection of its own: what is idle may be cut off in silence
                    await self._redis.connection_pool.disconnect(inuse_connections=False)
                return await call(self._redis)

        self._calls += 1
        try:
            answer = await in_time(asking(), self._timeout_seconds)
        except TimeoutError as error:
            if asked_at and self._is_silent(since=asked_at[0]):
                self._failed(error, trial=trial)
            raise RedisAway(f"no answer from Redis in {self._timeout_seconds:g} s") from error
        except self._failures as error:
            if isinstance(error, self._refusal) and self._heard_at is not None:
                self._refused(error, trial=trial)
            else:
                self._failed(error, trial=trial)
            raise RedisAway(f"Redis failed: {type(error).__name__}") from error
        finally:
            self._calls -= 1
            self._breaker.ended(trial=trial)
        self._succeeded(trial=trial)
        return answer

    async def close(self) -> None:
        """Close the connections, within a second."""
        with suppress(*self._failures):
            async with asyncio.timeout(CLOSE_SECONDS_MAX):
                await self._redis.connection_pool.disconnect()
                await asyncio.sleep(0)  # a connection that was cut off ends with the loop's turn

    def _is_silent(self, *, since: float) -> bool:
        """Tell whether a call that ran out of time since then proves that Redis is away.

        Not where it had waited for its turn most of the time, nor where others are answered: under
        a burst it is this process that is late.
        """
        now = monotonic()
        heard_at = -math.inf if self._heard_at is None else self._heard_at
        return now - since >= self._timeout_seconds / 2 and now - heard_at >= self._timeout_seconds

    def _succeeded(self, *, trial: bool) -> None:
        self._heard_at = monotonic()
        if self._breaker.succeeded(trial=trial):
            self._metrics.redis_away(False)
            log.info("Redis at %s answers again", self._where)

    def _failed(self, error: BaseException, *, trial: bool) -> None:
        if self._breaker.failed(trial=trial):
            self._metrics.redis_away(True)
            log.warning(
                "Redis at %s is left alone until it answers; the service goes on without: %s",
                self._where,
                self._words(error),
            )

    def _refused(self, error: BaseException, *, trial: bool) -> None:
        """Hear that Redis answers, and refuses: full, read only, not allowed. It is not away."""
        self._succeeded(trial=trial)
        if monotonic() - self._told_at >= TOLD_EVERY_SECONDS:
            self._told_at = monotonic()
            log.warning("Redis at %s refuses a call: %s", self._where, self._words(error))

    def _left_alone(self) -> RedisAway:
        return RedisAway("Redis is left alone for a while, after a failure")

    def _words(self, error: BaseException) -> str:
        """Tell an error without the password, which some servers repeat."""
        words = f"{type(error).__name__}: {error}" if str(error) else "no answer in time"
        return (words.replace(self._secret, "***") if self._secret else words)[:200]


async def in_time(work: Awaitable[T], seconds: float) -> T:
    """Await work for so long, and once more where it was this process that was late.

    Raises:
        TimeoutError: it took longer, and was ended.
    """
    task = asyncio.ensure_future(work)
    try:
        for _ in range(2):
            begun = monotonic()
            await asyncio.wait({task}, timeout=seconds)
            if task.done():
                return task.result()
            if monotonic() - begun < 1.25 * seconds:
                break
            # The event loop was held up: the answer may have come, and lie unread.
        raise TimeoutError
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _client(url: str) -> "tuple[Redis, dict[str, Any]]":
    """Make a client of an address, without any input or output, and tell what the address says."""
    from redis.asyncio import ConnectionPool, Redis  # noqa: PLC0415 - late, as above
    from redis.asyncio.connection import parse_url  # noqa: PLC0415
    from redis.asyncio.retry import Retry  # noqa: PLC0415
    from redis.backoff import NoBackoff  # noqa: PLC0415

    options: dict[str, Any] = {
        **parse_url(url),
        "max_connections": CONNECTIONS_MAX,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # no greeting to wait for
        "driver_info": None,
        "decode_responses": False,
        "socket_timeout": None,  # the time of a call is measured here, all in all
        "socket_connect_timeout": None,
    }
    pool = ConnectionPool(**options)
    pool.connection_class(**pool.connection_kwargs)  # an unknown option shows here only
    return Redis(connection_pool=pool), options
