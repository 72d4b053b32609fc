"""The rows that filters of late allow, kept for as long as nothing is written."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from weakref import ref

from index.hits import Mask
from index.page import Page
from index.store import Condition
from index.view import View

MASKS_MAX = 8  # a byte a row each


class Masks:
    """A few masks of one gallery, least used first; all of one moment."""

    def __init__(self) -> None:
        # Not the page itself: after a compaction it would keep all vectors of before.
        self._of: tuple[int, ref[Page]] | None = None
        self._masks: OrderedDict[object, Mask] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, view: View, condition: Condition, read: Callable[[], Mask]) -> Mask:
        """Return the mask (n,) of a condition over the rows of a view, read where it is not kept.

        The same array for the same question, so that those who ask it can share a scan.
        """
        where, bindings = condition
        key = where, tuple((type(one), one) for one in bindings)  # for 1, 1.0 and True are equal
        with self._lock:
            self._bring_to(view)
            if key in self._masks:
                self._masks.move_to_end(key)
                return self._masks[key]
        mask = read()
        with self._lock:
            if self._is_of(view):
                mask = self._masks.setdefault(key, mask)
                if len(self._masks) > MASKS_MAX:
                    self._masks.popitem(last=False)
        return mask

    def _bring_to(self, view: View) -> None:
        """Forget what was of another moment: a write, or rows left behind."""
        if not self._is_of(view):
            self._of = view.seq, ref(view.page)
            self._masks.clear()

    def _is_of(self, view: View) -> bool:
        return self._of is not None and self._of[0] == view.seq and self._of[1]() is view.page
