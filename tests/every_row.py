"""An index that finds all of its rows, for galleries that answer before their vectors are there."""

import numpy as np
import numpy.typing as npt

from index import store
from index.database import Connection
from index.generations import Arrival
from index.outcome import Outcome
from index.vectors import Rows


class EveryRow:
    """A built index whose candidates are all of its rows, in no useful order."""

    name, recall = "every", 1.0

    def __init__(self, n: int) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def candidates(self, queries: Rows, want: int) -> npt.NDArray[np.int64]:
        """Return all rows, backwards."""
        return np.tile(np.arange(self.n)[::-1], (len(queries), 1))

    def raised(self) -> "EveryRow":
        """Return itself: more cannot be found."""
        return self


def newest(connection: Connection, gallery: int, late: int) -> Arrival:
    """Return one over all rows of a gallery but the last few, and over one that has left.

    Args:
        late: rows that came since.
    """
    rows = sorted(store.rows_where(connection, gallery, store.EVERYTHING))
    numbers = np.array([0, *rows[: max(0, len(rows) - late)]])
    outcome = Outcome("for the test", len(numbers), len(numbers))
    return Arrival(outcome, EveryRow(len(numbers)), numbers)
