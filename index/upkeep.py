"""What a gallery needs done behind the scenes: an index built, dead rows left behind."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from index import compaction
from index.backend import candidates_for
from index.database import Connection
from index.generations import Arrival
from index.indexed import Indexed
from index.outcome import Outcome
from index.published import Published
from index.vectors import Rows
from index.view import View
from index.watch import Watch

GROWN = 1.25  # times the rows: then, where a scan was chosen, all are measured again
RACED = 4  # times the rows: then all that may serve are measured again
# Of the rows of an index, beyond which it is built anew: of a million, 20 000 late ones are looked
# at in 1 ms. So many come soon where writes are steady: then not before the last build is long ago.
DELTA_SHARE, DELTA_SHARE_MAX = 0.02, 0.1
LIVING = 0.75  # share of its rows below which it is built anew
RAISES_MAX = 2  # of the effort, before another index is looked for
COMPACTED_AT_ONCE = 20_000  # rows that are copied within a write: 10 ms

# Makes a view of the one that is shown, in the order of writes, and shows it once the work, if
# there is any, is on disk.
Reshow = Callable[[Callable[[View], View], Callable[[Connection], None]], None]


class Upkeep:
    """Tells what is due for one gallery, and does it or takes it; `index.builds` looks after it.

    Any method raises GalleryUnknown once the gallery is deleted.
    """

    def __init__(
        self, published: Published, reshow: Reshow, watch: Watch, index: str, rows_min: int
    ) -> None:
        self._published, self._reshow, self._rows_min = published, reshow, rows_min
        self._watch, self._raised = watch, 0
        self._is_built = bool(candidates_for(index))
        self._outcome: Outcome | None = None

    @property
    def why(self) -> str | None:
        """What was measured when the index in use, or the scan, was chosen."""
        return None if self._outcome is None else self._outcome.why

    @property
    def delta(self) -> int:
        """The rows that an index does not hold yet, and that are looked at one by one."""
        return 0 if self._published.seen().indexed is None else self.unindexed

    @property
    def unindexed(self) -> int:
        """The rows that are looked at one by one, all of them where there is no index."""
        view = self._published.seen()
        return view.n if view.indexed is None else view.n - view.indexed.upto

    @property
    def recall(self) -> float:
        """The share of the true best that is found: of late, or as measured when it was built."""
        indexed = self._published.seen().indexed
        if indexed is None:
            return 1.0
        late = self._watch.recall
        return indexed.built.recall if late is None else late

    def watch(self) -> None:
        """Compare an answer of late with the exact one; ask for more where too little is found."""
        if not self._published.seen().vectors.are_here:
            return
        self._watch.check()
        if self._watch.failing and self._raised < RAISES_MAX:
            self._raised += 1
            self._watch.forget()
            self._reshow(_raised, _nothing)

    def asked(self) -> Rows | None:
        """Return queries (q, d) of late for which the index in use finds too little."""
        return self._watch.queries() if self._watch.failing else None

    def compaction_due(self) -> bool:
        """Tell whether so many rows are dead that the living should be copied."""
        view = self._published.seen()
        return view.n > COMPACTED_AT_ONCE and compaction.is_due(view)

    def compact(self) -> None:
        """Leave the dead rows behind; searches and writes go on meanwhile."""
        old = self._published.seen()
        copied = compaction.compacted(old)
        self._reshow(lambda now: compaction.rejoined(old, copied, now), _nothing)

    def build_due(self, *, rested: bool = True) -> bool:
        """Tell whether an index should be built, for want of one or because the rows went on.

        Args:
            rested: the last build is long ago.
        """
        view = self._published.seen()
        if view.count < self._rows_min or not self._is_built:
            return False
        if view.indexed is None:
            return self._outcome is None or view.count >= GROWN * self._outcome.rows
        held, upto = len(view.indexed.built), view.indexed.upto
        living = upto if view.alive is None else int(np.count_nonzero(view.alive[:upto]))
        late = view.n - upto
        if self._watch.failing and self._raised >= RAISES_MAX:
            return True
        share = DELTA_SHARE if rested else DELTA_SHARE_MAX
        return late > max(self._rows_min // 4, held * share) or living < held * LIVING

    def kept(self) -> tuple[str | None, int]:
        """Return the backend to build again, None for a new choice, and the rows at the last."""
        outcome = self._outcome
        if outcome is None:
            return None, 0
        grown = self._published.seen().count >= RACED * outcome.raced_rows
        again = not grown and not self._watch.failing
        return outcome.backend if again else None, outcome.raced_rows

    def attach(self, arrival: Arrival, work: Callable[[Connection], None]) -> None:
        """Search through an index that was built, or a scan, from when the work is on disk."""

        def attached(view: View) -> View:
            self._outcome, self._raised = arrival.outcome, 0
            return _with(view, arrival)

        self._reshow(attached, work)
        self._watch.forget()

    def restore(self, arrival: Arrival) -> None:
        """Search through an index of before; called once, before anybody knows of the gallery."""
        self._outcome = arrival.outcome
        self._published.swap(_with(self._published.seen(), arrival))


def _with(view: View, arrival: Arrival) -> View:
    built = arrival.measured
    indexed = None if built is None else Indexed.over(built, arrival.numbers, view.numbers)
    return replace(view, indexed=indexed)


def _raised(view: View) -> View:
    indexed = view.indexed
    if indexed is None:
        return view
    return replace(view, indexed=replace(indexed, built=indexed.built.raised()))


def _nothing(_: Connection) -> None:
    """Write nothing."""
