"""Hits, and the one order they stand in: higher score first, ties by lower position."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from index.vectors import Rows

Scores = npt.NDArray[np.float32]
Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SLICE_ROWS = 4096  # bounds the float64 copy of candidates: 4096 x 384 is 12 MB


@dataclass(frozen=True, slots=True)
class Hit:
    """One exemplar found; `row` is its durable row number, which is never reused.

    Where it was found by a part of it, `seconds` are the part's, and `id` is that of the whole.

    Where the words of the query counted too, `score` is that of both, and these are its parts.
    """

    id: str
    label: str | None
    score: float
    row: int
    payload: Mapping[str, Any] | None = None
    vector: Rows | None = None
    fused: tuple[float, float] | None = None
    seconds: tuple[float, float] | None = None

    @property
    def dense(self) -> float:
        """The inner product with the query, on which thresholds are calibrated."""
        return self.score if self.fused is None else self.fused[0]

    @property
    def lexical(self) -> float | None:
        """What it has of the query's words, 0 to 1; None where words did not count."""
        return None if self.fused is None else self.fused[1]


@dataclass(frozen=True, slots=True)
class Found:
    """The hits of each query, and the `seq` of the gallery that was searched."""

    seq: int
    hits: list[list[Hit]]


class Takes(Protocol):
    """Rows (n, d) of which some can be copied out."""

    def take(self, positions: Positions) -> Rows:
        """Return the rows at these positions (m,), as (m, d)."""
        ...


def exact_scores(rows: Takes, positions: Positions, query: Rows) -> Scores:
    """Score the rows (n, d) at `positions` (m,) against one query (d,), always in the same way.

    Products and pairwise sums are float64, rounded once to float32 and clipped to [-1, 1]. So a
    score depends on the two rows alone: not on the batch, the backend, the block of BLAS or the
    thread count.
    """
    scores = np.empty(len(positions), np.float32)
    for start in range(0, len(positions), _SLICE_ROWS):
        part = slice(start, start + _SLICE_ROWS)
        scores[part] = pair_scores(rows.take(positions[part]), query)
    return scores


def pair_scores(left: Rows, right: Rows) -> Scores:
    """Score rows (n, d) with as many others, or with one (d,), in the way of `exact_scores`."""
    products = left.astype(np.float64) * right.astype(np.float64)
    scores: Scores = products.sum(axis=1).astype(np.float32)
    return scores.clip(-1.0, 1.0)


def rounding_slack(dim: int) -> float:
    """Return how far below the k-th rough score a true hit may lie.

    A float32 inner product of unit rows is off by at most dim * 2**-24, whatever the order of its
    sum; two such errors meet. Source: Higham, Accuracy and Stability of Numerical Algorithms,
    eq. 3.5.
    """
    return 2.0 * (dim + 4) * 2.0**-24


def ranked(scores: Scores, positions: Positions, k: int) -> tuple[Scores, Positions]:
    """Return the best k of the candidates in the order of hits."""
    order = np.lexsort((positions, -scores))[:k]
    return scores[order], positions[order]


def best_of(
    rows: Takes, query: Rows, rough: Scores, positions: Positions, k: int
) -> tuple[Scores, Positions]:
    """Return the best k for a query (d,), given rough float32 scores (m,) of rows at `positions`.

    Only those that rounding could place among the best are scored in the fixed way.
    """
    k = min(k, len(rough))
    if k == 0:
        return rough[:0], positions[:0]
    kth = np.partition(rough, len(rough) - k)[len(rough) - k]
    slack = rounding_slack(len(query))
    floor = kth - slack if np.isfinite(kth) else np.finfo(np.float32).min
    near = positions[np.flatnonzero(rough >= floor)]
    return ranked(exact_scores(rows, near, query), near, k)


def stacked(found: Sequence[tuple[Scores, Positions]], k: int) -> tuple[Scores, Positions]:
    """Stack the answers of several queries to (q, k), filled up with -inf and position -1."""
    scores = np.full((len(found), k), -np.inf, np.float32)
    positions = np.full((len(found), k), -1, np.int64)
    for i, (some_scores, some_positions) in enumerate(found):
        scores[i, : len(some_scores)] = some_scores
        positions[i, : len(some_positions)] = some_positions
    return scores, positions
