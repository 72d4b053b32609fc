"""The proposer: a picture to boxes around what looks like a mark, by the centres of a heat map.

Source: Zhou, Wang, Krähenbühl, "Objects as Points" (CenterNet), arXiv:1904.07850. The maps are at
an eighth of the resolution, and see the whole picture by a way down and up again: Lin et al.,
"Feature Pyramid Networks for Object Detection", arXiv:1612.03144.
"""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import interpolate, max_pool2d

from models.training.towers import Block, convolution

SIDE = 256  # pixels of the square that a picture is letterboxed into
STRIDE = 8  # pixels of a cell of the maps
PROPOSALS = 64  # boxes that a picture gets
RARE = 0.02  # how likely a centre is before anything is learnt, so that the first steps are calm
LOG_SIZE_MAX = math.log(4 * SIDE / STRIDE)  # of a box in cells; what exp() can still bear


class Proposer(nn.Module):
    """Pixels uint8 (n, 3, s, s) to maps (n, 5, s / 8, s / 8); s is a multiple of 32.

    The maps: logit of a centre, its place within the cell (x, y) from 0 to 1, and the logarithm of
    the box's width and height in cells.

    Args:
        widths: channels at a quarter of the resolution, an eighth, a sixteenth, a thirty-second.
    """

    def __init__(self, widths: tuple[int, int, int, int] = (32, 56, 80, 112)) -> None:
        super().__init__()
        stem = nn.Conv2d(3, widths[0], 6, 4, 1, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(widths[0]), nn.ReLU(), Block(widths[0]))
        self.down = nn.ModuleList(
            nn.Sequential(convolution(inputs, outputs, 2), Block(outputs))
            for inputs, outputs in pairwise(widths)
        )
        shared = widths[1]
        self.across = nn.ModuleList(nn.Conv2d(width, shared, 1) for width in widths[1:])
        self.smooth = nn.ModuleList(convolution(shared, shared) for _ in widths[2:])
        self.head = nn.Sequential(convolution(shared, shared), nn.Conv2d(shared, 5, 1))
        last = self.head[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        start = torch.tensor([math.log(RARE / (1 - RARE)), 0.5, 0.5, 2.0, 2.0])
        last.bias.data.copy_(start)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Map a batch."""
        maps = self.stem(pixels.float() / 127.5 - 1)
        levels = []
        for down, across in zip(self.down, self.across, strict=True):
            maps = down(maps)
            levels.append(across(maps))
        seen = levels.pop()
        for smooth in self.smooth:
            seen = smooth(levels.pop() + interpolate(seen, scale_factor=2.0, mode="nearest"))
        found: torch.Tensor = self.head(seen)
        return found


class Proposals(nn.Module):
    """The graph that is served: pixels uint8 (n, 3, s, s) to boxes and scores, best first.

    Boxes are float32 (n, k, 4): x0, y0, x1, y1 as fractions of the square. Scores are (n, k) from
    0 to 1. A centre is a cell that none of its eight neighbours exceeds (section 4 of the paper).
    """

    def __init__(self, net: nn.Module, count: int = PROPOSALS) -> None:
        super().__init__()
        self.net, self.count = net, count

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Propose for a batch."""
        maps = self.net(pixels).float()
        cells = maps.shape[-1]
        heat = maps[:, :1].sigmoid()
        peaks = heat * (max_pool2d(heat, 3, 1, 1) == heat)
        scores, index = peaks.flatten(1).topk(self.count, dim=1)
        places = maps[:, 1:].flatten(2).transpose(1, 2)
        found = places.gather(1, index[:, :, None].expand(-1, -1, 4))
        column, row = index % cells, torch.div(index, cells, rounding_mode="floor")
        middle = torch.stack([column, row], dim=2) + found[..., :2]
        half = found[..., 2:].clamp(max=LOG_SIZE_MAX).exp() / 2
        boxes = torch.cat([middle - half, middle + half], dim=2) / cells
        return boxes.clamp(0, 1), scores
