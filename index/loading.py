"""The rows of a gallery from the database into memory."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np

from index import segment, store, word_rows
from index.database import Connection, corrupt, translated
from index.lexicon import Lexicon
from index.page import Page
from index.vectors import Rows

_ROWS_FOR_ANOTHER = 16_384  # 25 MB at 384 dimensions: below, a thread gains nothing


class VectorsDamaged(ValueError):
    """Stored vectors, or words, are not what was written."""


@contextmanager
def undamaged(path: Path, name: str) -> Iterator[None]:
    """Turn what is found wrong with a gallery of a database into its errors.

    Raises: StoreCorrupt, StoreUnavailable.
    """
    try:
        with translated(path):
            yield
    except VectorsDamaged as error:
        raise corrupt(path, f"gallery {name!r} has {error}") from error


def load_page(
    connections: Sequence[Connection], gallery: int, dim: int, *, named: bool = True
) -> Page:
    """Read every row of a gallery, by as many threads as there are connections.

    Args:
        connections: one inside a read transaction, or several while nobody writes.
        named: with ids and labels, which take 100 MB for a million rows.

    Raises:
        VectorsDamaged: they are missing, of a wrong size, or not of unit length.
    """
    page = load_names(connections[0], gallery, dim, named=named)
    load_vectors(connections, gallery, page, 0)
    return page


def load_names(connection: Connection, gallery: int, dim: int, *, named: bool = True) -> Page:
    """Return a page of every row of a gallery, whose vectors are not written yet."""
    if named:
        numbers, ids, labels = store.names(connection, gallery)
    else:
        numbers = np.sort(store.rows_where(connection, gallery, store.EVERYTHING))
        ids, labels = [""] * len(numbers), [None] * len(numbers)
    page = Page.empty(dim, len(numbers))
    page.enter(numbers, ids, labels)
    return page


def load_vectors(connections: Sequence[Connection], gallery: int, page: Page, first: int) -> None:
    """Write the vectors of a page from the position `first` on, as :func:`load_page` reads them.

    Raises:
        VectorsDamaged.
    """
    rows = len(page) - first
    connections = connections[: 1 + rows // _ROWS_FOR_ANOTHER]
    cuts = [first + rows * part // len(connections) for part in range(len(connections) + 1)]
    with ThreadPoolExecutor(len(connections)) as threads:
        reads = [
            threads.submit(write_vectors, connection, gallery, page, start, stop)
            for connection, (start, stop) in zip(connections, pairwise(cuts), strict=True)
        ]
    for read in reads:
        read.result()


def load_lexicon(connection: Connection, gallery: int) -> Lexicon:
    """Read the words of every row of a gallery, inside a read transaction.

    Raises:
        VectorsDamaged: they are of a wrong size.
    """
    segments = []
    for some in word_rows.bags(connection, gallery, segment.ROWS_MAX):
        numbers, bags = zip(*some, strict=True)
        try:
            segments.append(segment.Segment.of(numbers, bags))
        except ValueError as error:
            raise VectorsDamaged(str(error)) from None
    return Lexicon(tuple(segments))


def write_vectors(connection: Connection, gallery: int, page: Page, start: int, stop: int) -> None:
    """Read the vectors of the rows from `start` to `stop` to their places in a page.

    Raises:
        VectorsDamaged.
    """
    if start == stop:
        return
    at, numbers = start, page.numbers
    for some in store.vectors(connection, gallery, int(numbers[start]), int(numbers[stop - 1])):
        vectors = checked(some, page.dim)
        page.write(at, vectors)
        at += len(vectors)
    if at != stop:
        raise VectorsDamaged(f"{stop - at} vectors missing")


def checked(some: list[bytes], dim: int) -> Rows:
    """Return vectors (n, d) out of their bytes.

    Raises:
        VectorsDamaged.
    """
    blob = b"".join(some)
    if len(blob) != 4 * dim * len(some):
        raise VectorsDamaged("vectors of a wrong size")
    vectors = np.frombuffer(blob, "<f4").reshape(-1, dim)
    norms = np.einsum("ij,ij->i", vectors, vectors)
    if not np.all(np.abs(norms - 1.0) < 1e-3):
        raise VectorsDamaged("vectors not of unit length")
    return vectors
