"""The way into one encoder: admitted, decoded, queued; what becomes of it is the runners' work."""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic

from models.errors import InputError
from models.modality import Features, Item, Role
from service.admission import Admission
from service.asking import Asking
from service.batching import Batching
from service.call import Call, Outcome, Work, wake
from service.errors import CallTooLarge, EncodeFailed
from service.metrics import Metrics
from service.ports import Encoder
from service.runners import Runners, dead
from service.settings import Settings

log = logging.getLogger("semblance.lane")
SLICE_SECONDS = 0.02  # of decoding, after which what is decoded is queued and others have a turn
SHORT_CHARACTERS = 1000
JOIN_SECONDS = 1.0


def measured_rate(encoder: Encoder, batching: Batching) -> float:
    """Measure the cost per second of a whole batch, so that waits can be predicted."""
    sample = encoder.decode(encoder.sample)
    batch = [sample] * max(1, min(batching.items_max, batching.cost_max // sample.cost))
    feeds = encoder.collate(batch)
    started = monotonic()
    encoder.run(feeds)
    return sum(one.cost for one in batch) / max(monotonic() - started, 1e-6)


def is_short(items: Sequence[Item]) -> bool:
    """Tell that the items are one short text, decoded in a tenth of a millisecond."""
    content = items[0].content if len(items) == 1 else b""
    return isinstance(content, str) and len(content) <= SHORT_CHARACTERS


class Lane:
    """Batches across callers for one encoder; a failing item fails alone.

    Args:
        rate: cost per second of a whole batch, measured when the encoder was opened.
        decoders: threads that turn items into features.
    """

    def __init__(
        self,
        encoder: Encoder,
        metrics: Metrics,
        settings: Settings,
        *,
        rate: float = 1e5,
        batching: Batching,
        decoders: int = 2,
    ) -> None:
        self.encoder = encoder
        self._metrics = metrics
        self.call_cost_max = batching.call_cost_max
        self._admission = Admission(
            encoder.name,
            queue_seconds_max=(settings.queue_seconds_max, settings.bulk_queue_seconds_max),
            share=settings.caller_share,
            rate=rate,
            item_cost=max(encoder.cost_min, encoder.cost_max / 8),  # until some were decoded
            decoders=decoders,
        )
        self._runners = Runners(encoder, metrics, batching, self._admission)
        self._decoders = ThreadPoolExecutor(decoders, f"decode-{encoder.name}")
        self._calls: set[Call] = set()  # not answered yet
        self._closing = False

    @property
    def alive(self) -> bool:
        """Whether a thread that embeds runs, and work is taken."""
        return self._runners.alive and not self._closing

    @property
    def idle(self) -> bool:
        """Whether nothing is admitted that is not answered."""
        return not self._calls

    @property
    def forward_at(self) -> float:
        """When a forward pass last succeeded, by ``time.monotonic``."""
        return self._runners.forward_at

    async def embed(
        self,
        items: Sequence[Item],
        *,
        asking: Asking,
        bulk: bool = False,
        role: Role | None = None,
        truncate: bool = True,
    ) -> Call:
        """Embed the items; each gets an outcome of its own, in the order given.

        Args:
            bulk: whether what others ask goes first.

        Raises:
            Overloaded: too much waits already (`OverShare`: of this caller); nothing was taken.
            DeadlineExceeded: the call cannot be answered in time.
            CallTooLarge: the items cost more together than one call may.
            LaneDead: the lane's threads have died or been told to end.
        """
        call = self._admitted(len(items), asking, bulk=bulk)
        try:
            if items:
                # The way through a thread would take longer than to decode a short text.
                decode = self._decode if is_short(items) else self._decode_later
                decode(call, items, role, truncate)
                await call.done
        finally:
            self._leave(call)
        return call

    def close(self, wait_seconds: float = 10.0) -> None:
        """Finish what was admitted, in the time there is; then tell who waits, and stop.

        Called on another thread than that of the callers' event loop.
        """
        lock = self._runners.lock
        with lock:
            self._closing = True
            lock.wait_for(lambda: self.idle, wait_seconds)
        self._decoders.shutdown(wait=False, cancel_futures=True)
        for call in list(self._calls):
            self._runners.cancel(call)
            call.fail(dead(self.encoder.name))
        self._runners.end(JOIN_SECONDS)

    # On the caller's event loop

    def _admitted(self, items: int, asking: Asking, *, bulk: bool) -> Call:
        loop = asyncio.get_running_loop()
        if not self._runners.alive:
            self._runners.revive()
        with self._runners.lock:
            if not self.alive:
                raise dead(self.encoder.name)
            left = asking.deadline - monotonic()
            place = self._admission.admit(asking.caller, items, bulk=bulk, seconds_left=left)
            done = loop.create_future()
            call = Call([None] * items, place, asking.deadline, loop, done, left=items)
            self._calls.add(call)
        return call

    def _leave(self, call: Call) -> None:
        """Give up what a caller who has left did not get, and the place of one who got all."""
        if call.left:
            self._runners.cancel(call)
        call.tickets.clear()
        with self._runners.lock:
            self._calls.discard(call)
            self._admission.leave(call.place)
            if self._closing:
                self._runners.lock.notify_all()
        self._runners.show()

    def _decode_later(
        self, call: Call, items: Sequence[Item], role: Role | None, truncate: bool
    ) -> None:
        try:
            self._decoders.submit(self._decode, call, items, role, truncate)
        except RuntimeError:  # they were shut down in between
            call.fail(dead(self.encoder.name))

    # On a decoder's thread, or here where it is short

    def _decode(self, call: Call, items: Sequence[Item], role: Role | None, truncate: bool) -> None:
        """Decode a slice of a call's items, and stand in line again for the rest."""
        try:
            self._decode_slice(call, items, role, truncate)
            if call.decoded < len(items) and not call.gone:
                self._decode_later(call, items, role, truncate)
        except BaseException:
            log.exception("a call of encoder %r could not be decoded", self.encoder.name)
            call.fail(EncodeFailed(f"encoder {self.encoder.name!r} could not read these items"))

    def _decode_slice(
        self, call: Call, items: Sequence[Item], role: Role | None, truncate: bool
    ) -> None:
        failed: list[tuple[int, Outcome]] = []
        good: list[Work] = []
        started = monotonic()
        until = started + SLICE_SECONDS
        first = call.decoded
        while call.decoded < len(items) and not call.gone:
            position, call.decoded = call.decoded, call.decoded + 1
            features = self._features(items[position], role, truncate)
            if isinstance(features, Features):
                good.append(Work(call, position, features))
            else:
                failed.append((position, features))
            if monotonic() > until:
                break
        cost = sum(work.features.cost for work in good)
        call.cost += cost
        if call.cost > self.call_cost_max:
            call.fail(self._too_large(call.cost))
            self._runners.cancel(call)
            return
        call.decoded_at = monotonic()
        with self._runners.lock:
            if not call.gone and call.decoded > first:
                seconds = call.decoded_at - started
                self._admission.decoded(call.place, call.decoded - first, cost, seconds)
        if good:
            self._runners.offer(call, good)
        if call.settle(failed):
            wake([call])

    def _features(self, item: Item, role: Role | None, truncate: bool) -> Features | Outcome:
        try:
            return self.encoder.decode(item, role=role, truncate=truncate)
        except InputError as error:
            return error
        except Exception:
            log.exception("encoder %r could not decode an item", self.encoder.name)
            self._metrics.encode_failed(self.encoder.name)
            return EncodeFailed(f"encoder {self.encoder.name!r} could not read this item")

    def _too_large(self, cost: int) -> CallTooLarge:
        return CallTooLarge(
            f"the items of the call cost at least {cost} together and the limit is "
            f"{self.call_cost_max} (SEMBLANCE_CALL_COST_MAX): send fewer in one call"
        )
