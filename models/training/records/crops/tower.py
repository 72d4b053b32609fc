"""A line of print to a unit row, in the space of names."""

import torch
from torch import nn
from torch.nn.functional import normalize

from models.texts.characters import ALPHABET
from models.training.towers import Block, convolution

WIDTHS = (32, 64, 128, 192, 256)
DIM, HEADS = 192, 4
SYMBOLS = len(ALPHABET) + 1  # 0 is the blank of CTC
CONTRAST_MIN = 4.0  # levels of 255, of a line that shows nothing


class Along(nn.Module):
    """Columns told what stands so many columns away on both sides: a convolution, added."""

    def __init__(self, dim: int, apart: int) -> None:
        super().__init__()
        self.taps = nn.Conv1d(dim, dim, 3, padding=apart, dilation=apart, bias=False)
        self.norm = nn.BatchNorm1d(dim)

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """Keep the shape (n, dim, columns)."""
        return columns + torch.relu(self.norm(self.taps(columns)))


class CropEncoder(nn.Module):
    """Lines, uint8 (n, 3, 32, w), to unit rows, float32 (n, dim).

    Convolutions reduce a line to columns of four pixels; each is told what stands about it, and
    attention gathers those of the name.

    Args:
        widths: channels, at falling resolution.
    """

    def __init__(self, dim: int = DIM, widths: tuple[int, int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        a, b, c, d, e = widths
        self.trunk = nn.Sequential(
            convolution(1, a), nn.MaxPool2d(2),
            convolution(a, b), nn.MaxPool2d(2),
            convolution(b, c), Block(c), nn.MaxPool2d((2, 1)),
            convolution(c, d), convolution(d, d), nn.MaxPool2d((2, 1)),
            convolution(d, e), nn.Conv2d(e, e, (2, 1), bias=False), nn.BatchNorm2d(e), nn.ReLU(),
        )  # fmt: skip
        self.along = nn.Sequential(*(Along(e, apart) for apart in (1, 2, 4, 8)))
        self.symbols = nn.Linear(e, SYMBOLS)
        self.weigh = nn.Linear(e, HEADS)
        self.value = nn.Linear(e, dim)
        self.row = nn.Linear(dim, dim)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        return self._row(self._columns(pixels))

    def read(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed a batch, and score the symbols of each column, (n, columns, symbols)."""
        columns = self._columns(pixels)
        return self._row(columns), self.symbols(columns)

    def _columns(self, pixels: torch.Tensor) -> torch.Tensor:
        """Return (n, columns, channels)."""
        grey = pixels.float().mean(1, keepdim=True)
        level = grey.mean((2, 3), keepdim=True)
        away = grey - level
        contrast = away.square().mean((2, 3), keepdim=True).sqrt().clamp(min=CONTRAST_MIN)
        maps = self.trunk(away / contrast)
        columns: torch.Tensor = self.along(maps.squeeze(2)).transpose(1, 2)
        return columns

    def _row(self, columns: torch.Tensor) -> torch.Tensor:
        shares = self.weigh(columns).softmax(1)
        values = self.value(columns)
        n, length, dim = values.shape
        parts = values.view(n, length, HEADS, dim // HEADS) * shares[..., None]
        return normalize(self.row(torch.relu(parts.sum(1).flatten(1))).float(), dim=1)
