"""One request on its way: who asks, by when it must be answered, where its time goes."""

import math
from dataclasses import dataclass, field
from time import monotonic

from service.errors import DeadlineExceeded
from service.keys import Key
from service.timings import Timings

DEADLINE = "x-deadline-ms"
ANYONE = "anyone"  # who calls where no key is asked for


@dataclass(slots=True)
class Asking:
    """What use cases must know of a request, whatever it asks.

    Args:
        caller: the name of its key.
        key: the key itself; None where none is asked for.
        deadline: when its answer is of no use any more, by ``time.monotonic``.
        timings: seconds by stage so far.
    """

    caller: str = ANYONE
    key: Key | None = None
    deadline: float = math.inf
    timings: Timings = field(default_factory=Timings)

    def check_time(self) -> None:
        """Pass while the answer is still of use; for long work in a thread.

        Raises:
            DeadlineExceeded: it is not.
        """
        if monotonic() > self.deadline:
            raise late()


def late() -> DeadlineExceeded:
    """Return the error of an answer that was not ready by its deadline."""
    return DeadlineExceeded(
        f"the request's deadline passed before its answer was ready: wait longer ({DEADLINE}), or "
        "ask less at once"
    )
