"""One caller's items on their way through a lane, and what became of each."""

import asyncio
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.modality import Features
from service.admission import Place
from service.batcher import Ticket
from service.errors import ServiceError

log = logging.getLogger("semblance.lane")


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """One item's embedding: its unit row ``(dim,)``, its cost, and whether it was cut short.

    Args:
        parts: of an item that was cut into windows, each with a row of its own.
    """

    row: NDArray[np.float32]
    cost: int
    truncated: bool
    parts: Sequence["Part"] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One window of a long item: from and to in seconds, its unit row ``(dim,)``, its weight."""

    start: float
    end: float
    row: NDArray[np.float32]
    weight: float


Outcome = Embedded | InputError | ServiceError


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """One ticket's way back: whose it is, which position, and what to embed."""

    call: "Call"
    position: int
    features: Features


@dataclass(slots=True, eq=False)
class Call:
    """What one caller waits for: an outcome an item, and when each stage was reached.

    Args:
        outcomes: one an item; None where there is none yet.
        place: what the call holds of the queue.
        left: outcomes that are still missing.
        decoded: how many of its items were looked at, which cost so much together.
        gone: whether the caller has left; what waits is dropped then.
    """

    outcomes: list[Outcome | None]
    place: Place
    deadline: float
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    left: int
    gone: bool = False
    decoded: int = 0
    cost: int = 0
    failure: ServiceError | None = None
    tickets: list[Ticket[Work]] = field(default_factory=list)
    started_at: float = field(default_factory=monotonic)
    decoded_at: float = 0.0
    taken_at: float = 0.0
    passed_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def settle(self, outcomes: Iterable[tuple[int, Outcome]]) -> bool:
        """Record outcomes by position, on any thread; tell whether they were the last.

        An outcome that stands already stays: a thread that died may have settled some.
        """
        with self._lock:
            for position, outcome in outcomes:
                if self.outcomes[position] is None:
                    self.outcomes[position] = outcome
                    self.left -= 1
            return self.left == 0

    def fail(self, error: ServiceError) -> None:
        """End the call as a whole, on any thread."""
        self.failure = error
        wake([self])

    def _wake(self) -> None:
        if not self.done.done():
            if self.failure is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(self.failure)


def wake(calls: Sequence[Call]) -> None:
    """Wake callers whose items are all settled, with one message to each event loop."""
    for loop in {call.loop for call in calls}:
        theirs = [call for call in calls if call.loop is loop]
        try:
            loop.call_soon_threadsafe(_wake_all, theirs)
        except RuntimeError:
            log.debug("a caller's event loop closed before its answer was ready")


def _wake_all(calls: Sequence[Call]) -> None:
    for call in calls:
        call._wake()
