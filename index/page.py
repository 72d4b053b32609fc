"""The rows of a gallery in memory, in the order of their numbers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import numpy as np
import numpy.typing as npt

from index.arriving import Arriving
from index.chunks import Chunks, chunk_rows
from index.hits import Mask
from index.parts import MARK, split_id, whole_of
from index.vectors import Rows

_CAPACITY_MIN = 64
_SPARE_MIN = 1024
_SPARE_MAX = 1 << 20  # rows of spare room in the small arrays
_KEPT_AT_ONCE = 16384


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Page:
    """Arrays with spare room: appending writes behind the prefix that every view sees.

    `codes` numbers the name an exemplar goes by, which is its label, or its id where it has none:
    `labelled` tells which. A part goes by its whole; `parts` tells
    which rows are parts. Only the newest page of a gallery is appended to. `arriving` tells which
    vectors are written yet, where they come behind the rest.
    """

    dim: int
    arrays: tuple[Rows, ...]
    numbers: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int32]
    labelled: Mask
    parts: Mask
    ids: list[str]
    names: list[str]
    code_of: defaultdict[str, int]
    arriving: Arriving | None = None

    @classmethod
    def empty(cls, dim: int, capacity: int = _CAPACITY_MIN) -> "Page":
        """Return a page without rows, with room for `capacity` at least."""
        capacity = max(capacity, _CAPACITY_MIN)
        return cls(
            dim,
            _arrays((), 0, capacity, dim),
            np.empty(capacity, np.int64),
            np.empty(capacity, np.int32),
            np.empty(capacity, np.bool_),
            np.empty(capacity, np.bool_),
            [],
            [],
            defaultdict(count().__next__),  # a name that is asked for gets the next number
        )

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, n: int) -> Chunks:
        """Return the first `n` rows (n, d)."""
        return Chunks(self.arrays, n, self.dim, self.arriving)

    def with_room(self, rows: int) -> "Page":
        """Return a page with room for so many more rows: itself, or one with larger arrays.

        Full chunks of vectors are shared, and so are the names: neither is written to again.
        """
        n = len(self)
        if n + rows <= min(len(self.numbers), sum(map(len, self.arrays))):
            return self
        larger = max(n + rows, min(2 * n, n + _SPARE_MAX))
        return Page(
            self.dim,
            _arrays(self.arrays, n, n + rows, self.dim),
            _grown(self.numbers, n, larger),
            _grown(self.codes, n, larger),
            _grown(self.labelled, n, larger),
            _grown(self.parts, n, larger),
            self.ids,
            self.names,
            self.code_of,
            self.arriving,
        )

    def append(
        self,
        vectors: Rows,
        numbers: Sequence[int],
        ids: Sequence[str],
        labels: Sequence[str | None],
    ) -> None:
        """Write rows (n, d) behind the last one; the page has room for them."""
        self.write(len(self), vectors)
        self.enter(numbers, ids, labels)

    def write(self, at: int, vectors: Rows) -> None:
        """Write rows (n, d) from a position on, where no view sees them yet."""
        each, done, stop = chunk_rows(self.dim), at, at + len(vectors)
        while done < stop:
            chunk, first = divmod(done, each)
            last = min(stop, (chunk + 1) * each)
            self.arrays[chunk][first : first + last - done] = vectors[done - at : last - at]
            done = last

    def enter(
        self,
        numbers: Sequence[int] | npt.NDArray[np.int64],
        ids: Sequence[str],
        labels: Sequence[str | None],
    ) -> None:
        """Name the rows that were written last."""
        start, stop = len(self), len(self) + len(ids)
        self.numbers[start:stop] = numbers
        names = [one if label is None else label for one, label in zip(ids, labels, strict=True)]
        parts = [at for at, one in enumerate(ids) if MARK in one and split_id(one)[1] is not None]
        for at in parts:
            if labels[at] is None:
                names[at] = whole_of(ids[at])
        # No step of Python for each, and each looked up once: a million are read at every start.
        codes = map(self.code_of.__getitem__, names)
        self.codes[start:stop] = np.fromiter(codes, np.int32, len(names))
        fresh = list(islice(reversed(self.code_of), len(self.code_of) - len(self.names)))
        self.names.extend(reversed(fresh))
        self.labelled[start:stop] = [label is not None for label in labels]
        self.parts[start:stop] = False
        self.parts[start + np.array(parts, np.intp)] = True
        self.ids.extend(ids)

    def label(self, at: int) -> str | None:
        """Return the label of the row at a position."""
        return self.names[self.codes[at]] if self.labelled[at] else None

    def kept(self, alive: Mask) -> "Page":
        """Return a page of the living rows alone, those among the first (n,)."""
        kept = np.flatnonzero(alive)
        fresh = Page.empty(self.dim, len(kept) + _SPARE_MIN)
        rows = self.rows(len(alive))
        for start in range(0, len(kept), _KEPT_AT_ONCE):
            some = kept[start : start + _KEPT_AT_ONCE]
            at = some.tolist()
            fresh.append(
                rows.take(some),
                self.numbers[some].tolist(),
                [self.ids[i] for i in at],
                [self.label(i) for i in at],
            )
        return fresh


def positions_of(
    held: npt.NDArray[np.int64], numbers: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return where each number (m,) stands among those held (n,), which rise; -1 where nowhere."""
    if len(held) and held[-1] - held[0] == len(held) - 1:  # as most often: none of them is missing
        at = numbers - held[0]
        return np.where((at >= 0) & (at < len(held)), at, -1)
    at = np.searchsorted(held, numbers)
    there = at < len(held)
    there[there] = held[at[there]] == numbers[there]
    return np.where(there, at, -1)


def _arrays(old: tuple[Rows, ...], n: int, need: int, dim: int) -> tuple[Rows, ...]:
    """Return arrays with room for `need` rows, the first `n` of them those of the old ones."""
    each = chunk_rows(dim)
    arrays = list(old)
    if arrays and len(arrays[-1]) < each:  # the only one: doubling is for small galleries
        first = np.empty((min(each, max(need, 2 * n)), dim), np.float32)
        first[:n] = arrays[0][:n]
        arrays = [first]
    while sum(map(len, arrays)) < need:
        # Untouched memory is not resident, so that a whole chunk costs nothing yet.
        arrays.append(np.empty((each if arrays or need > each else need, dim), np.float32))
    return tuple(arrays)


def _grown(array: npt.NDArray[Any], n: int, capacity: int) -> npt.NDArray[Any]:
    larger = np.empty(capacity, array.dtype)
    larger[:n] = array[:n]
    return larger
