"""Which exemplars have the words of a query: BM25, the same whatever was written when."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from index.bags import term
from index.segment import Numbers, Segment, joined

K1: Final = 1.2
B: Final = 0.75
QUERY_WORDS_MAX: Final = 256  # different ones, of which each goes through all that have it
JOINED_ROWS_MAX: Final = 1 << 14  # within a write: some 30 ms

Lexical = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matched:
    """The rows that have a word of a query, by rising numbers (m,), with their scores (m,)."""

    numbers: Numbers
    scores: Lexical


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of all living rows of a gallery, as they stand at one moment."""

    segments: tuple[Segment, ...] = ()

    @property
    def count(self) -> int:
        """The living rows."""
        return sum(one.count for one in self.segments)

    def without(self, numbers: Sequence[int]) -> "Lexicon":
        """Return it without the rows of these numbers."""
        gone = np.sort(np.asarray(numbers, np.int64))
        kept = []
        for one in self.segments:
            some = gone[slice(*np.searchsorted(gone, [one.numbers[0], one.numbers[-1] + 1]))]
            kept.append(one.without(some) if len(some) else one)
        return Lexicon(_settled(kept))

    def with_rows(self, numbers: Sequence[int], bags: Sequence[bytes]) -> "Lexicon":
        """Return it with rows of these numbers, greater than all before, and their packed words."""
        fresh = [
            Segment.of(numbers[at : at + JOINED_ROWS_MAX], bags[at : at + JOINED_ROWS_MAX])
            for at in range(0, len(numbers), JOINED_ROWS_MAX)
        ]
        return Lexicon(_settled([*self.segments, *fresh]))

    def holds(self, words: Sequence[str]) -> bool:
        """Tell whether some row has one of these words."""
        terms = [term(word) for word in words[:QUERY_WORDS_MAX]]
        return any(len(one.postings(each)[0]) for one in self.segments for each in terms)

    def matched(self, words: Sequence[str]) -> Matched:
        """Score the rows that have a word of a query, as a share of what could be scored at most.

        A row scores the sum over the words of idf (k1 + 1) f / (f + k1 (1 - b + b l / mean l)),
        where f is how often the word stands in it, and l how many words it has; at most idf (k1 +
        1) a word. The idf is log(1 + (N - n + 1/2) / (n + 1/2)) for n rows of N. A word counts
        once, one that no row has does not count.

        Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009, eq. 3.15; the
        idf as in Lucene, so that it is never negative.
        """
        terms = [term(word) for word in list(dict.fromkeys(words))[:QUERY_WORDS_MAX]]
        count = self.count
        mean = sum(one.words for one in self.segments) / max(1, count)
        found = [[one.postings(each) for one in self.segments] for each in terms]
        having = [sum(len(docs) for docs, _ in each) for each in found]
        gains = [(K1 + 1) * math.log1p((count - n + 0.5) / (n + 0.5)) if n else 0.0 for n in having]
        most = sum(gains)
        numbers, scores = [], []
        for at, segment in enumerate(self.segments):
            mine = np.zeros(len(segment), np.float64)
            for gain, each in zip(gains, found, strict=True):
                docs, counts = each[at]
                slack = K1 * (1 - B + B * segment.lengths[docs] / mean) if len(docs) else 0.0
                mine[docs] += gain * (counts / (counts + slack))
            rows = np.flatnonzero(mine)
            numbers.append(segment.numbers[rows])
            scores.append(mine[rows] / most)
        return Matched(
            np.concatenate([np.zeros(0, np.int64), *numbers]),
            np.concatenate([np.zeros(0, np.float64), *scores]),
        )


def _settled(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Join small segments with those behind them, so that they are few and writes stay cheap."""
    kept: list[Segment] = []
    for one in segments:
        if one.count == 0:
            continue
        kept.append(joined([one]) if 2 * one.count < len(one) else one)
        while len(kept) > 1 and _belong(kept[-2].count, kept[-1].count):
            last = kept.pop()
            kept[-1] = joined([kept[-1], last])
    return tuple(kept)


def _belong(before: int, behind: int) -> bool:
    return before < 2 * behind and before + behind <= JOINED_ROWS_MAX
