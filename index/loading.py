"""The rows of a gallery from the database into memory."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from index import segment, store, word_rows
from index.database import Connection
from index.lexicon import Lexicon
from index.page import Page

_ROWS_FOR_ANOTHER = 16_384  # 25 MB at 384 dimensions: below, a thread gains nothing


class VectorsDamaged(ValueError):
    """Stored vectors, or words, are not what was written."""


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
    if named:
        found = store.names(connections[0], gallery)
        numbers = np.array([row for row, _, _ in found], np.int64)
        ids, labels = [one for _, one, _ in found], [label for _, _, label in found]
    else:
        numbers = np.sort(store.rows_where(connections[0], gallery, store.EVERYTHING))
        ids, labels = [""] * len(numbers), [None] * len(numbers)
    page = Page.empty(dim, len(numbers))
    connections = connections[: 1 + len(numbers) // _ROWS_FOR_ANOTHER]
    parts = np.array_split(np.arange(len(numbers)), len(connections))
    with ThreadPoolExecutor(len(parts)) as threads:
        reads = [
            threads.submit(_read, connection, gallery, page, numbers[part], part)
            for connection, part in zip(connections, parts, strict=True)
        ]
    for read in reads:
        read.result()
    page.enter(numbers, ids, labels)
    return page


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


def _read(
    connection: Connection,
    gallery: int,
    page: Page,
    numbers: npt.NDArray[np.int64],
    part: npt.NDArray[np.int64],
) -> None:
    """Read the vectors of one part of the rows to their places."""
    if not len(part):
        return
    at, stop = int(part[0]), int(part[-1]) + 1
    for some in store.vectors(connection, gallery, int(numbers[0]), int(numbers[-1])):
        blob = b"".join(some)
        if len(blob) != 4 * page.dim * len(some):
            raise VectorsDamaged("vectors of a wrong size")
        vectors = np.frombuffer(blob, "<f4").reshape(-1, page.dim)
        norms = np.einsum("ij,ij->i", vectors, vectors)
        if not np.all(np.abs(norms - 1.0) < 1e-3):
            raise VectorsDamaged("vectors not of unit length")
        page.write(at, vectors)
        at += len(vectors)
    if at != stop:
        raise VectorsDamaged(f"{stop - at} vectors missing")
