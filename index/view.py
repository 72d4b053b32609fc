"""What a search sees: one frozen view of a gallery, swapped by one reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
import numpy.typing as npt

from index.backend import Backend, Searchable
from index.hits import Hit, Mask, Positions, Scores, exact_scores
from index.vectors import Rows

_CAPACITY_MIN = 64
# Below these, tombstones cost less than copying the rows that are left.
_TOMBSTONES_MIN = 1024
_TOMBSTONES_SHARE = 0.25
_GROUP_FACTOR = 8
_GROUP_FIRST = 64


@dataclass(frozen=True, slots=True)
class Page:
    """Arrays with spare room: appending writes behind the prefix that every view sees.

    `codes` numbers the name an exemplar goes by, which is its label, or its id where it has none.
    """

    vectors: Rows
    numbers: npt.NDArray[np.int64]
    codes: npt.NDArray[np.int32]
    ids: list[str]
    labels: list[str | None]
    code_of: dict[str, int]

    @classmethod
    def empty(cls, dim: int, capacity: int = _CAPACITY_MIN) -> "Page":
        """Return a page without rows, with room for `capacity`."""
        return cls(
            np.empty((capacity, dim), np.float32),
            np.empty(capacity, np.int64),
            np.empty(capacity, np.int32),
            [],
            [],
            {},
        )

    def with_room(self, rows: int) -> "Page":
        """Return a page with room for so many more rows: itself, or a larger copy."""
        n, capacity = len(self.ids), len(self.numbers)
        if n + rows <= capacity:
            return self
        larger = Page.empty(self.vectors.shape[1], max(n + rows, 2 * capacity))
        larger.vectors[:n] = self.vectors[:n]
        larger.numbers[:n] = self.numbers[:n]
        larger.codes[:n] = self.codes[:n]
        larger.ids.extend(self.ids)
        larger.labels.extend(self.labels)
        larger.code_of.update(self.code_of)
        return larger

    def append(
        self,
        vectors: Rows,
        numbers: Sequence[int],
        ids: Sequence[str],
        labels: Sequence[str | None],
    ) -> None:
        """Write rows (n, d) behind the last one; the page has room for them."""
        start, stop = len(self.ids), len(self.ids) + len(ids)
        self.vectors[start:stop] = vectors
        self.numbers[start:stop] = numbers
        names = [one if label is None else label for one, label in zip(ids, labels, strict=True)]
        self.codes[start:stop] = [self.code_of.setdefault(n, len(self.code_of)) for n in names]
        self.ids.extend(ids)
        self.labels.extend(labels)


@dataclass(frozen=True, slots=True)
class View:
    """The first `n` rows of a page, less the tombstones, as they stood at `seq`.

    `alive` (n,) is None where every row lives.
    """

    seq: int
    page: Page
    n: int
    alive: Mask | None
    count: int
    rows: Searchable

    @classmethod
    def of(cls, page: Page, seq: int, alive: Mask | None, backend: Backend) -> "View":
        """Return the view of all rows of a page, compacted where too many of them are dead."""
        n = len(page.ids)
        dead = 0 if alive is None else n - int(np.count_nonzero(alive))
        if alive is not None and dead > max(_TOMBSTONES_MIN, n * _TOMBSTONES_SHARE):
            page, n, alive, dead = _compacted(page, alive), n - dead, None, 0
        rows = backend.build(page.vectors[:n])
        return cls(seq, page, n, alive if dead else None, n - dead, rows)

    @property
    def vectors(self) -> Rows:
        """The rows (n, d), dead ones included."""
        return self.page.vectors[: self.n]

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """The name codes (n,) of the rows."""
        return self.page.codes[: self.n]

    def mask_of(self, numbers: Sequence[int]) -> Mask:
        """Return which positions hold these row numbers; unknown numbers are passed over."""
        held, wanted = self.page.numbers[: self.n], np.asarray(numbers, np.int64)
        at = np.searchsorted(held, wanted)
        inside = at < self.n
        at = at[inside][held[at[inside]] == wanted[inside]]
        mask = np.zeros(self.n, np.bool_)
        mask[at] = True
        return mask

    def label_count(self) -> int:
        """Return how many distinct labels live here."""
        labels = self.page.labels[: self.n]
        living = labels if self.alive is None else compress(labels, self.alive.tolist())
        return len(set(living) - {None})

    def search(
        self,
        queries: Rows,
        k: int,
        allowed: Mask | None,
        threshold: float | None = None,
        *,
        group_by_label: bool = False,
    ) -> list[list[Hit]]:
        """Return the best k living and allowed exemplars, or labels, of each query (q, d)."""
        if self.alive is not None:
            allowed = self.alive if allowed is None else self.alive & allowed
        want = max(_GROUP_FACTOR * k, _GROUP_FIRST) if group_by_label else k
        found = []
        answers = zip(queries, *self.rows.search(queries, want, allowed), strict=True)
        for query, scores, positions in answers:
            if group_by_label:
                hits = self._hits(*self._best_of_each(query, k, want, allowed, positions))
            else:
                hits = self._hits(scores, positions)
            found.append([hit for hit in hits if threshold is None or hit.score >= threshold])
        return found

    def with_vectors(self, found: list[list[Hit]]) -> list[list[Hit]]:
        """Return hits of this view with their rows (d,)."""
        held = self.page.numbers[: self.n]
        return [
            [replace(hit, vector=self.vectors[np.searchsorted(held, hit.row)]) for hit in hits]
            for hits in found
        ]

    def _hits(self, scores: Scores, positions: Positions) -> list[Hit]:
        page = self.page
        return [
            Hit(page.ids[at], page.labels[at], score, int(page.numbers[at]))
            for score, at in zip(scores.tolist(), positions.tolist(), strict=True)
            if at >= 0
        ]

    def _best_of_each(
        self,
        query: Rows,
        k: int,
        want: int,
        allowed: Mask | None,
        positions: Positions,
    ) -> tuple[Scores, Positions]:
        """Return the best exemplar of each of the best k labels, given the best `want` exemplars.

        Every label seen in one round is barred from the next, so that none can crowd out the
        others; what a later round finds scores lower than all that an earlier one did.
        """
        best: list[int] = []
        while True:
            found = positions[positions >= 0]
            codes, first = np.unique(self.codes[found], return_index=True)
            first.sort()
            best += found[first].tolist()
            if len(best) >= k or len(found) < want:
                break
            allowed = np.ones(self.n, np.bool_) if allowed is None else allowed
            allowed = allowed & ~np.isin(self.codes, codes)
            want *= 2
            (positions,) = self.rows.search(query[np.newaxis], want, allowed)[1]
        at = np.array(best[:k], np.int64)
        return exact_scores(self.vectors, at, query), at


def _compacted(page: Page, alive: Mask) -> Page:
    """Return a page of the living rows alone."""
    kept = np.flatnonzero(alive)
    fresh = Page.empty(page.vectors.shape[1], max(_CAPACITY_MIN, len(kept) * 5 // 4))
    fresh.append(
        page.vectors[kept],
        page.numbers[kept].tolist(),
        [page.ids[i] for i in kept],
        [page.labels[i] for i in kept],
    )
    return fresh
