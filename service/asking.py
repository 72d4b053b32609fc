"""One request on its way: who asks, by when it must be answered, where its time goes."""

import math
from dataclasses import dataclass, field

from service.keys import Key
from service.timings import Timings

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
