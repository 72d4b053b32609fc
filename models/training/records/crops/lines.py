"""Batches of printed names: the ink, what is read there, and the name as a list has it."""

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.texts.characters import romanised
from models.training.records.crops.printing import Press
from models.training.records.pairs import NamePairs, numbers_of, padded

PRINTED = frozenset(string.printable + "éèêëàâäçùûüïîôöœæÉÈÀÂÇÔÎŒñáíóúßåøÅØÄÖÜ\u2019°")
ENTRIES = 0.65  # of the lines, whole entries of directories
ALONE = 0.35  # of these, the name alone
MINED_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Lines:
    """A batch: row i of each is one line.

    Args:
        ink: uint8 (n, h, w).
        names: characters of the names as filed, int64 (n, length).
        readings: characters of what a reader made of them.
        texts: characters of what can be seen, 0 fills up, (n, length); and how many, (n,).
        labels: int64 (n,); lines of one label are of one name.
    """

    ink: torch.Tensor
    names: torch.Tensor
    readings: torch.Tensor
    texts: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor


class PrintedNames:
    """Draws batches of lines; the same step gives the same batch.

    Args:
        pairs: draws the names, and reads them.
        press: sets the lines.
        mined: groups of names that an encoder takes for nearly the same, if they were mined.
    """

    def __init__(
        self, pairs: NamePairs, press: Press, seed: int, mined: Sequence[Sequence[str]] = ()
    ) -> None:
        self.pairs, self.press, self.seed, self.mined = pairs, press, seed, mined

    def draw(self, step: int, size: int) -> Lines:
        """Draw a batch."""
        draw = random.Random(f"{self.seed} {step}")  # noqa: S311 - seeded draws of a training
        return self.lines(self.names(size, draw), draw)

    def lines(self, names: Sequence[str], draw: random.Random) -> Lines:
        """Print names, some as the beginning of an entry."""
        ink, texts = [], []
        for name in names:
            entry = self.pairs.naming.directory.draw(draw)
            alone = draw.random() < ALONE
            line = self.press.line(name, "" if alone else entry.rest, draw)
            ink.append(line.ink)
            texts.append(line.text)
        readings = [self.pairs.confusions.misread(name, draw) for name in names]
        readings = [r if romanised(r) else n for r, n in zip(readings, names, strict=True)]
        seen = padded(texts)[:, 1:]
        lengths = torch.tensor([len(romanised(text)) for text in texts])
        return Lines(
            torch.from_numpy(np.stack(ink)),
            padded(names),
            padded(readings),
            seen,
            lengths.clamp(max=seen.shape[1]),
            numbers_of(names),
        )

    def names(self, size: int, draw: random.Random) -> list[str]:
        """Draw names that the types can set, with others that are nearly the same."""
        names: list[str] = []
        for group in draw.sample(self.mined, self._groups(size)):
            names.extend(group)
        while len(names) < size:
            some = self._entries(draw) if draw.random() < ENTRIES else self.pairs.names(2, draw)
            names.extend(name for name in some if PRINTED.issuperset(name))
        return names[:size]

    def _groups(self, size: int) -> int:
        return round(MINED_SHARE * size / len(self.mined[0])) if self.mined else 0

    def _entries(self, draw: random.Random) -> list[str]:
        return self.pairs.names(2, draw, self.pairs.naming.directory.name)
