"""Who is about to find out what: so that equal questions at once are asked once."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from service.call import Outcome


class Flight:
    """What one call is finding out; ``outcomes`` holds what it knows once ``done`` is set.

    A key without an outcome then was given up: its caller left, or was refused.
    """

    def __init__(self, *, bulk: bool) -> None:
        self.bulk = bulk
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.outcomes: dict[bytes, Outcome] = {}


class Flights:
    """The flights under way, by key; for one event loop."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, Flight] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def to_follow(self, key: bytes, *, bulk: bool) -> Flight | None:
        """Find the flight to wait for; who is in a hurry does not wait for bulk."""
        flight = self._by_key.get(key)
        return None if flight is None or (flight.bulk and not bulk) else flight

    @contextmanager
    def leading(self, keys: Sequence[bytes], *, bulk: bool) -> Iterator[Flight]:
        """Lead a flight; however it ends, those who follow are told."""
        flight = Flight(bulk=bulk)
        for key in keys:
            if self.to_follow(key, bulk=bulk) is None:
                self._by_key[key] = flight
        try:
            yield flight
        finally:
            for key in keys:
                if self._by_key.get(key) is flight:
                    del self._by_key[key]
            flight.done.set_result(None)
