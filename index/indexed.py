"""An index over the first rows of a page, which stays as it is while the page goes on."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from index.hits import Mask, Positions
from index.page import positions_of
from index.vectors import Rows


class Built(Protocol):
    """An index that was built and measured; never changed, searched by many threads at once."""

    @property
    def name(self) -> str:
        """The backend that built it."""
        ...

    @property
    def recall(self) -> float:
        """The share of the true best that it was measured to find, as it is asked."""
        ...

    def __len__(self) -> int:
        """Count the rows that it was built over."""
        ...

    def candidates(self, queries: Rows, want: int) -> Positions | None:
        """Return candidates (q, m) that hold the best `want` of each query (q, d) at its recall.

        They are numbered as the rows were when it was built, in no order, and -1 where there are
        fewer. None where `want` is more than was measured.
        """
        ...

    def raised(self) -> "Built":
        """Return the same index asked with twice the effort, for more recall."""
        ...


@dataclass(frozen=True, slots=True)
class Indexed:
    """An index, and where its rows lie in the page of a view.

    `upto`: every living row before this position is in the index; those behind are the delta.
    `at` (m,): the position of each of its rows, -1 where it has left the page; None where the
    two are numbered alike.
    """

    built: Built
    upto: int
    at: Positions | None = None

    @classmethod
    def over(
        cls, built: Built, numbers: npt.NDArray[np.int64], held: npt.NDArray[np.int64]
    ) -> "Indexed":
        """Place an index over rows of these numbers (m,) in a page that holds `held` (n,)."""
        at = positions_of(held, numbers)
        # Numbers rise: what came after the last row of the index is behind it.
        upto = int(np.searchsorted(held, numbers[-1], side="right"))
        alike = upto == len(numbers) and bool((at >= 0).all())
        return cls(built, upto, None if alike else at)

    def candidates(self, queries: Rows, want: int) -> list[Positions] | None:
        """Return positions in the page for each query (q, d); None as `Built` does."""
        found = self.built.candidates(queries, want)
        if found is None:
            return None
        some = [each[each >= 0] for each in found]
        if self.at is None:
            return some
        placed = [self.at[each] for each in some]
        return [each[each >= 0] for each in placed]

    def moved(self, alive: Mask) -> "Indexed":
        """Return it over a page from which the dead rows (not `alive`, (n,)) were taken."""
        to = np.where(alive, np.cumsum(alive) - 1, -1)
        at = np.arange(len(self.built)) if self.at is None else self.at
        placed = np.where(at >= 0, to[at], -1)
        return Indexed(self.built, int(np.count_nonzero(alive[: self.upto])), placed)
