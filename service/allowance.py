"""How often, and how many at once, a key may ask; counted in process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from service.errors import RateExceeded
from service.keys import Key

MINUTE_US = 60_000_000
AT_ONCE_RETRY_SECONDS = 1.0  # nobody knows when the next of the caller's own requests ends


class Allowance(Protocol):
    """Counts the requests of each key; one is in process, one in Redis."""

    async def take(self, key: Key) -> Callable[[], None]:
        """Take the place of one request; return what gives it back, to be called once.

        Raises:
            RateExceeded: the key has no place left, with when to try again.
        """
        ...

    async def close(self) -> None:
        """End what it does on the event loop."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one key may ask; 0 is any number.

    Args:
        per_minute: as a bucket of so many requests that refills evenly, in a minute: in any t
            seconds there are at most ``per_minute * (1 + t / 60)``.
    """

    per_minute: int = 0
    at_once: int = 0

    def of(self, key: Key) -> "Bounds":
        """Find a key's own bounds; what it does not state is as here."""
        per_minute, at_once = key.requests_per_minute, key.requests_at_once
        return Bounds(
            self.per_minute if per_minute is None else per_minute,
            self.at_once if at_once is None else at_once,
        )

    @property
    def interval_us(self) -> int:
        """Microseconds in which one request flows back; 0 where any number may come."""
        return -(-MINUTE_US // self.per_minute) if self.per_minute else 0

    def over_rate(self, key: Key, wait_us: float) -> RateExceeded:
        """Word the refusal of a request that comes too soon."""
        return RateExceeded(
            f"key {key.name!r} may make {self.per_minute} requests a minute and has made them; try "
            f"again in {wait_us / 1e6:.1f} s, or ask for a key that may make more",
            retry_after_seconds=wait_us / 1e6,
        )

    def over_places(self, key: Key) -> RateExceeded:
        """Word the refusal of one more request at once."""
        return RateExceeded(
            f"key {key.name!r} may make {self.at_once} requests at once and has so many under way; "
            "wait for one to end, or ask for a key that may make more",
            retry_after_seconds=AT_ONCE_RETRY_SECONDS,
        )


@dataclass(slots=True)
class _Use:
    """What a key has in use: places, and when its bucket is full again (GCRA's arrival time)."""

    places: int = 0
    full_us: int = 0


class LocalAllowance:
    """Counts in this process alone.

    Args:
        usual: of keys that state none.
        clock_us: microseconds that only grow.
    """

    def __init__(
        self, usual: Bounds, *, clock_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000
    ) -> None:
        self._usual, self._clock_us = usual, clock_us
        self._uses: dict[str, _Use] = {}  # no more than there were keys

    def bounds(self, key: Key) -> Bounds:
        """Find the bounds of a key."""
        return self._usual.of(key)

    async def take(self, key: Key) -> Callable[[], None]:
        """Take the place of one request, as the port has it."""
        self.begin(key)
        return lambda: self.end(key)

    async def close(self) -> None:
        """End nothing: it does nothing by itself."""

    def begin(self, key: Key) -> None:
        """Count a request that begins.

        Raises:
            RateExceeded: it may not.
        """
        bounds, now = self.bounds(key), self._clock_us()
        use = self._uses.setdefault(key.name, _Use())
        if bounds.at_once and use.places >= bounds.at_once:
            raise bounds.over_places(key)
        if interval := bounds.interval_us:
            full = max(use.full_us, now) + interval
            wait = full - now - interval * bounds.per_minute
            if wait > 0:
                raise bounds.over_rate(key, wait)
            use.full_us = full
        use.places += 1

    def end(self, key: Key) -> None:
        """Count a request that has ended."""
        self._uses[key.name].places -= 1

    def undo(self, key: Key) -> None:
        """Make a request that was begun never have been."""
        self.end(key)
        self._uses[key.name].full_us -= self.bounds(key).interval_us
