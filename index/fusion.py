"""Hybrid search: what is near by its vector, and what has the words of the query, in one order."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from index.errors import NotLexical
from index.hits import Mask, Positions, Scores, Takes, exact_scores
from index.lexicon import Lexical, Matched
from index.page import positions_of
from index.vectors import Rows

# What words weigh: in a question, and in one that names an identifier which the gallery has. `make
# bench BENCHMARKS=hybrid` measures both.
WEIGHT: Final = 0.3
WEIGHT_NAMED: Final = 0.8

_NEAR_FACTOR: Final = 4  # more are looked at than wanted, so that words can raise some
_NEAR_MIN: Final = 64
_NEAR_MAX: Final = 8192
_TRIED_MAX: Final = 2048  # scored by their vectors in some milliseconds
_ROUNDING: Final = 1e-12  # of a sum of two products in float64

Nearest = Callable[[int, Mask | None], tuple[Scores, Positions]]


@dataclass(frozen=True, slots=True)
class Wording:
    """The texts of queries, None of one that is none; and what their words weigh, 0 to 1.

    `weight_named` is for one that names an identifier which the gallery has.
    """

    texts: Sequence[str | None]
    weight: float
    weight_named: float

    def first(self) -> "Wording":
        """Return the same of the first query alone."""
        return replace(self, texts=self.texts[:1])


def worded(
    gallery: str, own: float | None, texts: Sequence[str | None] | None, weight: float | None
) -> Wording | None:
    """Return what queries say, where words count.

    Args:
        own: what they weigh in the gallery of this name; None where it keeps none.
        weight: what they are to weigh this time, if it is told.

    Raises:
        NotLexical: a weight is told, and there is nothing to weigh.
    """
    if own is None:
        if weight is not None:
            raise NotLexical(
                f"gallery {gallery!r} keeps no words to weigh: leave `lexical_weight` out, or "
                "import it into one that is created with `lexical`"
            )
        return None
    if texts is None or weight == 0.0:
        return None
    if weight is not None:
        return Wording(texts, weight, weight)
    return Wording(texts, own, max(own, WEIGHT_NAMED))


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rows in the order of hits: `scores` (m,) of what is told; `lexical` where words counted."""

    positions: Positions
    scores: npt.NDArray[np.float64]
    dense: Scores
    lexical: Lexical | None = None

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, at: slice | npt.NDArray[np.intp]) -> "Ranked":
        lexical = None if self.lexical is None else self.lexical[at]
        return Ranked(self.positions[at], self.scores[at], self.dense[at], lexical)


def chained(some: Sequence[Ranked]) -> Ranked:
    """Return one after the other; all or none of them with words."""
    positions, scores, dense = (
        np.concatenate([getattr(one, name) for one in some])
        for name in ("positions", "scores", "dense")
    )
    lexical = [one.lexical for one in some if one.lexical is not None]
    return Ranked(positions, scores, dense, np.concatenate(lexical) if lexical else None)


def near_enough(k: int) -> int:
    """Return how many of the nearest rows are looked at first for the best k of both."""
    return max(_NEAR_FACTOR * k, _NEAR_MIN)


def plain(scores: Scores, positions: Positions) -> Ranked:
    """Return what was found by vectors alone, without what fills it up."""
    there = positions >= 0
    return Ranked(positions[there], scores[there].astype(np.float64), scores[there])


@dataclass(frozen=True, slots=True)
class Fusion:
    """One query over the rows (n, d) of one view: vectors and words in one order.

    The score of a row is (1 - w) dense + w lexical, w the weight; ties go by the dense score, then
    by position. Rows whose dense score reaches `line` stand before all others.

    Args:
        held: the numbers (n,) of the rows, rising.
        nearest: returns the best m of the allowed rows by their vectors, filled up with -1.
    """

    rows: Takes
    held: npt.NDArray[np.int64]
    query: Rows
    matched: Matched
    weight: float
    line: float | None
    nearest: Nearest

    def best(
        self, k: int, allowed: Mask | None, near: tuple[Scores, Positions] | None = None
    ) -> Ranked:
        """Return the best k of the allowed rows: exactly those, where `nearest` is exact.

        A row without a word of the query that is among the best k is among the k nearest. One with
        such a word is either among the m nearest, or it is no nearer than the last of them: then
        its words must make up for that. So only rows whose words do are looked at. Source: Fagin,
        Lotem and Naor, Optimal Aggregation Algorithms for Middleware, 2003 (threshold algorithm).

        Args:
            near: the m nearest of the allowed, where they are known already.
        """
        worded = self._worded(allowed)
        m = near_enough(k) if near is None else len(near[1])
        while True:
            found = plain(*(self.nearest(m, allowed) if near is None else near))
            is_all = len(found) < max(1, m)
            bound = -1.0 if is_all else float(found.dense[-1])
            pool = self._scored(found.positions, worded, found.dense)
            pool = self._with(pool, self._most(worded, k), worded)
            floor = self._floor(pool, k, bound)
            tried = worded.numbers[worded.scores >= floor]
            if len(tried) <= _TRIED_MAX or is_all or m >= _NEAR_MAX:
                return self._with(pool, tried, worded)[:k]
            near, m = None, _NEAR_FACTOR * m

    def _worded(self, allowed: Mask | None) -> Matched:
        """Return the rows with words that are allowed, by their positions from now on."""
        at = positions_of(self.held, self.matched.numbers)
        there = at >= 0 if allowed is None else (at >= 0) & allowed[at]
        return Matched(at[there], self.matched.scores[there])

    def _most(self, worded: Matched, k: int) -> Positions:
        """Return the positions of the k that have most of the words."""
        if len(worded.scores) <= k:
            return worded.numbers
        return worded.numbers[np.argpartition(worded.scores, -k)[-k:]]

    def _floor(self, pool: Ranked, k: int, bound: float) -> float:
        """Return what a row that is no nearer than `bound` must have of the words to be among k."""
        assert pool.lexical is not None
        if len(pool) < k:
            return 0.0
        if self.line is not None and pool.dense[k - 1] >= self.line > bound:
            return math.inf
        missing = float(pool.scores[k - 1]) - (1 - self.weight) * bound
        return (missing - _ROUNDING) / self.weight

    def _with(self, pool: Ranked, positions: Positions, worded: Matched) -> Ranked:
        """Return the pool with some more rows, in order."""
        fresh = positions[positions_of(np.sort(pool.positions), positions) < 0]
        if len(fresh) == 0:
            return pool
        return self._scored(np.concatenate([pool.positions, fresh]), worded, pool.dense)

    def _scored(self, positions: Positions, worded: Matched, known: Scores) -> Ranked:
        """Score rows, of the first of which the dense scores are known, and bring them in order."""
        late = exact_scores(self.rows, positions[len(known) :], self.query)
        dense = np.concatenate([known, late])
        at = positions_of(worded.numbers, positions)
        lexical = np.zeros(len(dense))
        lexical[at >= 0] = worded.scores[at[at >= 0]]
        scores = (1 - self.weight) * dense.astype(np.float64) + self.weight * lexical
        behind = np.zeros(len(dense)) if self.line is None else dense < self.line
        order = np.lexsort((positions, -dense, -scores, behind))
        return Ranked(positions, scores, dense, lexical)[order]
