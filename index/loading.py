"""The rows of a gallery from the database into memory."""

import numpy as np

from index import store
from index.database import Connection
from index.page import Page


class VectorsDamaged(ValueError):
    """Stored vectors are not what was written."""


def load_page(connection: Connection, gallery: int, dim: int, *, named: bool = True) -> Page:
    """Read every row of a gallery, as one moment shows them.

    Args:
        named: with ids and labels, which take 100 MB for a million rows.

    Raises:
        VectorsDamaged: they are of a wrong size, or not of unit length.
    """
    page = Page.empty(dim)
    for some in store.load(connection, gallery):
        blob, n = b"".join(some.vectors), len(some.rows)
        if len(blob) != 4 * dim * n:
            raise VectorsDamaged("vectors of a wrong size")
        vectors = np.frombuffer(blob, "<f4").reshape(-1, dim)
        norms = np.einsum("ij,ij->i", vectors, vectors)
        if not np.all(np.abs(norms - 1.0) < 1e-3):
            raise VectorsDamaged("vectors not of unit length")
        ids, labels = (some.ids, some.labels) if named else ([""] * n, [None] * n)
        page = page.with_room(n)
        page.append(vectors, some.rows, ids, labels)
    return page
