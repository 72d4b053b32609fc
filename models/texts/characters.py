"""A name to the numbers of its characters; training and serving do the same."""

import re
import string

import numpy as np
from anyascii import anyascii
from numpy.typing import NDArray

ALPHABET = f" {string.ascii_lowercase}{string.digits}"
"""What is left of a name; the id of a character is its place, from 1 on, and 0 is none."""
EDGE = 1  # the blank, which also stands at both ends
APART = re.compile(r"[^a-z0-9]+")
_NUMBERS = np.zeros(128, np.int64)
_NUMBERS[[ord(letter) for letter in ALPHABET]] = np.arange(1, len(ALPHABET) + 1)


def romanised(text: str) -> str:
    """Write a name in small Latin letters and digits, one blank between words.

    >>> romanised("Café  AT&T"), romanised("ГАЗПРОМ"), romanised("Καφές 東京"), romanised("…")
    ('cafe at t', 'gazprom', 'kafes dongjing', '')
    """
    return APART.sub(" ", anyascii(text).lower()).strip()


def numbered(text: str) -> NDArray[np.int64]:
    """Number the characters of a romanised text, with an edge at both ends: int64 (length + 2,)."""
    letters = np.frombuffer(f" {text} ".encode("ascii"), np.uint8)
    row: NDArray[np.int64] = _NUMBERS[letters]
    return row
