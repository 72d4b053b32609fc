"""Character n-grams of texts, each counting by how rare it is: cosines of texts side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.hits import Positions

LONGEST = 4  # characters of an n-gram; the shortest has two
PAIRS_AT_ONCE = 1 << 14
TEXTS_AT_ONCE = 1 << 16
_LETTERS = b" abcdefghijklmnopqrstuvwxyz0123456789"
_BASE = len(_LETTERS)
_FIRST = np.cumsum([0, *(_BASE**n for n in range(2, LONGEST + 1))])
_KINDS = int(_FIRST[-1])
_CODES = np.zeros(256, np.int64)
_CODES[list(_LETTERS)] = np.arange(_BASE)
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grams:
    """Texts as sparse unit rows: of each n-gram its weight.

    Args:
        starts: where the n-grams of each text begin, and where the last ones end (n + 1,).
        kinds: which n-grams they are, rising within a text (m,).
        weights: (m,), of each text's squares the sum is 1; a text without n-grams has none.
    """

    starts: Codes
    kinds: Codes
    weights: npt.NDArray[np.float32]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Grams":
        """Weigh the n-grams of 2 to 4 letters and digits within words, by all texts together.

        Args:
            texts: each once, in small Latin letters and digits; all else parts words.

        An n-gram that a text has c times, and d of n texts have, weighs
        (1 + ln c) (1 + ln((1 + n) / (1 + d))), before the text is brought to unit length.

        Source: Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988.
        """
        slices = [
            _counted(texts[start : start + TEXTS_AT_ONCE], start)
            for start in range(0, len(texts), TEXTS_AT_ONCE)
        ]
        nothing = np.zeros(0, np.int64)
        text, kinds, counts = (
            np.concatenate([nothing, *(one[part] for one in slices)]) for part in range(3)
        )
        rare = 1.0 + np.log((1.0 + len(texts)) / (1.0 + np.bincount(kinds, minlength=_KINDS)))
        weights = (1.0 + np.log(counts)) * rare[kinds]
        norms = np.sqrt(np.bincount(text, weights * weights, minlength=len(texts)))
        starts = np.searchsorted(text, np.arange(len(texts) + 1))
        return cls(starts, kinds, (weights / norms[text]).astype(np.float32))

    def cosines(self, left: Positions, right: Positions) -> npt.NDArray[np.float32]:
        """Return the cosine of texts by their places, side by side (n,), 0 to 1.

        >>> texts = Grams.of(["acme", "acme ltd", "zeta"])
        >>> texts.cosines(np.array([0, 0, 0]), np.array([0, 1, 2])).round(2).tolist()
        [1.0, 0.6899999976158142, 0.0]
        """
        found = np.zeros(len(left), np.float32)
        for start in range(0, len(left), PAIRS_AT_ONCE):
            some = slice(start, start + PAIRS_AT_ONCE)
            found[some] = self._cosines(left[some], right[some])
        return found.clip(0.0, 1.0)

    def _cosines(self, left: Positions, right: Positions) -> npt.NDArray[np.float64]:
        mine, at = self._spread(left)
        theirs, other = self._spread(right)
        if not len(mine) or not len(theirs):
            return np.zeros(len(left))
        place = np.minimum(np.searchsorted(theirs, mine), len(theirs) - 1)
        both = theirs[place] == mine
        products = self.weights[at[both]] * self.weights[other[place[both]]]
        summed = np.bincount(mine[both] // _KINDS, products, minlength=len(left))
        return summed.astype(np.float64)

    def _spread(self, texts: Positions) -> tuple[Codes, Positions]:
        """Number the n-grams of texts by place and kind, rising; and tell where each stands."""
        first, counts = self.starts[texts], self.starts[texts + 1] - self.starts[texts]
        place = np.repeat(np.arange(len(texts)), counts)
        within = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        at = np.repeat(first, counts) + within
        return place * _KINDS + self.kinds[at], at


def _counted(texts: Sequence[str], first: int) -> tuple[Codes, Codes, Codes]:
    """Count the n-grams of each text: the text's number, the kind, how often; in this order."""
    words = [" ".join(text.split()) for text in texts]
    stream = "".join(f" {text} " for text in words).encode("ascii", "replace")
    letters = _CODES[np.frombuffer(stream, np.uint8)]
    text = np.repeat(np.arange(len(words)), [len(one) + 2 for one in words])
    blank = letters == 0
    keys = []
    for n in range(2, LONGEST + 1):
        many = max(0, len(letters) - n + 1)
        kind = np.zeros(many, np.int64)
        apart = blank[:many] & blank[n - 1 :][:many] if n == 2 else np.zeros(many, np.bool_)
        for place in range(n):
            kind = kind * _BASE + letters[place : place + many]
            if 0 < place < n - 1:
                apart |= blank[place : place + many]
        keys.append((text[:many] * _KINDS + _FIRST[n - 2] + kind)[~apart])
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    return found // _KINDS + first, found % _KINDS, counts
