"""What a search sees: one frozen view of a gallery, swapped by one reference."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import repeat

import numpy as np
import numpy.typing as npt

from index import planner
from index.chunks import Chunks
from index.fusion import Fusion, Ranked, Wording, chained, near_enough, plain
from index.hits import Hit, Mask, Positions, Scores
from index.indexed import Indexed
from index.label_scores import best_by_mean
from index.lexicon import Lexicon
from index.page import Page, positions_of
from index.parts import split_id, whole_of
from index.scan import Scan
from index.vectors import Rows
from index.words import identifiers, split

_GROUP_FACTOR = 8
_GROUP_FIRST = 64
_ROUGH_BYTES_MAX = 64 * 2**20


@dataclass(frozen=True, slots=True)
class View:
    """The first `n` rows of a page, less the tombstones, as they stood at `seq`.

    `alive` (n,) is None where every row lives; `indexed` is None where every row is looked at;
    `lexicon` is None where no words are kept.
    """

    seq: int
    page: Page
    n: int
    alive: Mask | None
    count: int
    scan: Scan
    indexed: Indexed | None = None
    lexicon: Lexicon | None = None

    @classmethod
    def of(
        cls,
        page: Page,
        seq: int,
        alive: Mask | None,
        scan: Scan,
        indexed: Indexed | None = None,
        lexicon: Lexicon | None = None,
    ) -> "View":
        """Return the view of all rows of a page."""
        n = len(page)
        dead = 0 if alive is None else n - int(np.count_nonzero(alive))
        return cls(seq, page, n, alive if dead else None, n - dead, scan, indexed, lexicon)

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

    def part_count(self) -> int:
        """Return how many of the living rows are parts of others."""
        parts = self.page.parts[: self.n]
        return int(np.count_nonzero(parts if self.alive is None else parts & self.alive))

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
        wording: Wording | None = None,
        line: float | None = None,
    ) -> list[list[Hit]]:
        """Return the best k living and allowed exemplars, or labels, of each query (q, d).

        What scores less than `threshold` by its vector is left out; what reaches `line` so stands
        before all others.
        """
        has_parts = self.part_count() > 0
        grouped = group_by_label or has_parts
        want = max(_GROUP_FACTOR * k, _GROUP_FIRST) if grouped else k
        line = line if threshold is None else threshold
        fusions = [self._fusion(query, at, wording, line) for at, query in enumerate(queries)]
        most = near_enough(want) if any(fusions) else want
        found = []
        answers = zip(queries, fusions, *self.best(queries, most, allowed), strict=True)
        for query, fusion, *near in answers:
            scores, positions = near
            if fusion is None:
                ranked = plain(scores[:want], positions[:want])
            else:
                ranked = fusion.best(want, allowed, (scores, positions))
            if has_parts and not group_by_label:
                ranked = self._best_of_wholes(query, fusion, k, want, allowed, ranked)
            elif group_by_label:
                ranked = self._best_of_each(query, fusion, k, want, allowed, ranked)
            hits = self._hits(ranked)
            found.append([hit for hit in hits if threshold is None or hit.dense >= threshold])
        return found

    def search_by_mean(
        self, queries: Rows, k: int, allowed: Mask | None, threshold: float | None = None
    ) -> list[list[Hit]]:
        """Return the best k labels of each query (q, d) by the mean score of their exemplars.

        A hit is a label's nearest exemplar, with the label's mean. Every row is looked at, and
        words do not count.
        """
        rows = self.vectors
        if self.alive is not None:
            allowed = self.alive if allowed is None else self.alive & allowed
        step = max(1, _ROUGH_BYTES_MAX // (4 * max(1, len(rows))))
        found = []
        for start in range(0, len(queries), step):
            some = queries[start : start + step]
            for query, rough in zip(some, rows.products(some), strict=True):
                means, nearest = best_by_mean(rows, self.codes, query, rough, k, allowed)
                hits = self._hits(plain(means.astype(np.float32), nearest))
                found.append([hit for hit in hits if threshold is None or hit.dense >= threshold])
        return found

    def _fusion(
        self, query: Rows, at: int, wording: Wording | None, line: float | None
    ) -> Fusion | None:
        """Return how the words of a query count with its vector, where they do."""
        text = None if wording is None else wording.texts[at]
        if text is None or wording is None or self.lexicon is None:
            return None
        named = self.lexicon.holds(identifiers(text))
        return Fusion(
            rows=self.vectors,
            held=self.numbers,
            query=query,
            matched=self.lexicon.matched(split(text)),
            weight=wording.weight_named if named else wording.weight,
            line=line,
            nearest=partial(self._nearest, query),
        )

    def _nearest(self, query: Rows, m: int, allowed: Mask | None) -> tuple[Scores, Positions]:
        (scores,), (positions,) = self.best(query[np.newaxis], m, allowed)
        return scores, positions

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

    def _hits(self, ranked: Ranked) -> list[Hit]:
        page, at = self.page, ranked.positions.tolist()
        parts: Iterable[tuple[float, float] | None] = repeat(None, len(at))
        if ranked.lexical is not None:
            parts = zip(ranked.dense.tolist(), ranked.lexical.tolist(), strict=True)
        hits = []
        for i, score, fused in zip(at, ranked.scores.tolist(), parts, strict=True):
            one, seconds = split_id(page.ids[i])
            row = int(page.numbers[i])
            hits.append(Hit(one, page.label(i), score, row, fused=fused, seconds=seconds))
        return hits

    def _ranked(
        self, query: Rows, fusion: Fusion | None, want: int, allowed: Mask | None
    ) -> Ranked:
        """Return the best rows of a query, by vectors alone or with its words."""
        if fusion is None:
            return plain(*self._nearest(query, want, allowed))
        return fusion.best(want, allowed)

    def _best_of_wholes(
        self,
        query: Rows,
        fusion: Fusion | None,
        k: int,
        want: int,
        allowed: Mask | None,
        ranked: Ranked,
    ) -> Ranked:
        """Return the best row of each of the best k exemplars, a whole or one of its parts.

        Long exemplars have hundreds of parts that are alike, so that more and more are looked at.
        """
        while True:
            first: dict[str, int] = {}
            for at, i in enumerate(ranked.positions.tolist()):
                first.setdefault(whole_of(self.page.ids[i]), at)
            if len(first) >= k or len(ranked) < want:
                return ranked[np.fromiter(first.values(), np.intp, len(first))[:k]]
            want *= _GROUP_FACTOR
            ranked = self._ranked(query, fusion, want, allowed)

    def _best_of_each(
        self,
        query: Rows,
        fusion: Fusion | None,
        k: int,
        want: int,
        allowed: Mask | None,
        ranked: Ranked,
    ) -> Ranked:
        """Return the best exemplar of each of the best k labels, given the best `want` exemplars.

        Every label seen in one round is barred from the next, so that none can crowd out the
        others; what a later round finds stands behind all that an earlier one did.
        """
        best: list[Ranked] = []
        while True:
            codes, first = np.unique(self.codes[ranked.positions], return_index=True)
            first.sort()
            best.append(ranked[first])
            if sum(map(len, best)) >= k or len(ranked) < want:
                return chained(best)[:k]
            allowed = np.ones(self.n, np.bool_) if allowed is None else allowed
            allowed = allowed & ~np.isin(self.codes, codes)
            want *= 2
            ranked = self._ranked(query, fusion, want, allowed)
