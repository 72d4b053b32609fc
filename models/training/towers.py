"""The visual tower: oriented gradients and colours to a unit embedding, plain 3 x 3 convolutions.

The first layers are fixed. A mark in chrome has the edges of the same mark in print, but not their
polarity: so edges are told by their unsigned direction, as in histograms of oriented gradients
(Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005), each
normalised by what is around it.
"""

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate, normalize

from models.training.gradients import slopes

EDGES = 9  # channels that `Edges` makes
CELL = 8  # pixels, over three of which contrast is normalised
FAINT = 0.06  # contrast below which a region counts as plain


class Edges(nn.Module):
    """Pixels to colours, local contrast, and unsigned edge directions; nothing of it is learnt.

    The direction t of an edge of magnitude m is told as (m, m cos 2t, m sin 2t, m cos 4t,
    m sin 4t), the same for both polarities; a histogram of directions is a linear map of these.
    """

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Turn (n, 3, s, s) levels of 0 to 255 into (n, EDGES, s, s)."""
        colours = pixels.float() / 127.5 - 1
        across, down = slopes(colours)
        first, second = across.square(), down.square()
        size = (first + second + 1e-5).sqrt()
        strength = size.sum(1, keepdim=True)
        cos2 = ((first - second) / size).sum(1, keepdim=True)
        sin2 = (2 * across * down / size).sum(1, keepdim=True)
        cos4 = (cos2.square() - sin2.square()) / strength
        sin4 = 2 * cos2 * sin2 / strength
        scale = 1 / (_around(strength.square()).sqrt() + FAINT)
        grey = colours.mean(1, keepdim=True)
        away = grey - _around(grey)
        contrast = away / (_around(away.square()) + FAINT**2).sqrt()
        turns = torch.cat([strength, cos2, sin2, cos4, sin4], 1) * scale
        return torch.cat([colours, contrast, turns], 1)


def _around(maps: torch.Tensor) -> torch.Tensor:
    """Average (n, 1, s, s) over some cells around each pixel."""
    cells = avg_pool2d(avg_pool2d(maps, CELL), 3, 1, 1, count_include_pad=False)
    return interpolate(cells, scale_factor=CELL, mode="bilinear", align_corners=False)


class Block(nn.Module):
    """Two convolutions beside a shortcut.

    Source: He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = convolution(width, width), convolution(width, width, last=True)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Keep the shape (n, width, h, w)."""
        return torch.relu(maps + self.second(self.first(maps)))


def convolution(inputs: int, outputs: int, stride: int = 1, *, last: bool = False) -> nn.Sequential:
    """Make a 3 x 3 convolution with batch normalisation, and a rectifier unless it is the last."""
    layers = [nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers) if last else nn.Sequential(*layers, nn.ReLU())


class Tower(nn.Module):
    """Pixels uint8 (n, 3, side, side) to unit rows (n, dim); it knows where in the picture what is.

    Args:
        side: of the pictures; a multiple of 16.
        widths: channels at a quarter of the resolution, at an eighth, at a sixteenth.
        blocks: how many there are at each of these.
        channels: that the head looks at, cell by cell.
        dim: length of an embedding.
    """

    def __init__(
        self,
        side: int = 64,
        widths: tuple[int, ...] = (64, 128, 224),
        blocks: tuple[int, ...] = (2, 2, 1),
        channels: int = 128,
        dim: int = 256,
    ) -> None:
        super().__init__()
        self.edges = Edges()
        layers: list[nn.Module] = [convolution(EDGES, widths[0] // 2, 2)]
        for inputs, outputs, count in zip((widths[0] // 2, *widths), widths, blocks, strict=False):
            layers += [convolution(inputs, outputs, 2), *(Block(outputs) for _ in range(count))]
        layers += [nn.Conv2d(widths[-1], channels, 1, bias=False), nn.BatchNorm2d(channels)]
        self.trunk = nn.Sequential(*layers, nn.ReLU())
        self.channels = channels
        cells = (side // 2 ** (len(widths) + 1)) ** 2
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(channels * cells, dim))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Embed a batch."""
        return normalize(self.head(self.trunk(self.edges(pixels))).float(), dim=1)


def fitted_to(weights: dict[str, torch.Tensor], tower: nn.Module) -> dict[str, torch.Tensor]:
    """Fit weights to a tower for pictures of another size, by resampling where the head looks.

    A tower learns fast on small pictures, and goes on from there on larger ones (Touvron et al.,
    "Fixing the train-test resolution discrepancy", arXiv:1906.06423).
    """
    head, wanted = weights["head.1.weight"], tower.state_dict()["head.1.weight"]
    if head.shape == wanted.shape:
        return weights
    assert isinstance(tower, Tower)
    channels = tower.channels
    old, new = (round((w.shape[1] / channels) ** 0.5) for w in (head, wanted))
    maps = head.view(len(head), channels, old, old)
    seen = interpolate(maps, (new, new), mode="bilinear", align_corners=False)
    return weights | {"head.1.weight": (seen * (old / new) ** 2).flatten(1)}
