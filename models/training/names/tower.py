"""Readings to unit rows, and the joint space of what a mark looks like and what it reads."""

import torch
from torch import nn
from torch.nn.functional import normalize

SURE_GRAMS = 13  # n-grams of a word of four letters: a shorter reading says less


class NameTower(nn.Module):
    """Ids of n-grams, int32 (n, length), to rows of unit length, or shorter where little was read.

    The vectors of the n-grams are summed, as in fastText, and the sum is bent by a small network.

    Args:
        buckets: ids there are; 0 is none, and counts for nothing.
    """

    def __init__(self, buckets: int, dim: int = 128) -> None:
        super().__init__()
        self.grams = nn.Embedding(buckets, dim, padding_idx=0)
        last = nn.Linear(2 * dim, dim)
        nn.init.zeros_(last.weight)  # to begin with, cosines of n-grams
        nn.init.zeros_(last.bias)
        self.bend = nn.Sequential(nn.Linear(dim, 2 * dim), nn.ReLU(), last)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Embed a batch; a reading of less than four letters is shorter, and none at all is 0."""
        count = (ids > 0).float().sum(1, keepdim=True)
        mean = self.grams(ids).sum(1) / count.clamp(min=1).sqrt()
        rows = normalize(mean + self.bend(mean), dim=1)
        return rows * (count / SURE_GRAMS).clamp(max=1)


class Lettered(nn.Module):
    """What a mark looks like and what it reads, in one unit row; the picture alone, if need be.

    `norm([v, weight t])` for the visual row v and that of the reading t: the score of two marks is
    the mean of both cosines, the second with `weight` squared. Where nothing was read, t is 0.

    Args:
        visual: pixels to unit rows v.
        weight: of the reading.
    """

    def __init__(self, visual: nn.Module, names: nn.Module, weight: float) -> None:
        super().__init__()
        self.visual, self.names, self.weight = visual, names, weight

    def forward(self, pixels: torch.Tensor, reads: torch.Tensor) -> torch.Tensor:
        """Embed pixels, uint8 (n, 3, s, s), and ids, int32 (n, length)."""
        return normalize(
            torch.cat([self.visual(pixels), self.weight * self.names(reads)], 1), dim=1
        )
