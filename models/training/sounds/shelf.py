"""Clips in the memory of a device, read at places between their samples."""

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch

from models.training.recipe import Pair, Pairs
from models.training.sounds.altering import uniform
from models.training.sounds.clips import Clips


class Shelf:
    """Clips in the memory of a device."""

    def __init__(self, clips: Clips, device: torch.device) -> None:
        self.samples = torch.from_numpy(np.append(clips.samples, np.int16(0))).to(device)
        self.starts = torch.from_numpy(clips.starts[:-1].copy()).to(device)
        self.lengths = torch.from_numpy(np.diff(clips.starts)).to(device)
        self.labels = torch.from_numpy(clips.labels).to(device)

    def heard(
        self, at: torch.Tensor, first: torch.Tensor, last: torch.Tensor, where: torch.Tensor
    ) -> torch.Tensor:
        """Read clips at places between samples, by straight lines.

        Args:
            at: clips, int64 (n,).
            first, last: what is heard of each, in samples of it, (n, 1).
            where: places in samples of each clip, float (n, t); silence is outside.
        """
        inside = (where >= first) & (where < last)
        below = where.floor().clamp(min=0)
        share = where - below
        place = self.starts[at, None] + below.long()
        place = torch.where(inside, place, torch.zeros_like(place))
        pair = self.samples[place].float() * (1 - share) + self.samples[place + 1].float() * share
        return torch.where(inside, pair, torch.zeros_like(pair)) / 32_768

    def behind(self, count: int, samples: int, draw: torch.Generator) -> torch.Tensor:
        """Hear stretches that have nothing to do with anything, float32 (count, samples)."""
        device = self.samples.device
        at = torch.randint(len(self.lengths), (count,), generator=draw, device=device)
        start = uniform(at, 0, 1, draw) * (self.lengths[at, None] - samples).clamp(min=0)
        where = start + torch.arange(samples, device=device)
        return self.heard(at, torch.zeros_like(start), self.lengths[at, None].float() - 1, where)


def learner() -> torch.device:
    """Tell where batches are drawn: on a GPU, where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def generator(device: torch.device, *seeds: int) -> torch.Generator:
    """Make a source of draws on a device."""
    seed = int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0] >> np.uint64(1))
    return torch.Generator(device).manual_seed(seed)


class Later:
    """Pairs whose material is made when the first batch is drawn: publishing needs none."""

    def __init__(self, make: Callable[[], Pairs]) -> None:
        self._make = make

    @cached_property
    def _pairs(self) -> Pairs:
        return self._make()

    def draw(self, step: int, size: int) -> Pair:
        """Draw the batch of a step; see `Pairs`."""
        return self._pairs.draw(step, size)
