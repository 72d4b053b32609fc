"""Texts of two sides, compared side by side in several ways."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.hits import Mask, Positions
from index.linking.curves import Numbers
from index.linking.grams import Grams

LETTERS, FIRST, WORDS, RARE = "letters", "first letters", "words", "rare"
WAYS = (LETTERS, FIRST, WORDS, RARE)
CHARACTERS_MAX = 2000  # of a text that are compared


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts of the records of two sides, small Latin letters and digits; each different one once.

    Args:
        texts: the different ones.
        left, right: which of them each record of a side has (n,), (m,); -1 where it has none.
        grams: theirs.
    """

    texts: Sequence[str]
    left: Positions
    right: Positions
    grams: Grams

    @classmethod
    def of(cls, left: Sequence[str | None], right: Sequence[str | None]) -> "Texts":
        """Take the texts of two sides; None or nothing is missing."""
        place: dict[str, int] = {}
        sides = [
            np.array([_placed(one, place) for one in side], np.int64) for side in (left, right)
        ]
        return cls(list(place), sides[0], sides[1], Grams.of(list(place)))

    def compared(self, at: Positions, other: Positions) -> dict[str, Numbers]:
        """Compare left records with right ones, side by side (n,); NaN where one has no text.

        Returns:
            By way, 0 to 1: `letters`, the normalised Levenshtein similarity; `first letters`, that
            of Jaro and Winkler; `words`, the similarity of the sets of words (token set ratio);
            `rare`, the cosine of n-grams.
        """
        from rapidfuzz import fuzz  # noqa: PLC0415 - where strings count
        from rapidfuzz.distance import JaroWinkler, Levenshtein  # noqa: PLC0415
        from rapidfuzz.process import cpdist  # noqa: PLC0415

        mine, theirs = self.left[at], self.right[other]
        both: Mask = (mine >= 0) & (theirs >= 0)
        mine, theirs = mine[both], theirs[both]
        one, two = ([self.texts[place] for place in side.tolist()] for side in (mine, theirs))
        told = {
            LETTERS: cpdist(one, two, scorer=Levenshtein.normalized_similarity, workers=-1),
            FIRST: cpdist(one, two, scorer=JaroWinkler.similarity, workers=-1),
            WORDS: cpdist(one, two, scorer=fuzz.token_set_ratio, workers=-1) / 100.0,
            RARE: self.grams.cosines(mine, theirs),
        }
        found = {}
        for way, scores in told.items():
            found[way] = np.full(len(at), np.nan)
            found[way][both] = scores
        return found


def _placed(text: str | None, place: dict[str, int]) -> int:
    return place.setdefault(text[:CHARACTERS_MAX], len(place)) if text else -1
