"""The words of one exemplar, counted: kept beside it, so that a start has nothing to split."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from index.words import split

Terms: TypeAlias = npt.NDArray[np.uint64]
Counts: TypeAlias = npt.NDArray[np.uint8]

COUNT_MAX: Final = 255  # of one word in one exemplar; beyond a few it changes no score
POSTING_BYTES: Final = 9
_TEXTS: Final = ("text", "code")  # of an item, what is written in words


def spoken(item: Mapping[str, Any] | None, label: str | None) -> list[str]:
    """Return the words by which an exemplar is found: those of its item and of its label."""
    texts = [] if item is None else [item.get(name) for name in _TEXTS]
    record = {} if item is None else item.get("record") or {}
    for name, part in record.items() if isinstance(record, Mapping) else ():
        inner = part if isinstance(part, Mapping) else {"text": part} if name == "name" else {}
        texts += [inner.get(kind) for kind in _TEXTS]
        texts += [part] if name in _TEXTS else []
    return split("\n".join(text for text in [label, *texts] if isinstance(text, str)))


def packed(words: Sequence[str]) -> bytes:
    """Write words out: their terms, rising, then how often each occurs."""
    counted = sorted((term(word), count) for word, count in Counter(words).items())
    terms = np.array([one for one, _ in counted], "<u8")
    counts = np.array([min(count, COUNT_MAX) for _, count in counted], np.uint8)
    return terms.tobytes() + counts.tobytes()


def unpacked(bags: Sequence[bytes]) -> tuple[Terms, Counts, npt.NDArray[np.int64]]:
    """Return the terms (p,) and counts (p,) of bags one after the other, and where each ends (m,).

    Raises:
        ValueError: one of them is no bag.
    """
    sizes = np.array([len(bag) for bag in bags], np.int64)
    if (sizes % POSTING_BYTES).any():
        raise ValueError("words of a wrong size")
    each = sizes // POSTING_BYTES
    terms = np.frombuffer(
        b"".join(bag[: 8 * n] for bag, n in zip(bags, each.tolist(), strict=True)), "<u8"
    )
    counts = np.frombuffer(
        b"".join(bag[8 * n :] for bag, n in zip(bags, each.tolist(), strict=True)), np.uint8
    )
    return terms.astype(np.uint64), counts, np.cumsum(each)


@lru_cache(maxsize=1 << 16)
def term(word: str) -> int:
    """Return the number that stands for a word: 64 bits of a hash.

    Of ten million different words two would share one in 400 000 galleries.
    """
    hashed = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(hashed.digest(), "little")
