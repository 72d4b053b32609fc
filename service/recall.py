"""Embeddings remembered: in process, then in Redis, and equal items at once embedded once."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from time import monotonic

from models.errors import InputError
from models.modality import Item
from service.asking import Asking
from service.cache_keys import Form, content_size, keys_of
from service.call import Embedded, Outcome
from service.errors import DeadlineExceeded, EncodeFailed
from service.flights import Flights
from service.lru import Lru, own
from service.metrics import Metrics
from service.redis_cache import RedisCache
from service.threads import off_loop

Embed = Callable[[Sequence[Item]], Awaitable[Sequence[Outcome]]]

# Beyond either, hashing or copying would hold the event loop up for a millisecond.
INLINE_ITEMS = 256
INLINE_CONTENT = 256 << 10


class Recall:
    """Finds embeddings that were made before, and has the others made.

    Args:
        bytes_max: bytes of embeddings kept in process.
        redis: what other processes share; None where there is none.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        bytes_max: int,
        redis: RedisCache | None = None,
    ) -> None:
        self._metrics = metrics
        self._lru = Lru(bytes_max)
        self._redis = redis
        self._flights = Flights()

    async def outcomes(
        self,
        items: Sequence[Item],
        form: Form,
        asking: Asking,
        embed: Embed,
        *,
        bulk: bool,
    ) -> list[Outcome]:
        """Find or make the outcome of each item, in the order given.

        Args:
            embed: makes what is not found; what it raises is this caller's alone.
            bulk: whether what others ask goes first, and so is not made to wait for this.

        Raises:
            DeadlineExceeded: somebody else's equal item took too long for this caller.
        """
        long = len(items) > INLINE_ITEMS or content_size(items) > INLINE_CONTENT
        keys = await off_loop(partial(keys_of, items, form), long=long)
        wanted = dict(zip(keys, items, strict=True))
        found: dict[bytes, Outcome] = dict(self._kept(wanted))
        hits = len(found) if len(wanted) == len(keys) else sum(key in found for key in keys)
        misses = len(wanted) - len(found)
        self._metrics.cache("process", hits=hits, misses=misses)
        if misses:
            self._metrics.cache_shared(len(keys) - hits - misses)
        while len(found) < len(wanted):
            missing = [key for key in wanted if key not in found]
            followed = {
                key: flight
                for key in missing
                if (flight := self._flights.to_follow(key, bulk=bulk)) is not None
            }
            if led := {key: wanted[key] for key in missing if key not in followed}:
                found |= await self._lead(led, form, embed, bulk=bulk)
            if followed:
                await _landed({flight.done for flight in followed.values()}, asking.deadline)
                # What is not among them was given up by its leader, and is led anew.
                told = {
                    key: flight.outcomes[key]
                    for key, flight in followed.items()
                    if key in flight.outcomes
                }
                self._metrics.cache_shared(len(told))
                found |= told
        return [found[key] for key in keys]

    async def close(self) -> None:
        """Give up, within a second, what is not written to Redis yet."""
        if self._redis is not None:
            await self._redis.close()

    def _kept(self, keys: Iterable[bytes]) -> dict[bytes, Embedded]:
        get = self._lru.get
        return {key: kept for key in keys if (kept := get(key)) is not None}

    async def _lead(
        self, wanted: Mapping[bytes, Item], form: Form, embed: Embed, *, bulk: bool
    ) -> dict[bytes, Outcome]:
        """Find in Redis, or embed, what nobody else is about to."""
        found: dict[bytes, Outcome] = {}
        keys = list(wanted)
        if self._redis is not None:
            with self._flights.leading(keys, bulk=bulk) as flight:
                known = await self._redis.get(keys, form.dim)
                self._keep(known)
                flight.outcomes |= known
            found |= known
            keys = [key for key in keys if key not in known]
            if not keys:
                return found
        # Nobody who followed has woken up yet: they find the flight that now begins.
        with self._flights.leading(keys, bulk=bulk) as flight:
            made = dict(zip(keys, await embed([wanted[key] for key in keys]), strict=True))
            flight.outcomes |= {key: one for key, one in made.items() if _is_of_item(one)}
            await self._remember(made)
        return found | made

    async def _remember(self, made: Mapping[bytes, Outcome]) -> None:
        embedded = {key: one for key, one in made.items() if isinstance(one, Embedded)}
        copy = partial(_owned, embedded)
        owned = await off_loop(copy, long=len(embedded) > INLINE_ITEMS)
        self._keep(owned)
        if self._redis is not None:
            self._redis.put(owned)

    def _keep(self, entries: Mapping[bytes, Embedded]) -> None:
        evicted = sum(self._lru.put(key, embedded) for key, embedded in entries.items())
        self._metrics.cache_size(self._lru.size_bytes, evicted=evicted)


def _owned(entries: Mapping[bytes, Embedded]) -> dict[bytes, Embedded]:
    return {key: own(embedded) for key, embedded in entries.items()}


def _is_of_item(outcome: Outcome) -> bool:
    """Tell an outcome that any caller would have had from one of this caller's circumstances."""
    return isinstance(outcome, Embedded | InputError | EncodeFailed)


async def _landed(flights: set["asyncio.Future[None]"], deadline: float) -> None:
    """Wait for flights that others lead.

    Raises:
        DeadlineExceeded: they take longer than this caller waits.
    """
    seconds = None if math.isinf(deadline) else max(0.0, deadline - monotonic())
    _, waiting = await asyncio.wait(flights, timeout=seconds)
    if waiting:
        raise DeadlineExceeded(
            "an equal item of another call was not embedded before this call's deadline; ask for "
            "a longer one in x-deadline-ms, or send less at once"
        )
