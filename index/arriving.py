"""Rows that are still on their way from the database, while the gallery answers already."""

import threading
from collections.abc import Callable

import numpy as np

from index.errors import GalleryError, StoreUnavailable
from index.hits import Mask, Positions
from index.vectors import Rows

BLOCK_ROWS = 8192  # that arrive together: 12 MB at 384 dimensions, 15 ms
READ_ROWS_MAX = 16_384  # wanted one by one: 0.1 s of reading, beyond which waiting is cheaper
WAIT_SECONDS_MAX = 10.0


class Arriving:
    """Tells which of the first `n` rows of a page are there; a few can be read out of turn.

    Blocks of `BLOCK_ROWS` arrive in any order. What is behind the `n` rows is there.

    Args:
        read: returns the rows (m, d) at positions (m,) from the database, None once it is closed.
    """

    def __init__(self, n: int, read: Callable[[Positions], Rows | None]) -> None:
        self._n, self._read = n, read
        self._here = np.zeros(-(-n // BLOCK_ROWS), np.bool_)
        self._error: GalleryError | None = None
        self._came = threading.Condition()
        self.is_over = False

    def came(self, block: int) -> None:
        """Let the rows of a block be seen: they are written."""
        with self._came:
            self._here[block] = True
            self.is_over = bool(self._here.all())
            self._came.notify_all()

    def fail(self, error: GalleryError) -> None:
        """Refuse from now on whoever asks for rows that are not there."""
        with self._came:
            self._error = self._error or error
            self._came.notify_all()

    def check(self) -> None:
        """Pass unless the rows that are not there will never be.

        Raises: what :meth:`fail` was told.
        """
        if self._error is not None and not self.is_over:
            raise self._error

    def read(self, positions: Positions) -> tuple[Mask, Rows] | None:
        """Return which (m,) of a few rows are not there, and those rows; None once all are.

        Raises: StoreCorrupt, StoreUnavailable.
        """
        absent = positions < self._n
        absent[absent] = ~self._here[positions[absent] // BLOCK_ROWS]
        if not absent.any():
            return None
        self.check()
        wanted = positions[absent]
        rows = self._read(wanted) if len(wanted) <= READ_ROWS_MAX else None
        if rows is not None:
            return absent, rows
        self.wait(0, self._n)
        return None

    def wait(self, start: int, stop: int) -> None:
        """Wait a bounded time until the rows from `start` to `stop` are there.

        Raises: StoreCorrupt, StoreUnavailable.
        """
        part = self._here[start // BLOCK_ROWS : -(-min(stop, self._n) // BLOCK_ROWS)]
        if start >= stop or part.all():
            return
        with self._came:
            self._came.wait_for(lambda: part.all() or self._error is not None, WAIT_SECONDS_MAX)
        if not part.all():
            self.check()
            raise StoreUnavailable(
                "the rows of this gallery are still being read after a start: ask again, or "
                "without `exact`"
            )
