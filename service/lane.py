"""The thread that owns one encoder: what callers bring is decoded, batched, embedded."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.modality import Features, Item, Role
from service.batcher import Batcher, Ticket
from service.errors import EncodeFailed, LaneDead, Overloaded, ServiceError
from service.metrics import Metrics
from service.ports import Encoder

log = logging.getLogger("semblance.lane")


@dataclass(frozen=True, slots=True)
class Embedded:
    """One item's embedding: its unit row ``(dim,)``, its cost, and whether it was cut short."""

    row: NDArray[np.float32]
    cost: int
    truncated: bool


Outcome = Embedded | InputError | ServiceError


@dataclass(slots=True)
class Call:
    """What one caller waits for: an outcome an item, and when each stage was reached."""

    outcomes: list[Outcome | None]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    waiting: int = 0
    decode_seconds: float = 0.0
    submitted_at: float = 0.0
    taken_at: float = 0.0
    settled_at: float = 0.0
    tickets: list[Ticket["Work"]] = field(default_factory=list)

    def settle(self, position: int, outcome: Outcome) -> None:
        """Record one outcome (on the lane's thread) and wake the caller after the last."""
        self.outcomes[position] = outcome
        self.settled_at = perf_counter()
        self.waiting -= 1
        if self.waiting == 0:
            try:
                self.loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                log.debug("caller's event loop closed before its answer was ready")

    def _wake(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


@dataclass(frozen=True, slots=True)
class Work:
    """One ticket's way back: whose it is, which position, and what to embed."""

    call: Call
    position: int
    features: Features


class Lane:
    """Batches across callers for one encoder; a failing item fails alone.

    Args:
        batch_items_max: items of one forward pass.
        batch_cost_max: padded cost of one forward pass.
        pass_cost: padding that one more forward pass is worth.
        queue_seconds_max: predicted wait beyond which work is refused.
        decoders: threads that turn items into features.
    """

    def __init__(
        self,
        encoder: Encoder,
        metrics: Metrics,
        *,
        batch_items_max: int,
        batch_cost_max: int,
        pass_cost: int,
        queue_seconds_max: float,
        decoders: int = 2,
    ) -> None:
        self.encoder = encoder
        self._metrics = metrics
        self._queue_seconds_max = queue_seconds_max
        self._batcher: Batcher[Work] = Batcher(
            items_max=batch_items_max, cost_max=batch_cost_max, pass_cost=pass_cost
        )
        self._wakeup = threading.Condition()
        self._closing = False
        self._alive = True
        self._in_hand: Sequence[Work] = []  # taken, and not settled yet
        self._cost_per_second = 0.0
        self.forward_at = perf_counter()  # opening an encoder replays its probe
        self._decoders = ThreadPoolExecutor(decoders, f"decode-{encoder.name}")
        self._thread = threading.Thread(target=self._run, name=f"lane-{encoder.name}", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread that embeds still runs."""
        return self._alive

    async def embed(
        self, items: Sequence[Item], *, role: Role | None = None, truncate: bool = True
    ) -> Call:
        """Embed the items; each gets an outcome of its own, in the order given.

        Raises:
            Overloaded: the queue is too long already; nothing was taken.
            LaneDead: the lane's thread has died.
        """
        self._admit()
        loop = asyncio.get_running_loop()
        call = Call([None] * len(items), loop, loop.create_future())
        started = perf_counter()
        decoded = await loop.run_in_executor(self._decoders, self._decode, items, role, truncate)
        call.submitted_at = perf_counter()
        call.decode_seconds = call.submitted_at - started
        self._submit(call, decoded)
        if call.waiting:
            try:
                await call.done
            except asyncio.CancelledError:
                self._cancel(call)
                raise
        return call

    def close(self, wait_seconds: float = 10.0) -> None:
        """Finish what waits, then stop the threads."""
        with self._wakeup:
            self._closing = True
            self._wakeup.notify_all()
        self._thread.join(wait_seconds)
        self._decoders.shutdown(wait=False, cancel_futures=True)

    def _admit(self) -> None:
        if not self._alive or self._closing:
            raise LaneDead(
                f"encoder {self.encoder.name!r} has stopped; the service needs a restart"
            )
        wait = self._batcher.cost / self._cost_per_second if self._cost_per_second else 0.0
        if wait > self._queue_seconds_max:
            raise Overloaded(
                f"{wait:.1f} s of work waits for encoder {self.encoder.name!r}; "
                f"the limit is {self._queue_seconds_max:g} s: try again later",
                retry_after_seconds=wait - self._queue_seconds_max / 2,
            )

    def _decode(
        self, items: Sequence[Item], role: Role | None, truncate: bool
    ) -> list[Features | InputError]:
        decoded: list[Features | InputError] = []
        for item in items:
            try:
                decoded.append(self.encoder.decode(item, role=role, truncate=truncate))
            except InputError as error:
                decoded.append(error)
        return decoded

    def _submit(self, call: Call, decoded: Sequence[Features | InputError]) -> None:
        with self._wakeup:
            if not self._alive:
                raise LaneDead(f"encoder {self.encoder.name!r} has stopped")
            for position, features in enumerate(decoded):
                if isinstance(features, InputError):
                    call.outcomes[position] = features
                    continue
                call.waiting += 1
                work = Work(call, position, features)
                call.tickets.append(self._batcher.offer(features.cost, work))
            self._metrics.queue(self.encoder.name, cost=self._batcher.cost, seconds=0, rate=0)
            self._wakeup.notify()

    def _cancel(self, call: Call) -> None:
        with self._wakeup:
            for ticket in call.tickets:
                self._batcher.cancel(ticket)
            self._metrics.queue(self.encoder.name, cost=self._batcher.cost, seconds=0, rate=0)

    def _run(self) -> None:
        try:
            while batch := self._next():
                self._in_hand = [ticket.work for ticket in batch]
                self._serve(self._in_hand)
                self._in_hand = []
        except BaseException:
            log.exception("lane of encoder %r died", self.encoder.name)
            raise
        finally:
            self._fail_waiting()

    def _next(self) -> list[Ticket[Work]]:
        with self._wakeup:
            while not len(self._batcher) and not self._closing:
                self._wakeup.wait()
            batch = self._batcher.take()
            self._metrics.queue(self.encoder.name, cost=self._batcher.cost, seconds=0, rate=0)
            return batch

    def _serve(self, batch: Sequence[Work]) -> None:
        started = perf_counter()
        for work in batch:
            work.call.taken_at = work.call.taken_at or started
        rows = self._forward(batch)
        seconds = perf_counter() - started
        cost = sum(work.features.cost for work in batch)
        rate = cost / max(seconds, 1e-6)
        self._cost_per_second = 0.8 * (self._cost_per_second or rate) + 0.2 * rate
        longest = max(work.features.cost for work in batch)
        self._metrics.batch(
            self.encoder.name,
            items=len(batch),
            fill=len(batch) / 32,
            cost=cost,
            padded=longest * len(batch),
            seconds=seconds,
        )
        for work, row in zip(batch, rows, strict=True):
            outcome: Outcome
            if isinstance(row, ServiceError):
                outcome = row
            else:
                outcome = Embedded(row, work.features.cost, work.features.truncated)
            work.call.settle(work.position, outcome)

    def _forward(self, batch: Sequence[Work]) -> list[NDArray[np.float32] | EncodeFailed]:
        """Embed a batch; when it fails, embed each item by itself so that one fails alone."""
        try:
            rows = self.encoder.forward([work.features for work in batch])
            if not np.isfinite(rows).all():
                raise FloatingPointError("the encoder gave a row that is not finite")
        except Exception:
            if len(batch) > 1:
                log.warning("a batch of %d failed; its items are tried one by one", len(batch))
                return [row for work in batch for row in self._forward([work])]
            log.exception("encoder %r failed on one item", self.encoder.name)
            self._metrics.encode_failed(self.encoder.name)
            return [EncodeFailed(f"encoder {self.encoder.name!r} could not embed this item")]
        self.forward_at = perf_counter()
        return list(rows)

    def _fail_waiting(self) -> None:
        with self._wakeup:
            self._alive = False
            dead = LaneDead(f"encoder {self.encoder.name!r} has stopped")
            for work in self._in_hand:
                if work.call.outcomes[work.position] is None:
                    work.call.settle(work.position, dead)
            while batch := self._batcher.take():
                for ticket in batch:
                    ticket.work.call.settle(ticket.work.position, dead)
