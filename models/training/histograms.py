"""Histograms of oriented gradients inside the graph, and the directions in which they tell marks.

What a convolutional tower has not learnt yet, histograms know: their part of an embedding is fitted
in closed form, in seconds, from the same pairs of views.
"""

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, normalize

from models.training.gradients import slopes

BINS, CELL, CLIP = 9, 8, 0.2


class Histograms(nn.Module):
    """Pixels uint8 (n, 3, s, s) to unit rows; nothing of it is learnt.

    Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005:
    unsigned directions, cells of 8 x 8 pixels, blocks of 2 x 2 cells, clipped at 0.2. The three
    channels are summed by their double angles, which needs no arc tangent in the graph.
    """

    turns: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        angles = 2 * torch.pi * torch.arange(BINS) / BINS
        self.register_buffer("turns", torch.stack([angles.cos(), angles.sin()])[:, :, None, None])
        self.narrow = float(torch.cos(torch.tensor(2 * torch.pi / BINS)))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Describe a batch: (n, (s / 8 - 1)^2 x 36)."""
        across, down = slopes(pixels.float() / 255)
        size = (across.square() + down.square() + 1e-8).sqrt()
        cos2 = ((across.square() - down.square()) / size).sum(1, keepdim=True)
        sin2 = (2 * across * down / size).sum(1, keepdim=True)
        strength = (cos2.square() + sin2.square() + 1e-8).sqrt()
        near = cos2 * self.turns[0] + sin2 * self.turns[1] - self.narrow * strength
        cells = avg_pool2d(near.clamp(min=0), CELL)
        blocks = torch.stack(
            [
                cells[:, :, :-1, :-1],
                cells[:, :, 1:, :-1],
                cells[:, :, :-1, 1:],
                cells[:, :, 1:, 1:],
            ],
            dim=1,
        )
        level = blocks.square().sum((1, 2), keepdim=True)
        clipped = (blocks / (level + 1e-6).sqrt()).clamp(max=CLIP)
        again = clipped / (clipped.square().sum((1, 2), keepdim=True) + 1e-6).sqrt()
        return normalize(again.flatten(1), dim=1)


class Directions(nn.Module):
    """Rows to their principal parts, of which the strongest are held back; unit rows.

    Args:
        mean: (d,), what is taken off first.
        axes: (d, k), what is looked along.
    """

    mean: torch.Tensor
    axes: torch.Tensor

    def __init__(self, mean: torch.Tensor, axes: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("axes", axes)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Project (n, d) to (n, k)."""
        return normalize((rows - self.mean) @ self.axes, dim=1)


def principal(rows: torch.Tensor, dim: int, power: float) -> Directions:
    """Fit the directions along which rows (n, d) differ most.

    Args:
        power: each direction is divided by its variance to this power: 0 keeps the inner products,
            a half whitens them.

    Source: principal components (Pearson, 1901), whitened in part, as for descriptors in Jegou and
    Chum, "Negative Evidences and Co-Occurences in Image Retrieval", ECCV 2012, section 3.
    """
    mean = rows.mean(0)
    away = rows - mean
    values, vectors = torch.linalg.eigh(away.T @ away / len(rows))
    kept = values[-dim:].clamp(min=1e-9)
    return Directions(mean, vectors[:, -dim:] * kept**-power)


class Joined(nn.Module):
    """What a tower has learnt, beside principal parts of histograms, in one unit row.

    Args:
        share: of the score that the histograms have.
    """

    def __init__(self, tower: nn.Module, directions: Directions, share: float) -> None:
        super().__init__()
        self.tower, self.histograms, self.directions = tower, Histograms(), directions
        self.share = share

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed a batch of pixels, uint8 (n, 3, s, s)."""
        learnt = self.tower(pixels) * (1 - self.share) ** 0.5
        fixed = self.directions(self.histograms(pixels)) * self.share**0.5
        return torch.cat([learnt, fixed], 1)
