"""Names, each beside a reading of it, among names that are nearly the same."""

import random
import zlib
from collections.abc import Callable, Sequence
from functools import cached_property

import torch

from models.texts.characters import numbered, romanised
from models.training.recipe import Pair
from models.training.records import confusions
from models.training.records.confusions import Confusions
from models.training.records.naming import Naming
from models.training.records.pool import Pool
from models.training.records.variants import Variants, mistyped, near

NEAR_SHARE = 0.5  # of a batch; the others are what these are near to
CHARACTERS_MAX = 64
TRIES = 20  # to find a name nearby that is to be learnt from, or to be tried
UNSEEN = 5  # of names, one in so many is never learnt from
Named = Callable[[random.Random], str]


class NamePairs:
    """Draws batches of names and readings of them; the same step gives the same batch.

    Args:
        tried: whether the names are those that are kept for trials.
    """

    def __init__(self, pool: Pool, seed: int, *, tried: bool = False) -> None:
        self.naming, self.variants = Naming(pool), Variants(pool.forms)
        self.seed, self.tried = seed, tried

    @cached_property
    def confusions(self) -> Confusions:
        """What a reader makes of letters."""
        return confusions.load()

    def draw(self, step: int, size: int) -> Pair:
        """Draw a batch: characters of the names, and of their readings."""
        draw = random.Random(f"{self.seed} {step}")  # noqa: S311 - seeded draws of a training
        names = self.names(size, draw)
        first = [self.filed(name, draw) for name in names]
        second = [self.read(name, draw) for name in names]
        both = padded([*first, *second])
        return Pair(both[:size], both[size:], numbers_of(names))

    def names(self, size: int, draw: random.Random, named: Named | None = None) -> list[str]:
        """Draw names, and after them others that are nearly the same; none that is unseen.

        Args:
            named: draws one; by default, one of any kind.
        """
        names: list[str] = []
        while len(names) < round(size * (1 - NEAR_SHARE)):
            name = (named or self.naming.draw)(draw)
            if romanised(name) and unseen(name) == self.tried:
                names.append(name)
        for place in range(size - len(names)):
            beside = (near(names[place], draw.choice(names), draw) for _ in range(TRIES))
            kept = (n for n in beside if romanised(n) and unseen(n) == self.tried)
            names.append(next(kept, names[place]))
        return names

    def filed(self, name: str, draw: random.Random) -> str:
        """Spell a name as a careful list may have it."""
        return self.variants.draw(name, draw) if draw.random() < 0.15 else name

    def read(self, name: str, draw: random.Random) -> str:
        """Spell a name as a careless hand or an optical reader has it; never as nothing."""
        kind = draw.random()
        text = self.variants.draw(name, draw) if kind < 0.4 else name
        kind = draw.random()
        if kind < 0.65:
            text = self.confusions.misread(text, draw)
        elif kind < 0.85:
            text = mistyped(text, draw)
        return text if romanised(text) else name


def unseen(name: str) -> bool:
    """Tell by a name alone whether it is kept for trials."""
    return zlib.crc32(romanised(name).encode()) % UNSEEN == 0


def numbers_of(names: Sequence[str]) -> torch.Tensor:
    """Number names, those that are written alike the same: int64 (n,)."""
    written = [romanised(name) for name in names]
    number = {text: place for place, text in enumerate(dict.fromkeys(written))}
    return torch.tensor([number[text] for text in written])


def padded(texts: Sequence[str]) -> torch.Tensor:
    """Number the characters of texts, filled up with 0: int64 (n, length)."""
    rows = [numbered(romanised(text)[:CHARACTERS_MAX]) for text in texts]
    batch = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
    for place, row in enumerate(rows):
        batch[place, : len(row)] = torch.from_numpy(row)
    return batch
