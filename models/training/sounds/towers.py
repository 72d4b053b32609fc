"""Towers of sounds: plain convolutions over log-mel energies, or over raw samples."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import normalize

from models.training.sounds.front import LogMel, Masked
from models.training.towers import Block, convolution


def _trunk(widths: tuple[int, ...]) -> list[nn.Module]:
    """Make a stem at half of the resolution, and a residual block at each half of that."""
    stem = nn.Conv2d(2, widths[0], 5, 2, 2, bias=False)
    layers: list[nn.Module] = [stem, nn.BatchNorm2d(widths[0]), nn.ReLU()]
    for inputs, outputs in pairwise(widths):
        layers += [convolution(inputs, outputs, 2), Block(outputs)]
    return layers


class KeywordTower(nn.Module):
    """A second of int16 samples (n, 16000) to unit rows (n, dim); it knows what comes when.

    Args:
        widths: channels at a half of the resolution, at a quarter, at an eighth.
        last: channels that each stretch of 80 ms is told by.
    """

    def __init__(
        self, widths: tuple[int, ...] = (32, 64, 160), last: int = 192, dim: int = 128
    ) -> None:
        super().__init__()
        self.front, self.masked = LogMel(), Masked(6, 12)
        # 40 bands and 98 frames are 5 x 13 cells behind the trunk.
        rows = nn.Conv2d(widths[-1], last, (5, 1), bias=False)
        self.trunk = nn.Sequential(*_trunk(widths), rows, nn.BatchNorm2d(last), nn.ReLU())
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(last * 13, dim))

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        maps = self.masked(self.front(samples))
        return normalize(self.head(self.trunk(maps)).float(), dim=1)


class SoundTower(nn.Module):
    """Four seconds of int16 samples (n, 64000) to unit rows (n, dim), wherever in them it sounds.

    Args:
        widths: channels at a half of the resolution, and at each half of that.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 192), dim: int = 256) -> None:
        super().__init__()
        self.front = LogMel(64, 512, 256, 512, 50.0, 7800.0)
        self.masked = Masked(8, 30)
        self.trunk = nn.Sequential(*_trunk(widths))
        # 64 bands are 4 rows behind the trunk; each is told by its mean and its strongest in time.
        self.head = nn.Linear(2 * 4 * widths[-1], dim)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        maps = self.trunk(self.masked(self.front(samples)))
        told = torch.cat([maps.mean(3), maps.amax(3)], 1).flatten(1)
        return normalize(self.head(told).float(), dim=1)


class Telling(nn.Module):
    """A sound tower whose rows go on with the mean spectrum, reconstructed and as it was.

    What the objective `cab_kws` asks for, with `told=BANDS`.
    """

    BANDS = 64

    def __init__(self, tower: SoundTower) -> None:
        super().__init__()
        self.tower = tower
        self.telling = nn.Linear(tower.head.out_features, self.BANDS)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Embed a batch, (n, dim + 2 * BANDS)."""
        rows = self.tower(samples)
        told = self.telling(rows).float()
        return torch.cat([rows, told, self.tower.front(samples)[:, 0].mean(2)], 1)


class SampleCnn(nn.Module):
    """CLMR's encoder: raw samples int16 (n, 59049) to unit rows, by steps of three samples.

    Source: Lee, Park, Kim, Nam, "Sample-level Deep Convolutional Neural Networks for Music
    Auto-tagging Using Raw Waveforms", arXiv:1703.01789, table 1; Spijkervet and Burgoyne,
    "Contrastive Learning of Musical Representations", arXiv:2103.09410, section 3.4: 512 numbers,
    and the projection to `dim` that the loss sees.
    """

    WIDTHS = (128, 128, 128, 256, 256, 256, 256, 256, 256, 512)

    def __init__(self, dim: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [_step(1, self.WIDTHS[0], 3, pooled=False)]
        layers += [_step(a, b, 1, pooled=True) for a, b in pairwise(self.WIDTHS)]
        layers += [_step(self.WIDTHS[-1], self.WIDTHS[-1], 1, pooled=False)]
        self.trunk = nn.Sequential(*layers)
        width = self.WIDTHS[-1]
        self.projection = nn.Sequential(
            nn.Linear(width, width, bias=False), nn.ReLU(), nn.Linear(width, dim, bias=False)
        )

    def features(self, samples: torch.Tensor) -> torch.Tensor:
        """Tell what is kept of a batch, (n, 512)."""
        kept: torch.Tensor = self.trunk(samples.float()[:, None] / 32_768)
        return kept.flatten(1)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Tell what the loss sees of a batch."""
        return normalize(self.projection(self.features(samples)).float(), dim=1)


class Kept(nn.Module):
    """What is kept of a SampleCNN, as unit rows: what it tells before the projection."""

    def __init__(self, tower: SampleCnn) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        return normalize(self.tower.features(samples).float(), dim=1)


def _step(inputs: int, outputs: int, stride: int, *, pooled: bool) -> nn.Sequential:
    """Make a convolution over three samples, and take the strongest of three where asked."""
    padding = 0 if stride == 3 else 1
    layers = [nn.Conv1d(inputs, outputs, 3, stride, padding), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool1d(3, 3)) if pooled else nn.Sequential(*layers)
