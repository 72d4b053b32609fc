"""An inverted index over some exemplars: for each word those that have it, and how often."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from index.bags import Counts, Terms, unpacked
from index.hits import Mask
from index.page import positions_of

ROWS_MAX: Final = 1 << 16  # of one segment: its rows are numbered in 16 bits

Numbers = npt.NDArray[np.int64]
Docs = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Segment:
    """Postings of up to `ROWS_MAX` rows; never changed but by being replaced.

    Args:
        numbers: (m,) of the rows, rising.
        lengths: (m,) words of each.
        terms: (t,) that occur, rising.
        starts: (t + 1,) where the postings of each begin.
        docs: (p,) positions of rows in this segment.
        counts: (p,) how often the term stands there.
        alive: (m,) None where every row lives.
    """

    numbers: Numbers
    lengths: npt.NDArray[np.int32]
    terms: Terms
    starts: npt.NDArray[np.int64]
    docs: Docs
    counts: Counts
    alive: Mask | None = None

    @classmethod
    def of(cls, numbers: Sequence[int] | Numbers, bags: Sequence[bytes]) -> "Segment":
        """Make one of rows of these numbers, rising, and their packed words.

        Raises:
            ValueError: a bag is none.
        """
        terms, counts, ends = unpacked(bags)
        docs = np.repeat(np.arange(len(bags)), np.diff(ends, prepend=0))
        lengths = np.bincount(docs, weights=counts, minlength=len(bags)).astype(np.int32)
        return _inverted(np.asarray(numbers, np.int64), lengths, terms, docs, counts)

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def count(self) -> int:
        """The living rows."""
        return len(self) if self.alive is None else int(np.count_nonzero(self.alive))

    @property
    def words(self) -> int:
        """The words of all living rows."""
        lengths = self.lengths if self.alive is None else self.lengths[self.alive]
        return int(lengths.sum(dtype=np.int64))

    def postings(self, term: int) -> tuple[Docs, Counts]:
        """Return the living rows that have a term, and how often each has it."""
        at = int(np.searchsorted(self.terms, np.uint64(term)))
        if at == len(self.terms) or self.terms[at] != term:
            return self.docs[:0], self.counts[:0]
        part = slice(self.starts[at], self.starts[at + 1])
        docs, counts = self.docs[part], self.counts[part]
        if self.alive is None:
            return docs, counts
        living = self.alive[docs]
        return docs[living], counts[living]

    def without(self, numbers: Numbers) -> "Segment":
        """Return it with the rows of these numbers dead; others are passed over."""
        at = positions_of(self.numbers, numbers)
        alive = np.ones(len(self), np.bool_) if self.alive is None else self.alive.copy()
        alive[at[at >= 0]] = False
        return replace(self, alive=alive)


def joined(segments: Sequence[Segment]) -> Segment:
    """Return the living rows of segments, each behind those of the one before, as one segment."""
    parts = [_living(one) for one in segments]
    sizes = [len(numbers) for numbers, *_ in parts]
    first = np.cumsum([0, *sizes[:-1]])
    docs = [at + start for (_, _, _, at, _), start in zip(parts, first, strict=True)]
    numbers, lengths, terms, _, counts = (np.concatenate(each) for each in zip(*parts, strict=True))
    return _inverted(numbers, lengths, terms, np.concatenate(docs), counts)


def _living(
    one: Segment,
) -> tuple[Numbers, npt.NDArray[np.int32], Terms, npt.NDArray[np.int64], Counts]:
    """Return numbers, lengths, and posting by posting terms, docs and counts of what lives."""
    terms = np.repeat(one.terms, np.diff(one.starts))
    docs = one.docs.astype(np.int64)
    if one.alive is None:
        return one.numbers, one.lengths, terms, docs, one.counts
    kept = one.alive[docs]
    to = np.cumsum(one.alive) - 1
    numbers, lengths = one.numbers[one.alive], one.lengths[one.alive]
    return numbers, lengths, terms[kept], to[docs[kept]], one.counts[kept]


def _inverted(
    numbers: Numbers,
    lengths: npt.NDArray[np.int32],
    terms: Terms,
    docs: npt.NDArray[np.int64],
    counts: Counts,
) -> Segment:
    """Bring the postings of a term together; in which order its rows stand does not matter."""
    order = np.argsort(terms)
    terms = terms[order]
    changes = np.flatnonzero(terms[1:] != terms[:-1]) + 1
    starts = np.concatenate([[0], changes]) if len(terms) else np.zeros(0, np.int64)
    return Segment(
        numbers,
        lengths,
        terms[starts],
        np.append(starts, len(terms)),
        docs[order].astype(np.uint16),
        counts[order],
    )
