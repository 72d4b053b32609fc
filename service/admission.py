"""Who may put work into an encoder's queue: measured in predicted seconds; pure, with no clock."""

import math
from collections import Counter
from dataclasses import dataclass

from service.asking import ANYONE
from service.errors import DeadlineExceeded, Overloaded, OverShare

MEMORY = 0.9  # of what earlier passes weigh beside the newest
ITEM_MEMORY = 0.99
SLOWER_MAX = 4.0  # than was believed: as much as one pass can show


@dataclass(slots=True)
class Place:
    """What one call holds of the queue.

    Args:
        item_estimate: what an item that is not decoded yet counts as.
        undecoded: how many of its items are not decoded yet.
        cost: what it holds now; items are exact once they are decoded.
    """

    caller: str
    bulk: bool
    item_estimate: int
    undecoded: int = 0
    cost: int = 0


class Admission:
    """Takes a call whole or refuses it whole, by how long it would wait.

    The wait is the cost of what goes before it over the rate at which passes drain a queue, or the
    time to decode what is not decoded yet, if that is longer: large pictures take longer to decode
    than to embed. What a call brings itself does not count, so that one item and a large batch are
    held to one rule. Bulk does not make interactive work wait.

    Args:
        model: whose queue it is, for messages.
        queue_seconds_max: the longest wait of an interactive call, and of a bulk call.
        share: of that wait, what the work of one key may fill.
        rate: cost per second of a full pass, measured when the encoder was opened.
        item_cost: of an item like most; learned from then on.
        decoders: how many items are decoded at once.
    """

    def __init__(
        self,
        model: str,
        *,
        queue_seconds_max: tuple[float, float],
        share: float,
        rate: float,
        item_cost: float,
        decoders: int = 1,
    ) -> None:
        self._model = model
        self._queue_seconds_max = queue_seconds_max
        self._share = share
        self._passed_cost, self._passed_seconds = rate, 1.0
        self._item_cost = item_cost
        self._decoders = decoders
        self._decode_seconds = 0.0  # of an item like most
        self._undecoded = {False: 0, True: 0}  # items, by whether they are bulk
        self._held: Counter[tuple[str, bool]] = Counter()  # by caller, and whether it is bulk
        self._cost = {False: 0, True: 0}  # admitted and not settled, by whether it is bulk

    @property
    def rate(self) -> float:
        """Cost per second at which a queue drains."""
        return self._passed_cost / self._passed_seconds

    @property
    def item_seconds(self) -> float:
        """Seconds that an item like most takes."""
        return self._item_cost / self.rate

    @property
    def idle(self) -> bool:
        """Whether nothing is admitted that is not settled."""
        return not any(self._cost.values())

    def wait_seconds(self, *, bulk: bool) -> float:
        """Predict how long new work waits."""
        passes = (self._cost[False] + bulk * self._cost[True]) / self.rate
        undecoded = self._undecoded[False] + bulk * self._undecoded[True]
        return max(passes, undecoded * self._decode_seconds / self._decoders)

    def admit(
        self, caller: str, items: int, *, bulk: bool, seconds_left: float = math.inf
    ) -> Place:
        """Give a call its place in the queue.

        Args:
            seconds_left: until the call's deadline.

        Raises:
            Overloaded: too much work waits; nothing was taken.
            OverShare: too much work of this caller waits.
            DeadlineExceeded: it could not be answered in time.
        """
        estimate = max(1, round(self._item_cost))
        limit = self._queue_seconds_max[bulk]
        wait = self.wait_seconds(bulk=bulk)
        if wait > limit:
            raise Overloaded(
                f"{wait:.1f} s of work waits for encoder {self._model!r}; the limit is "
                f"{limit:g} s (SEMBLANCE_{'BULK_' * bulk}QUEUE_SECONDS_MAX): try again later",
                retry_after_seconds=wait - limit / 2,
            )
        mine = self._mine(caller, bulk=bulk) / self.rate
        if caller != ANYONE and mine > self._share * limit:
            raise OverShare(
                f"{mine:.1f} s of work of key {caller!r} waits for encoder {self._model!r}; one "
                f"key's share is {self._share * limit:g} s (SEMBLANCE_CALLER_SHARE): try again "
                "later",
                retry_after_seconds=mine - self._share * limit / 2,
            )
        if wait > seconds_left:
            raise DeadlineExceeded(
                f"{wait:.1f} s of work waits for encoder {self._model!r}, and the request's "
                f"deadline is in {max(0.0, seconds_left):.1f} s: try again later, or wait longer"
            )
        place = Place(caller, bulk, estimate, items)
        self._undecoded[bulk] += items
        self._add(place, items * estimate)
        return place

    def decoded(self, place: Place, items: int, cost: int, seconds: float = 0.0) -> None:
        """Put the exact cost of some of a call's items in the place of their estimate.

        Args:
            seconds: that it took to decode them.
        """
        per_item = seconds / items
        self._decode_seconds += (1 - ITEM_MEMORY) * (per_item - self._decode_seconds)
        self._look(place, items)
        self._item_cost = ITEM_MEMORY * self._item_cost + (1 - ITEM_MEMORY) * cost / items
        self._add(place, cost - items * place.item_estimate)

    def settled(self, place: Place, cost: int) -> None:
        """Give back what was embedded, failed or dropped."""
        self._add(place, -min(cost, place.cost))

    def leave(self, place: Place) -> None:
        """Give back all that a call still holds."""
        self._look(place, place.undecoded)
        self._add(place, -place.cost)

    def passed(self, cost: int, seconds: float, *, others_wait: bool) -> None:
        """Learn from a forward pass how fast a queue drains.

        A pass behind which nothing waits shows that only if it was faster than was believed: an
        item alone is embedded at a lower rate. One that was held up does not count in full, for
        what is believed too low refuses the work that would show better.
        """
        believed = cost / self.rate
        if others_wait or seconds < believed:
            self._passed_cost = MEMORY * self._passed_cost + cost
            seconds = min(seconds, SLOWER_MAX * believed)
            self._passed_seconds = MEMORY * self._passed_seconds + seconds

    def _mine(self, caller: str, *, bulk: bool) -> int:
        return self._held[caller, False] + bulk * self._held[caller, True]

    def _look(self, place: Place, items: int) -> None:
        place.undecoded -= items
        self._undecoded[place.bulk] -= items

    def _add(self, place: Place, cost: int) -> None:
        place.cost += cost
        self._cost[place.bulk] += cost
        held = (place.caller, place.bulk)
        self._held[held] += cost
        if not self._held[held]:
            del self._held[held]  # callers come and go; the table does not grow by them
