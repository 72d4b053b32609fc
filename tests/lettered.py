"""Encoders that need no bundle: a text's row counts the pairs of letters in it."""

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from index.vectors import Rows
from service.errors import SchemaInvalid
from service.records.pooling import Reasons

DIM = 32


def lettered(text: str, salt: str = "") -> Rows:
    """Return the unit row (32,) of a text, or zeros where it has no letter."""
    row = np.zeros(DIM, np.float32)
    padded = f" {text.lower()} "
    for at in range(len(padded) - 1):
        pair = padded[at : at + 2]
        if any(map(str.isalnum, pair)):
            digest = hashlib.blake2b((salt + pair).encode(), digest_size=2).digest()
            row[digest[0] % DIM] += 1 if digest[1] % 2 else -1
    norm = np.linalg.norm(row)
    return row / norm if norm else row


class Lettered:
    """Encoders by name, each with its space; those of one space embed alike.

    Args:
        spaces: by encoder.
    """

    def __init__(self, spaces: dict[str, str] | None = None) -> None:
        usual = {"names": "letters", "crops": "letters", "minilm": "sentences"}
        self.spaces = spaces or usual
        self.asked: list[tuple[str, list[object]]] = []

    async def space(self, encoder: str) -> tuple[str, int]:
        if encoder not in self.spaces:
            raise SchemaInvalid(f"no model {encoder!r} is loaded", param="fields")
        return self.spaces[encoder], DIM

    async def rows(
        self, encoder: str, items: Sequence[object], update: Callable[[int], None]
    ) -> tuple[Rows, Reasons]:
        self.asked.append((encoder, list(items)))
        rows = np.zeros((len(items), DIM), np.float32)
        reasons: Reasons = {}
        for at, item in enumerate(items):
            assert isinstance(item, dict)
            (text,) = item.values()
            rows[at] = lettered(text, self.spaces[encoder])
            if not rows[at].any():
                reasons[at] = "the text has no letter"
        update(len(items))
        return rows, reasons
