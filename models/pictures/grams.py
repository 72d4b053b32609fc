"""What a mark reads, as the numbers of its n-grams; training and serving do the same."""

import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Grams:
    """How a reading becomes ids: those of its character n-grams, hashed.

    A misread letter changes the few n-grams about it and leaves the others, so that a reading is
    still near the name. Source: Bojanowski et al., "Enriching Word Vectors with Subword
    Information", arXiv:1607.04606, section 3.2.

    Args:
        sizes: lengths of the n-grams, in characters.
        buckets: ids there are; 0 stands for no n-gram.
        characters_max: of a plain reading; what is beyond is cut off.
        seed: of the hash.
    """

    sizes: Sequence[int] = (1, 2, 3)
    buckets: int = 16_384
    characters_max: int = 32
    seed: int = 0

    @cached_property
    def length(self) -> int:
        """How many ids a reading has at most."""
        return sum(max(0, self.characters_max + 3 - size) for size in self.sizes)

    def ids(self, reading: str) -> tuple[NDArray[np.int32], bool]:
        """Number the n-grams of a reading, in any letters and of any length.

        Returns:
            int32 (length,), filled up with 0: all 0 where it has no letter or digit; and whether
            some of it was cut off.
        """
        text = plain(reading)
        row = np.zeros(self.length, np.int32)
        found = [self._id(gram) for gram in self._grams(text[: self.characters_max])]
        row[: len(found)] = found
        return row, len(text) > self.characters_max

    def _grams(self, text: str) -> Iterator[str]:
        """Cut a plain text into n-grams; a blank on either side tells where a word ends."""
        if not text:
            return
        padded = f" {text} "
        for size in self.sizes:
            for start in range(len(padded) + 1 - size):
                gram = padded[start : start + size]
                if gram != " ":
                    yield gram

    def _id(self, gram: str) -> int:
        return 1 + zlib.crc32(gram.encode(), self.seed) % (self.buckets - 1)


def plain(text: str) -> str:
    """Write a reading as letters and digits without case or accents, one blank between words.

    >>> plain("Café  AT&T®"), plain("Straße"), plain("…")
    ('cafe at t', 'strasse', '')
    """
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    bare = "".join(c for c in apart if unicodedata.category(c) != "Mn")
    whole = unicodedata.normalize("NFKC", bare)
    return " ".join("".join(c if c.isalnum() else " " for c in whole).split())
