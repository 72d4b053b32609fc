"""What a search sees: one frozen view of a gallery, swapped by one reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from index import planner
from index.chunks import Chunks
from index.hits import Hit, Mask, Positions, Scores, exact_scores
from index.indexed import Indexed
from index.page import Page, positions_of
from index.scan import Scan
from index.vectors import Rows

_GROUP_FACTOR = 8
_GROUP_FIRST = 64


@dataclass(frozen=True, slots=True)
class View:
    """The first `n` rows of a page, less the tombstones, as they stood at `seq`.

    `alive` (n,) is None where every row lives; `indexed` is None where every row is looked at.
    """

    seq: int
    page: Page
    n: int
    alive: Mask | None
    count: int
    scan: Scan
    indexed: Indexed | None = None

    @classmethod
    def of(
        cls, page: Page, seq: int, alive: Mask | None, scan: Scan, indexed: Indexed | None = None
    ) -> "View":
        """Return the view of all rows of a page."""
        n = len(page)
        dead = 0 if alive is None else n - int(np.count_nonzero(alive))
        return cls(seq, page, n, alive if dead else None, n - dead, scan, indexed)

    @property
    def vectors(self) -> Chunks:
        """The rows (n, d), dead ones included."""
        return self.page.rows(self.n)

    @property
    def numbers(self) -> npt.NDArray[np.int64]:
        """The durable numbers (n,) of the rows, rising."""
        return self.page.numbers[: self.n]

    @property
    def codes(self) -> npt.NDArray[np.int32]:
        """The name codes (n,) of the rows."""
        return self.page.codes[: self.n]

    def mask_of(self, numbers: Sequence[int]) -> Mask:
        """Return which positions hold these row numbers; unknown numbers are passed over."""
        at = positions_of(self.numbers, np.asarray(numbers, np.int64))
        mask = np.zeros(self.n, np.bool_)
        mask[at[at >= 0]] = True
        return mask

    def label_count(self) -> int:
        """Return how many distinct labels live here."""
        labelled = self.page.labelled[: self.n]
        living = labelled if self.alive is None else labelled & self.alive
        return int(np.count_nonzero(np.bincount(self.codes[living])))

    def best(self, queries: Rows, k: int, allowed: Mask | None) -> tuple[Scores, Positions]:
        """Return the best k of the allowed rows (n,), with their scores; dead ones are no row."""
        if self.alive is not None:
            allowed = self.alive if allowed is None else self.alive & allowed
        return planner.best(self.vectors, self.scan, self.indexed, queries, k, allowed)

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
        want = max(_GROUP_FACTOR * k, _GROUP_FIRST) if group_by_label else k
        found = []
        answers = zip(queries, *self.best(queries, want, allowed), strict=True)
        for query, scores, positions in answers:
            if group_by_label:
                hits = self._hits(*self._best_of_each(query, k, want, allowed, positions))
            else:
                hits = self._hits(scores, positions)
            found.append([hit for hit in hits if threshold is None or hit.score >= threshold])
        return found

    def with_vectors(self, found: list[list[Hit]]) -> list[list[Hit]]:
        """Return hits of this view with their rows (d,)."""
        held = self.numbers
        return [
            [
                replace(hit, vector=row)
                for hit, row in zip(hits, self._taken(held, hits), strict=True)
            ]
            for hits in found
        ]

    def _taken(self, held: npt.NDArray[np.int64], hits: list[Hit]) -> Rows:
        return self.vectors.take(np.searchsorted(held, [hit.row for hit in hits]))

    def _hits(self, scores: Scores, positions: Positions) -> list[Hit]:
        page = self.page
        return [
            Hit(page.ids[at], page.label(at), score, int(page.numbers[at]))
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
            (positions,) = self.best(query[np.newaxis], want, allowed)[1]
        at = np.array(best[:k], np.int64)
        return exact_scores(self.vectors, at, query), at
