"""The threads that take turns at one encoder's session.

While one is in a forward pass, the next may hold a batch, collated; when the pass ends, it enters,
and the first hands out its rows meanwhile. So forward and finish overlap, and at most one batch is
prepared ahead. It is cut early only when a whole one waits: from a shorter queue the next batch is
cut when the session is free, since more may join it until then. An item alone gets all threads; a
queue gets passes of one thread, side by side (`service.turns`).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.admission import Admission
from service.batcher import Batcher
from service.batching import Batching
from service.call import Call, Embedded, Outcome, Work, wake
from service.crew import Crew
from service.errors import DeadlineExceeded, EncodeFailed, LaneDead
from service.metrics import Metrics
from service.ports import Encoder
from service.turns import Turns

log = logging.getLogger("semblance.lane")
NEVER = float("-inf")
Run = Callable[[Any], NDArray[np.float32]]


class Runners:
    """Batches what is offered, embeds it, and answers; a runner that dies is replaced.

    Args:
        admission: whose places are given back as items are done; guarded by ``lock``.
    """

    def __init__(
        self,
        encoder: Encoder,
        metrics: Metrics,
        batching: Batching,
        admission: Admission,
    ) -> None:
        self._encoder = encoder
        self._metrics = metrics
        self._admission = admission
        self._batcher: Batcher[Work] = Batcher(
            items_max=batching.items_max,
            cost_max=batching.cost_max,
            pass_cost=batching.pass_cost,
            bulk_handicap=batching.bulk_handicap_seconds,
        )
        self.lock = threading.Condition()
        self.forward_at = monotonic()  # opening an encoder replays its probe
        self._turns = Turns(batching.passes)
        self._run_narrow: Run = encoder.run
        self._opener: threading.Thread | None = None  # of what passes of one thread go with
        self._in_hand: dict[int, Sequence[Work]] = {}  # by runner, not settled yet
        size = batching.passes + 1  # one with the next batch
        self._crew = Crew(self.lock, f"lane-{encoder.name}", size, self._run, self._bury)
        self.revive()

    @property
    def alive(self) -> bool:
        """Whether a thread that embeds runs."""
        return self._crew.alive

    def revive(self) -> None:
        """Start what is not there: the system may have threads again."""
        with self.lock:
            self._crew.start()

    def offer(self, call: Call, works: Sequence[Work]) -> None:
        """Queue works of a call; those of one who has left are not taken."""
        with self.lock:
            if call.gone:
                return
            call.tickets += self._batcher.offer(
                ((work.features.cost, work) for work in works),
                now=monotonic(),
                deadline=call.deadline,
                bulk=call.place.bulk,
            )
            self._crew.start()
            self.lock.notify_all()

    def cancel(self, call: Call) -> None:
        """Drop what waits of a caller who has left."""
        with self.lock:
            call.gone = True
            waited = self._batcher.cancel(call.tickets)
        self._metrics.dropped(self._encoder.name, "gone", len(waited))

    def end(self, seconds: float) -> None:
        """Let the runners end, which they do when nothing waits; do not wait longer than that."""
        self._crew.end(seconds)
        if self._opener is not None:
            self._opener.join()  # the process cannot end while the runtime opens a session

    def show(self) -> None:
        """Tell the series how much waits."""
        self._metrics.queue(
            self._encoder.name,
            cost=self._batcher.cost,
            seconds=self._admission.wait_seconds(bulk=True),
            interactive_seconds=self._admission.wait_seconds(bulk=False),
            rate=self._admission.rate,
        )

    def _run(self, runner: int) -> None:
        while self._next(runner):
            self._serve(runner, self._in_hand[runner])
            del self._in_hand[runner]

    def _next(self, runner: int) -> bool:
        """Wait for the next batch and take it in hand; False says that the lane ends."""
        with self.lock:
            while True:
                waits = len(self._batcher)
                if waits and self._turns.may_take(full=self._batcher.full):
                    self._in_hand[runner] = self._taken(runner)
                    return True
                if self._crew.is_ending and not waits:
                    return False
                self.lock.wait()

    def _taken(self, runner: int) -> list[Work]:
        """Cut the next batch for a runner, and what would be late anyway."""
        late = self._batcher.late(monotonic() + self._item_seconds)
        waits = len(self._batcher)
        share = self._turns.free
        wide = self._turns.take(runner, waits)
        if wide and waits >= self._turns.at_once > 1:
            self._narrow()
        batch = self._batcher.take(1 if wide else max(1, share))
        return [ticket.work for ticket in (*batch, *late)]

    @property
    def _item_seconds(self) -> float:
        """Seconds that an item takes in a pass of its own, which goes beside others."""
        return self._admission.item_seconds * (self._turns.at_once if self._turns.narrow else 1)

    def _serve(self, runner: int, batch: Sequence[Work]) -> None:
        self.show()
        feeds = self._collated(batch)
        with self.lock:
            self.lock.wait_for(lambda: self._turns.may_pass(runner))
            wide = self._turns.enter(runner)
        started = monotonic()
        margin = started + self._item_seconds
        live = [w for w in batch if not w.call.gone and w.call.deadline >= margin]
        run = self._encoder.run if wide else self._run_narrow
        outcomes = self._embedded(live, feeds if len(live) == len(batch) else None, run)
        ended = monotonic()
        with self.lock:
            self._turns.leave(runner)
            others_wait = len(self._batcher) > 0
            if live and all(isinstance(outcome, Embedded) for outcome in outcomes):
                cost = sum(work.features.cost for work in live)
                seconds = max(ended - started, 1e-6)
                beside = 1 if wide else self._turns.at_once  # where others wait, all go
                self._admission.passed(cost, seconds / beside, others_wait=others_wait)
            for work in live:
                self._admission.settled(work.call.place, work.features.cost)
            self.lock.notify_all()  # the session is free
        for work in live:
            work.call.taken_at = work.call.taken_at or started
            work.call.passed_at = ended
        self._finish(live, outcomes)
        if len(live) < len(batch):
            left = set(live)
            self._give_up([work for work in batch if work not in left])
        self._count(live, ended - started)

    def _collated(self, batch: Sequence[Work]) -> Any:
        try:
            return self._encoder.collate([work.features for work in batch])
        except Exception:  # it is tried again, by halves
            log.warning("a batch of %d could not be collated", len(batch), exc_info=True)
            return None

    def _embedded(self, batch: Sequence[Work], feeds: Any, run: Run) -> list[Outcome]:
        """Embed a batch; when it fails, embed its halves, so that in the end one fails alone."""
        if not batch:
            return []
        features = [work.features for work in batch]
        try:
            rows = run(self._encoder.collate(features) if feeds is None else feeds)
            if rows.shape != (len(batch), self._encoder.dim) or not np.isfinite(rows).all():
                raise FloatingPointError("the encoder gave rows that are not finite, or not all")
        except Exception:
            if len(batch) > 1:
                log.warning("a batch of %d failed; its halves are tried", len(batch))
                half = len(batch) // 2
                return [
                    outcome
                    for part in (batch[:half], batch[half:])
                    for outcome in self._embedded(part, None, run)
                ]
            log.exception("encoder %r failed on one item", self._encoder.name)
            self._metrics.encode_failed(self._encoder.name)
            return [EncodeFailed(f"encoder {self._encoder.name!r} could not embed this item")]
        self.forward_at = monotonic()
        return [
            Embedded(row, one.cost, one.truncated) for row, one in zip(rows, features, strict=True)
        ]

    def _count(self, batch: Sequence[Work], seconds: float) -> None:
        if not batch:
            return
        costs = [work.features.cost for work in batch]
        self._metrics.batch(
            self._encoder.name,
            items=len(batch),
            fill=len(batch) / self._batcher.room(max(costs)),
            cost=sum(costs),
            padded=max(costs) * len(batch),
            seconds=seconds,
        )

    def _finish(self, works: Sequence[Work], outcomes: Sequence[Outcome]) -> None:
        """Hand out outcomes, call by call."""
        by_call: dict[Call, list[tuple[int, Outcome]]] = {}
        for work, outcome in zip(works, outcomes, strict=True):
            by_call.setdefault(work.call, []).append((work.position, outcome))
        wake([call for call, theirs in by_call.items() if call.settle(theirs)])

    def _give_up(self, works: Sequence[Work]) -> None:
        """Drop works without a forward pass: their callers have gone, or it would be too late."""
        late = [work for work in works if not work.call.gone]
        error = DeadlineExceeded("the request's deadline passed before its items were embedded")
        self._finish(late, [error] * len(late))
        self._metrics.dropped(self._encoder.name, "gone", len(works) - len(late))
        self._metrics.dropped(self._encoder.name, "late", len(late))

    def _narrow(self) -> None:
        """Open what passes go side by side with, once, behind the callers' backs."""
        if self._opener is not None:
            return
        opener = threading.Thread(target=self._open_narrow, name=f"narrow-{self._encoder.name}")
        try:
            opener.start()
        except RuntimeError:  # passes go one by one until then
            return
        self._opener = opener

    def _open_narrow(self) -> None:
        try:
            self._run_narrow = self._encoder.on_one_thread()
        except Exception:  # passes go one by one, as they did
            log.exception("encoder %r cannot be opened beside itself", self._encoder.name)
            return
        with self.lock:
            self._turns.narrow = True
            self.lock.notify_all()

    def _bury(self, runner: int) -> None:
        """Answer for a runner that has died, and start another."""
        self._metrics.lane_restart(self._encoder.name)
        with self.lock:
            self.forward_at = NEVER  # readiness asks for a new proof
            self._turns.leave(runner)
            works = list(self._in_hand.pop(runner, ()))
            if not works:  # it died of the queue itself, and so would the next
                works = [ticket.work for ticket in self._batcher.drain()]
            self._crew.start()
            self.lock.notify_all()
        self._finish(works, [dead(self._encoder.name)] * len(works))


def dead(model: str) -> LaneDead:
    """Make the error of a call whose encoder has stopped."""
    return LaneDead(f"encoder {model!r} has stopped; it is started again if it can be")
