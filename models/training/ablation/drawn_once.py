"""Batches that are drawn once and kept, for trainings that are to see the same."""

from dataclasses import asdict
from pathlib import Path

import torch

from models.training.recipe import Pair, Pairs


class DrawnOnce:
    """Draws what others draw, once: a batch is kept in a file, and read from it from then on.

    Args:
        pairs: draws what is not kept yet.
        folder: of the files, one a batch; it holds batches of these pairs alone.
    """

    def __init__(self, pairs: Pairs, folder: Path) -> None:
        self.pairs, self.folder = pairs, folder
        folder.mkdir(parents=True, exist_ok=True)

    def draw(self, step: int, size: int) -> Pair:
        """Draw one batch, or read it."""
        kept = self.folder / f"{step}-{size}.pt"
        if kept.exists():
            return Pair(**torch.load(kept, weights_only=True))
        pair = self.pairs.draw(step, size)
        aside = kept.with_suffix(".part")
        torch.save(asdict(pair), aside)
        aside.replace(kept)
        return pair
