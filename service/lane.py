"""The threads that own one encoder: what callers bring is decoded, batched, embedded.

Decoders turn items into features and queue them. Two runners take turns at the encoder's session:
while one is in a forward pass, the other may hold the next batch, collated; when the pass ends, it
enters, and the first hands out its rows meanwhile. So decode, forward and finish overlap, and at
most one batch is prepared ahead. It is cut early only when a whole one waits: from a shorter queue
the next batch is cut when the session is free, since more may join it until then.
"""

import asyncio
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import numpy as np

from models.errors import InputError
from models.modality import Features, Item, Role
from service.admission import Admission
from service.asking import Asking
from service.batcher import Batcher, Ticket
from service.call import Call, Embedded, Outcome, Work, wake
from service.errors import CallTooLarge, DeadlineExceeded, EncodeFailed, LaneDead
from service.metrics import Metrics
from service.ports import Encoder
from service.settings import Settings

log = logging.getLogger("semblance.lane")
RUNNERS = 2  # one in the session, one with the next batch
SLICE_SECONDS = 0.02  # of decoding, after which what is decoded is queued already
RESTART_SECONDS_MAX = 5.0
DEATHS_FORGOTTEN_SECONDS = 60.0
NEVER = float("-inf")


def measured_rate(encoder: Encoder, items: int) -> float:
    """Measure the cost per second of a batch of so many items, so that waits can be predicted."""
    batch = [encoder.decode(encoder.sample)] * items
    feeds = encoder.collate(batch)
    started = monotonic()
    encoder.run(feeds)
    return sum(one.cost for one in batch) / max(monotonic() - started, 1e-6)


class Lane:
    """Batches across callers for one encoder; a failing item fails alone.

    Args:
        rate: cost per second of a full pass, measured when the encoder was opened.
        decoders: threads that turn items into features.
    """

    def __init__(
        self,
        encoder: Encoder,
        metrics: Metrics,
        settings: Settings,
        *,
        rate: float = 1e5,
        decoders: int = 2,
    ) -> None:
        self.encoder = encoder
        self.forward_at = monotonic()  # opening an encoder replays its probe
        self._metrics = metrics
        self._settings = settings
        self._admission = Admission(
            encoder.name,
            queue_seconds_max=(settings.queue_seconds_max, settings.bulk_queue_seconds_max),
            share=settings.caller_share,
            rate=rate,
            item_cost=encoder.cost_max / 8,  # until some were decoded
        )
        self._batcher = self._new_batcher()
        self._wakeup = threading.Condition()
        self._session = threading.Lock()
        self._closing = False  # nothing more is admitted
        self._ending = False  # the runners end when nothing waits
        self._in_hand: dict[int, Sequence[Work]] = {}  # by runner, not settled yet
        self._before_pass: set[int] = set()  # runners whose batch has not passed yet
        self._running: set[int] = set()
        self._deaths: list[float] = []
        self._decoders = ThreadPoolExecutor(decoders, f"decode-{encoder.name}")
        self._threads: dict[int, threading.Thread] = {}
        for runner in range(RUNNERS):
            self._start(runner)

    @property
    def alive(self) -> bool:
        """Whether a thread that embeds runs, and takes work."""
        return bool(self._running) and not self._closing

    @property
    def idle(self) -> bool:
        """Whether nothing is admitted that is not answered."""
        return self._admission.idle

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
                self._decoders.submit(self._decode, call, items, role, truncate)
                await call.done
        except RuntimeError:  # the decoders were shut down in between
            raise self._dead() from None
        finally:
            self._leave(call)
        return call

    def close(self, wait_seconds: float = 10.0) -> None:
        """Finish what was admitted, then stop the threads."""
        self._closing = True
        self._decoders.shutdown(wait=True)
        with self._wakeup:
            self._ending = True
            self._wakeup.notify_all()
        until = monotonic() + wait_seconds
        for thread in list(self._threads.values()):
            thread.join(max(0.0, until - monotonic()))
        self._fail_queued()

    def _new_batcher(self) -> Batcher[Work]:
        return Batcher(
            items_max=self._settings.batch_items_max,
            cost_max=self._settings.batch_cost_max,
            pass_cost=self._settings.pass_cost,
            bulk_handicap=self._settings.bulk_handicap_seconds,
        )

    def _dead(self) -> LaneDead:
        return LaneDead(f"encoder {self.encoder.name!r} has stopped; it is restarted if it can be")

    # On the caller's event loop

    def _admitted(self, items: int, asking: Asking, *, bulk: bool) -> Call:
        with self._wakeup:
            if not self.alive:
                raise self._dead()
            left = asking.deadline - monotonic()
            place = self._admission.admit(asking.caller, items, bulk=bulk, seconds_left=left)
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        return Call([None] * items, place, asking.deadline, loop, done, left=items)

    def _leave(self, call: Call) -> None:
        """Give up what a caller who has left did not get, and the place of one who got all."""
        with self._wakeup:
            self._admission.leave(call.place)
            if call.left:
                call.gone = True
                waited = self._batcher.cancel(call.tickets)
                self._metrics.dropped(self.encoder.name, "gone", len(waited))
            self._show_queue()

    # On a decoder's thread

    def _decode(self, call: Call, items: Sequence[Item], role: Role | None, truncate: bool) -> None:
        """Decode a call's items and queue them, slice by slice."""
        failed: list[tuple[int, Outcome]] = []
        good: list[Work] = []
        cost, since = 0, monotonic()
        for position, item in enumerate(items):
            if call.gone:
                return
            features = self._features(item, role, truncate)
            if isinstance(features, Features):
                good.append(Work(call, position, features))
                cost += features.cost
            else:
                failed.append((position, features))
            last = position + 1 == len(items)
            if last or monotonic() - since > SLICE_SECONDS:
                if cost > self._settings.call_cost_max:
                    call.fail(self._too_large(cost))
                    return
                self._queue(call, good, failed)
                good, failed, since = [], [], monotonic()

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
            f"{self._settings.call_cost_max} (SEMBLANCE_CALL_COST_MAX): send fewer in one call"
        )

    def _queue(
        self, call: Call, good: Sequence[Work], failed: Sequence[tuple[int, Outcome]]
    ) -> None:
        with self._wakeup:
            if call.gone:
                return
            now = call.decoded_at = monotonic()
            cost = sum(work.features.cost for work in good)
            self._admission.decoded(call.place, len(good) + len(failed), cost)
            works = ((work.features.cost, work) for work in good)
            bulk, deadline = call.place.bulk, call.deadline
            call.tickets += self._batcher.offer(works, now=now, deadline=deadline, bulk=bulk)
            self._show_queue()
            self._wakeup.notify_all()
        if call.settle(failed):
            wake([call])

    # On a runner's thread

    def _start(self, runner: int, after_seconds: float = 0.0) -> None:
        name = f"lane-{self.encoder.name}-{runner}"
        thread = threading.Thread(
            target=self._run, args=(runner, after_seconds), name=name, daemon=True
        )
        self._threads[runner] = thread
        if not after_seconds:
            self._running.add(runner)
        thread.start()

    def _run(self, runner: int, after_seconds: float) -> None:
        if after_seconds:
            with self._wakeup:
                self._wakeup.wait_for(lambda: self._ending, after_seconds)
                self._running.add(runner)
        try:
            while batch := self._next(runner):
                self._serve(runner, batch)
        except BaseException:
            log.exception("a thread of encoder %r died", self.encoder.name)
        finally:
            self._ended(runner)

    def _next(self, runner: int) -> Sequence[Work]:
        """Wait for the next batch; an empty one says that the lane ends."""
        with self._wakeup:
            while True:
                if len(self._batcher) and (not self._before_pass or self._batcher.full):
                    batch = self._take()
                    if batch:
                        self._in_hand[runner] = batch
                        self._before_pass.add(runner)
                        return batch
                elif self._ending and not len(self._batcher):
                    return []
                else:
                    self._wakeup.wait()

    def _take(self) -> Sequence[Work]:
        late = self._batcher.late(monotonic() + self._admission.item_seconds)
        self._give_up([ticket.work for ticket in late])
        batch = [ticket.work for ticket in self._batcher.take()]
        self._show_queue()
        return batch

    def _serve(self, runner: int, batch: Sequence[Work]) -> None:
        feeds = self._collated(batch)
        with self._session:
            started = monotonic()
            live = [w for w in batch if not w.call.gone and w.call.deadline > started]
            dropped = [w for w in batch if w not in live] if len(live) < len(batch) else []
            outcomes = self._embedded(live, feeds if len(live) == len(batch) else None)
            ended = monotonic()
        with self._wakeup:
            self._before_pass.discard(runner)
            if live:
                self._account(live, ended - started)
            self._give_up(dropped)
            self._wakeup.notify_all()  # the session is free
        for work in live:
            work.call.taken_at = work.call.taken_at or started
            work.call.passed_at = ended
        self._finish(live, outcomes)
        self._in_hand.pop(runner, None)

    def _collated(self, batch: Sequence[Work]) -> Any:
        try:
            return self.encoder.collate([work.features for work in batch])
        except Exception:  # it is tried again, by halves
            log.warning("a batch of %d could not be collated", len(batch), exc_info=True)
            return None

    def _embedded(self, batch: Sequence[Work], feeds: Any) -> list[Outcome]:
        """Embed a batch; when it fails, embed its halves, so that in the end one fails alone."""
        if not batch:
            return []
        features = [work.features for work in batch]
        try:
            rows = self.encoder.run(self.encoder.collate(features) if feeds is None else feeds)
            if rows.shape != (len(batch), self.encoder.dim) or not np.isfinite(rows).all():
                raise FloatingPointError("the encoder gave rows that are not finite, or not all")
        except Exception:
            if len(batch) > 1:
                log.warning("a batch of %d failed; its halves are tried", len(batch))
                half = len(batch) // 2
                return self._embedded(batch[:half], None) + self._embedded(batch[half:], None)
            log.exception("encoder %r failed on one item", self.encoder.name)
            self._metrics.encode_failed(self.encoder.name)
            return [EncodeFailed(f"encoder {self.encoder.name!r} could not embed this item")]
        self.forward_at = monotonic()
        return [
            Embedded(row, one.cost, one.truncated) for row, one in zip(rows, features, strict=True)
        ]

    def _account(self, batch: Sequence[Work], seconds: float) -> None:
        costs = [work.features.cost for work in batch]
        cost, longest = sum(costs), max(costs)
        if len(self._batcher):
            self._admission.passed(cost, seconds)
        for work, one in zip(batch, costs, strict=True):
            self._admission.settled(work.call.place, one)
        self._metrics.batch(
            self.encoder.name,
            items=len(batch),
            fill=len(batch) / self._batcher.room(longest),
            cost=cost,
            padded=longest * len(batch),
            seconds=seconds,
        )

    def _finish(self, batch: Sequence[Work], outcomes: Sequence[Outcome]) -> None:
        """Hand out the outcomes, call by call."""
        by_call: dict[int, list[tuple[int, Outcome]]] = {}
        for work, outcome in zip(batch, outcomes, strict=True):
            by_call.setdefault(id(work.call), []).append((work.position, outcome))
        calls = {id(work.call): work.call for work in batch}
        wake([call for key, call in calls.items() if call.settle(by_call[key])])

    def _give_up(self, works: Sequence[Work]) -> None:
        """Drop works without a forward pass: their callers have gone, or it would be too late."""
        if not works:
            return
        late = [work for work in works if not work.call.gone]
        self._metrics.dropped(self.encoder.name, "gone", len(works) - len(late))
        self._metrics.dropped(self.encoder.name, "late", len(late))
        error = DeadlineExceeded("the request's deadline passed before its items were embedded")
        self._finish(late, [error] * len(late))

    def _ended(self, runner: int) -> None:
        """Answer for a runner that has ended; one that died is replaced."""
        with self._wakeup:
            self._running.discard(runner)
            self._before_pass.discard(runner)
            held = self._in_hand.pop(runner, ())
            self._finish(held, [self._dead()] * len(held))
            if not self._ending:
                self._replace(runner, took_nothing=not held)
            self._wakeup.notify_all()

    def _replace(self, runner: int, *, took_nothing: bool) -> None:
        now = monotonic()
        self.forward_at = NEVER  # readiness asks for a new proof
        self._metrics.lane_restart(self.encoder.name)
        self._deaths = [at for at in self._deaths if now - at < DEATHS_FORGOTTEN_SECONDS] + [now]
        if took_nothing:  # it died of the queue itself, and so would the next
            self._fail_queued()
        again = len(self._deaths) - RUNNERS
        self._start(runner, min(RESTART_SECONDS_MAX, 0.1 * 2**again) if again > 0 else 0.0)

    def _fail_queued(self) -> None:
        with self._wakeup:
            waiting, self._batcher = self._batcher, self._new_batcher()
            tickets: list[Ticket[Work]] = []
            while batch := waiting.take():
                tickets += batch
            works = [ticket.work for ticket in tickets]
            self._finish(works, [self._dead()] * len(works))

    def _show_queue(self) -> None:
        self._metrics.queue(
            self.encoder.name,
            cost=self._batcher.cost,
            seconds=self._admission.wait_seconds(bulk=True),
            rate=self._admission.rate,
        )
