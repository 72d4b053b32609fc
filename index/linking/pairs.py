"""Pairs of rows with their scores, as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.hits import Positions, Scores


@dataclass(frozen=True, slots=True)
class Pairs:
    """So many pairs of a left and a right row.

    Args:
        left: positions (n,) int64 of the left rows.
        right: positions (n,) int64 of the right rows; of a self-join, of the same rows.
        scores: (n,) float32; higher is likelier.
    """

    left: Positions
    right: Positions
    scores: Scores

    @classmethod
    def of(cls, left: npt.ArrayLike, right: npt.ArrayLike, scores: npt.ArrayLike) -> "Pairs":
        """Make pairs of anything that reads as such arrays.

        >>> len(Pairs.of([0, 1], [5, 6], [0.9, 0.8]))
        2
        """
        return cls(
            np.asarray(left, np.int64), np.asarray(right, np.int64), np.asarray(scores, np.float32)
        )

    def __len__(self) -> int:
        return len(self.left)

    def take(self, which: npt.NDArray[Any]) -> "Pairs":
        """Return some of them: a mask (n,), or places in the order wanted."""
        return Pairs(self.left[which], self.right[which], self.scores[which])

    def above(self, threshold: float) -> "Pairs":
        """Return those whose score is at or above a threshold."""
        # Compared as float32: 0.7 is at a threshold of 0.7.
        return self.take(self.scores >= np.float32(threshold))

    def swapped(self) -> "Pairs":
        """Return the same pairs with left and right exchanged."""
        return Pairs(self.right, self.left, self.scores)

    def placed(self, left: Positions, right: Positions) -> "Pairs":
        """Return the same pairs between other positions: those of what the rows were taken from.

        >>> one = Pairs.of([0], [1], [0.5]).placed(np.array([7]), np.array([3, 4]))
        >>> one.left.tolist(), one.right.tolist()
        ([7], [4])
        """
        return Pairs(left[self.left], right[self.right], self.scores)

    def ordered(self) -> "Pairs":
        """Return them by left row, of each the best first, of equals the lower right row first."""
        return self.take(np.lexsort((self.right, -self.scores, self.left)))
