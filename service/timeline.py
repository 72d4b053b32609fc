"""Times at which something was heard: of windows that hold the same thing, the surest is kept."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# Of the shorter of two windows, beyond which they hold the same thing.
SAME_SHARE = 0.25


def apart(
    starts: Sequence[float], ends: Sequence[float], scores: Sequence[float]
) -> NDArray[np.intp]:
    """Keep the best of windows that lie on each other (non-maximum suppression in time).

    What is kept above some score does not depend on what scores less: a threshold may be set
    before or after.

    Returns:
        the places of those that are kept, the best first.

    >>> apart([0.0, 0.2, 1.0], [1.0, 1.2, 2.0], [0.5, 0.9, 0.4]).tolist()
    [1, 2]
    """
    start, end = np.asarray(starts, np.float64), np.asarray(ends, np.float64)
    length = end - start
    order = np.argsort(-np.asarray(scores, np.float64), kind="stable")
    kept = np.empty(len(order), np.intp)
    count = 0
    for at in order:
        others = kept[:count]
        both = np.minimum(end[others], end[at]) - np.maximum(start[others], start[at])
        if not np.any(both > SAME_SHARE * np.minimum(length[others], length[at])):
            kept[count] = at
            count += 1
    return kept[:count]
