"""What a gallery needs done behind the scenes: an index built, dead rows left behind."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from index import compaction
from index.backend import candidates_for
from index.indexed import Built, Indexed
from index.published import Published
from index.view import View

GROWN = 2  # times the rows: then a scan that was chosen is measured again
DELTA_SHARE = 0.1  # of the rows of an index, beyond which it is built anew
LIVING = 0.75  # share of its rows below which it is built anew
COMPACTED_AT_ONCE = 20_000  # rows that are copied within a write: 10 ms

# Makes a view of the one that is shown, in the order of writes, and shows it.
Reshow = Callable[[Callable[[View], View]], None]


class Upkeep:
    """Tells what is due for one gallery, and does it or takes it; `index.builds` looks after it.

    Any method raises GalleryUnknown once the gallery is deleted.
    """

    def __init__(self, published: Published, reshow: Reshow, index: str, rows_min: int) -> None:
        self._published, self._reshow, self._rows_min = published, reshow, rows_min
        self._is_built = bool(candidates_for(index))
        self._declined_rows = 0
        self.why: str | None = None
        """What was measured when the index in use was chosen."""

    @property
    def delta(self) -> int:
        """The rows that an index does not hold yet, and that are looked at one by one."""
        view = self._published.seen()
        return 0 if view.indexed is None else view.n - view.indexed.upto

    def compaction_due(self) -> bool:
        """Tell whether so many rows are dead that the living should be copied."""
        view = self._published.seen()
        return view.n > COMPACTED_AT_ONCE and compaction.is_due(view)

    def compact(self) -> None:
        """Leave the dead rows behind; searches and writes go on meanwhile."""
        old = self._published.seen()
        copied = compaction.compacted(old)
        self._reshow(lambda now: compaction.rejoined(old, copied, now))

    def build_due(self) -> bool:
        """Tell whether an index should be built, for want of one or because the rows went on."""
        view = self._published.seen()
        if view.count < self._rows_min or not self._is_built:
            return False
        if view.indexed is None:
            return view.count >= GROWN * self._declined_rows
        held, upto = len(view.indexed.built), view.indexed.upto
        living = upto if view.alive is None else int(np.count_nonzero(view.alive[:upto]))
        late = view.n - upto
        return late > max(self._rows_min // 4, held * DELTA_SHARE) or living < held * LIVING

    def attach(
        self, built: Built | None, numbers: npt.NDArray[np.int64], rows: int, why: str
    ) -> None:
        """Search through an index that was built over the rows of these numbers, from now on.

        None goes back to a scan, until the gallery has twice the `rows` for which that was chosen.
        """

        def attached(view: View) -> View:
            self.why, self._declined_rows = why, rows if built is None else 0
            indexed = None if built is None else Indexed.over(built, numbers, view.numbers)
            return replace(view, indexed=indexed)

        self._reshow(attached)
