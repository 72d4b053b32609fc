"""Names, each beside a reading of it: what the text tower learns from, and is tried on."""

import random
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from models.pictures.grams import Grams, plain
from models.training.evaluation import recall
from models.training.names.misread import misread
from models.training.recipe import Pair
from models.training.views.pairs import held_out

TRIED, TRIED_SEED = 2000, 11


def letters(name: str) -> str:
    """Reduce a name to what two spellings of it share: letters and digits, no blank."""
    return plain(name).replace(" ", "")


def learnable(names: Iterable[str], unseen: Iterable[str]) -> list[str]:
    """List names, each once, sorted; without those that are kept from training."""
    kept = {letters(name) for name in unseen}
    found = {letters(name): name for name in names}
    return sorted(name for key, name in found.items() if key and key not in kept)


class NamePairs:
    """Draws batches of names and readings of them; the same step gives the same batch."""

    def __init__(self, names: Sequence[str], grams: Grams, seed: int) -> None:
        self.names, self.grams, self.seed = names, grams, seed

    def draw(self, step: int, size: int) -> Pair:
        """Draw a batch: ids of the names, of their readings, and no two of one name."""
        draw = random.Random(f"{self.seed} {step}")  # noqa: S311 - seeded draws of a training
        chosen = draw.sample(self.names, size)
        # Keys of collections have no blanks: a name is learnt both ways.
        spelt = [name.replace(" ", "") if draw.random() < 0.3 else name for name in chosen]
        read = [misread(name, self.names, draw) for name in chosen]
        return Pair(self._ids(spelt), self._ids(read), torch.arange(size))

    def _ids(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.from_numpy(np.stack([self.grams.ids(text)[0] for text in texts]))


def tried(names: Sequence[str], grams: Grams) -> Pair:
    """Draw the trial: names that are not learnt from, and a reading of each."""
    return NamePairs(names, grams, TRIED_SEED).draw(0, min(TRIED, len(names)))


def parted(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Part names into those to learn from and those to be tried on, by hash."""
    out = [held_out(letters(name)) for name in names]
    return (
        [name for name, away in zip(names, out, strict=True) if not away],
        [name for name, away in zip(names, out, strict=True) if away],
    )


@torch.no_grad()
def found_first(tower: torch.nn.Module, pair: Pair) -> float:
    """Tell the share of readings whose own name is the nearest of all."""
    names, readings = tower(pair.first).numpy(), tower(pair.second).numpy()
    return recall(readings @ names.T, range(len(names)), 1)
