"""How a label is scored by its exemplars: by the nearest of them, or by the mean of all."""

from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from index.errors import RowsInvalid
from index.hits import Mask, Positions, Scores, Takes, exact_scores, rounding_slack
from index.vectors import Rows

LabelScore = Literal["nearest", "mean"]
NEAREST: Final[LabelScore] = "nearest"
MEAN: Final[LabelScore] = "mean"

Means = npt.NDArray[np.float64]


def check_label_score(word: str) -> LabelScore:
    """Return what was asked for, if there is such a way to score a label.

    Raises: RowsInvalid.
    """
    for one in get_args(LabelScore):
        if word == one:
            return one  # type: ignore[no-any-return]
    raise RowsInvalid(f"label_score is {word!r}: nearest or mean")


def best_by_mean(
    rows: Takes,
    codes: npt.NDArray[np.int32],
    query: Rows,
    rough: Scores,
    k: int,
    allowed: Mask | None,
) -> tuple[Means, Positions]:
    """Return the best k labels by the mean score of all their allowed exemplars.

    The mean of inner products is the inner product with the mean, so that this ranks labels as
    their prototypes do (Snell, Swersky and Zemel, arXiv:1703.05175, eq. 1) that are not brought
    back to unit length: a label whose exemplars lie apart is told less surely. Every row is looked
    at, and those labels that rounding could place among the best are scored in the fixed way.

    Args:
        codes: (n,) the label of each row.
        query: (d,).
        rough: (n,) float32 scores of the rows.
        allowed: (n,) which rows count; None for all.

    Returns:
        means (m,), the highest first, ties by lower position; and the position (m,) of each label's
        nearest exemplar.
    """
    there = np.arange(len(codes)) if allowed is None else np.flatnonzero(allowed)
    if not len(there):
        return np.empty(0), np.empty(0, np.int64)
    here = codes[there]
    counts = np.bincount(here)
    means = np.full(len(counts), -np.inf)
    sums = np.bincount(here, weights=rough[there])
    means[counts > 0] = sums[counts > 0] / counts[counts > 0]
    k = min(k, int(np.count_nonzero(counts)))
    floor = np.partition(means, len(means) - k)[len(means) - k] - rounding_slack(len(query))
    there = there[(means >= floor)[here]]
    return _ordered(codes[there], exact_scores(rows, there, query), there, k)


def _ordered(
    codes: npt.NDArray[np.int32], scores: Scores, positions: Positions, k: int
) -> tuple[Means, Positions]:
    """Bring labels in order, given the fixed scores of all their rows."""
    by_label = np.lexsort((positions, -scores, codes))
    _, first = np.unique(codes[by_label], return_index=True)
    nearest = positions[by_label][first]
    _, which = np.unique(codes, return_inverse=True)
    # Of positions in their order: a mean does not depend on how its rows were found.
    means = np.bincount(which, weights=scores) / np.bincount(which)
    order = np.lexsort((nearest, -means))[:k]
    return means[order], nearest[order]
