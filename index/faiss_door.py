"""The only door to FAISS."""

import numpy as np
from faiss import IDSelectorBitmap, swig_ptr, swigfaiss

from index.hits import Mask, Positions, Scores
from index.vectors import Rows


def nearest(queries: Rows, rows: Rows, k: int, allowed: Mask | None) -> tuple[Scores, Positions]:
    """Return rough scores (q, k) and positions of the best k allowed rows; k of them there are."""
    queries = np.ascontiguousarray(queries)
    scores = np.empty((len(queries), k), np.float32)
    positions = np.empty((len(queries), k), np.int64)
    selector = None
    if allowed is not None:
        bits = np.packbits(allowed, bitorder="little")
        selector = IDSelectorBitmap(len(allowed), swig_ptr(bits))
    # `faiss.knn` takes no selector, and an IndexFlat would hold the rows a second time.
    swigfaiss.knn_inner_product(
        swig_ptr(queries),
        swig_ptr(rows),
        rows.shape[1],
        len(queries),
        len(rows),
        k,
        swig_ptr(scores),
        swig_ptr(positions),
        selector,
    )
    return scores, positions
