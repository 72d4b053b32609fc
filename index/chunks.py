"""Rows that grow without being copied: arrays of equal length, the last one with spare room."""

from collections.abc import Hashable, Iterator

import numpy as np

from index.arriving import Arriving
from index.hits import Positions
from index.vectors import Rows

CHUNK_NUMBERS = 1 << 24  # floats of one chunk, 64 MiB: what growing may leave unused


def chunk_rows(dim: int) -> int:
    """Return the rows of one chunk, a power of two.

    >>> chunk_rows(384)
    32768
    """
    return max(1, CHUNK_NUMBERS >> (dim - 1).bit_length())


class Chunks:
    """The first `n` rows (n, d) of some arrays; frozen, though rows may be written behind them.

    Args:
        arrays: of `chunk_rows(d)` rows each, but for the last.
        arriving: which of them are written yet; those that are not are waited for, or read. Then
            any method may raise StoreUnavailable and StoreCorrupt.
    """

    __slots__ = ("_arrays", "_arriving", "_bits", "_low", "dim", "n")

    def __init__(
        self, arrays: tuple[Rows, ...], n: int, dim: int, arriving: Arriving | None = None
    ) -> None:
        self._arrays, self.n, self.dim = arrays, n, dim
        self._arriving = arriving
        self._bits = chunk_rows(dim).bit_length() - 1
        self._low = chunk_rows(dim) - 1

    @classmethod
    def of(cls, rows: Rows) -> "Chunks":
        """Return rows (n, d) as they lie in one array."""
        each = chunk_rows(rows.shape[1])
        arrays = tuple(rows[start : start + each] for start in range(0, len(rows), each))
        return cls(arrays, len(rows), rows.shape[1])

    def __len__(self) -> int:
        return self.n

    @property
    def are_here(self) -> bool:
        """Whether a look at every row waits for none of them."""
        return self._arriving is None or self._arriving.is_over

    @property
    def likeness(self) -> Hashable:
        """Equal for those that hold the same rows, as long as one of them is held."""
        return id(self._arrays), self.n

    def slices(self, start: int = 0) -> Iterator[tuple[int, Rows]]:
        """Yield the rows from `start` on, each run with the position of its first row."""
        each = self._low + 1
        for first in range(start & ~self._low, self.n, each):
            low, high = max(start, first), min(self.n, first + each)
            if self._arriving is not None:
                self._arriving.wait(low, high)
            yield low, self._arrays[first >> self._bits][low - first : high - first]

    def take(self, positions: Positions) -> Rows:
        """Return a copy of the rows at these positions (m,), as (m, d)."""
        read = None if self._arriving is None else self._arriving.read(positions)
        taken = self._written(positions)
        if read is not None:
            absent, rows = read
            taken[absent] = rows
        return taken

    def _written(self, positions: Positions) -> Rows:
        if len(self._arrays) == 1:
            return self._arrays[0][positions]
        taken = np.empty((len(positions), self.dim), np.float32)
        chunks = positions >> self._bits
        for chunk in np.unique(chunks):
            here = chunks == chunk
            taken[here] = self._arrays[chunk][positions[here] & self._low]
        return taken

    def products(self, queries: Rows) -> Rows:
        """Return the rough inner products (q, n) of queries (q, d) with every row."""
        products = np.empty((len(queries), self.n), np.float32)
        for first, part in self.slices():
            np.matmul(queries, part.T, out=products[:, first : first + len(part)])
        return products
