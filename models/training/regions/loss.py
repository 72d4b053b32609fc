"""The loss of a proposer: focal at the centres, and distances of place and size around them.

Source: Zhou, Wang, Krähenbühl, "Objects as Points", arXiv:1904.07850, equations 1 to 4; the spread
of a centre is that of Law and Deng, "CornerNet", arXiv:1808.01244, section 3.2. Two things differ:
sizes are compared as logarithms, since marks are small and large; and place and size are learnt at
all cells near a centre, weighted by its bump, in the spirit of Liu et al., "Training-Time-Friendly
Network" (TTFNet), arXiv:1909.00700: so a peak one cell beside the centre has a good box, too.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn.functional import logsigmoid

from models.training.regions.net import STRIDE

ALPHA, BETA = 2, 4  # of equation 1
OVERLAP = 0.3  # IoU that a box keeps whose corners are off by the radius, as in CornerNet
NEAR = 0.4  # height of a centre's bump above which a cell learns the box
SIZE_WEIGHT, PLACE_WEIGHT = 1.0, 0.5  # of equation 4, for logarithms and cells
CELLS_MIN = 0.25  # of a side: what is smaller has no logarithm worth learning


def radius(wide: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """Tell how far two corners may be off, together, for a box to keep its IoU of OVERLAP.

    The least of the three cases: both corners inwards, both outwards, both the same way.
    """
    both, area = wide + high, wide * high
    same = (both - (both.square() - 4 * area * (1 - OVERLAP) / (1 + OVERLAP)).sqrt()) / 2
    inwards = (both - (both.square() - 4 * area * (1 - OVERLAP)).sqrt()) / 4
    outwards = ((both.square() + 4 * area * (1 - OVERLAP) / OVERLAP).sqrt() - both) / 4
    return torch.minimum(torch.minimum(same, inwards), outwards)


def centre_loss(maps: torch.Tensor, boxes: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Score a batch of maps; lower is better.

    Args:
        maps: (n, 5, cells, cells), as the proposer gives them.
        boxes: (m, 4), pixels x0, y0, x1, y1 of every mark.
        rows: int64 (m,), the picture that each is in.
    """
    count, _, cells, _ = maps.shape
    low, high = boxes[:, :2] / STRIDE, boxes[:, 2:] / STRIDE
    middle, size = (low + high) / 2, (high - low).clamp(min=CELLS_MIN)
    bumps = _bumps(middle, size, cells)
    heat = torch.zeros(count, cells, cells, dtype=maps.dtype)
    heat = heat.scatter_reduce(0, rows[:, None, None].expand_as(bumps), bumps, "amax")
    marks = max(1, len(boxes))
    logits = maps[:, 0]
    hit = (1 - logits.sigmoid()) ** ALPHA * logsigmoid(logits)
    miss = (1 - heat) ** BETA * logits.sigmoid() ** ALPHA * logsigmoid(-logits)
    focal = -torch.where(heat == 1, hit, miss).sum() / marks
    mark, y, x = ((bumps > NEAR) & (bumps == heat[rows])).nonzero(as_tuple=True)
    weight = bumps[mark, y, x] / marks
    found = maps[rows[mark], 1:, y, x]
    place = middle[mark] - torch.stack([x, y], 1)
    off = (found[:, :2] - place).abs().sum(1)
    scale = (found[:, 2:] - size[mark].log()).abs().sum(1)
    return focal + (weight * (PLACE_WEIGHT * off + SIZE_WEIGHT * scale)).sum()


def _bumps(middle: torch.Tensor, size: torch.Tensor, cells: int) -> torch.Tensor:
    """Return (m, cells, cells), one at each centre's cell and falling off around it."""
    deviation = (2 * radius(size[:, 0], size[:, 1]) + 1) / 6
    at = middle.floor().clamp(0, cells - 1)
    away = torch.arange(cells, dtype=size.dtype) - at[:, :, None]
    squares = away[:, 1, :, None].square() + away[:, 0, None, :].square()
    return (-squares / (2 * deviation.square())[:, None, None]).exp()


def reference(
    maps: Sequence[Sequence[Sequence[Sequence[float]]]],
    boxes: Sequence[Sequence[float]],
    rows: Sequence[int],
) -> float:
    """Compute it as the equations read, cell by cell and mark by mark."""
    marks = []
    for (x0, y0, x1, y1), row in zip(boxes, rows, strict=True):
        wide, high = (max((b - a) / STRIDE, CELLS_MIN) for a, b in ((x0, x1), (y0, y1)))
        marks.append((row, (x0 + x1) / 2 / STRIDE, (y0 + y1) / 2 / STRIDE, wide, high))
    total, cells = 0.0, len(maps[0][0])
    for row, (logits, *found) in enumerate(maps):
        here = [mark for mark in marks if mark[0] == row]
        for y in range(cells):
            for x in range(cells):
                share = 1 / (1 + math.exp(-logits[y][x]))
                heights = [_height(mark, x, y, cells) for mark in here]
                top = max(heights, default=0.0)
                if top == 1:
                    total -= (1 - share) ** ALPHA * math.log(share)
                else:
                    total -= (1 - top) ** BETA * share**ALPHA * math.log(1 - share)
                for (_, across, down, wide, high), height in zip(here, heights, strict=True):
                    if height == top and height > NEAR:
                        place = abs(found[0][y][x] - (across - x)) + abs(
                            found[1][y][x] - (down - y)
                        )
                        size = abs(found[2][y][x] - math.log(wide)) + abs(
                            found[3][y][x] - math.log(high)
                        )
                        total += height * (PLACE_WEIGHT * place + SIZE_WEIGHT * size)
    return total / max(1, len(marks))


def _height(mark: tuple[int, float, float, float, float], x: int, y: int, cells: int) -> float:
    """Tell how high a mark's bump is at a cell."""
    _, across, down, wide, high = mark
    column, row = (min(max(math.floor(at), 0), cells - 1) for at in (across, down))
    deviation = (2 * _radius(wide, high) + 1) / 6
    return math.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * deviation**2))


def _radius(wide: float, high: float) -> float:
    """Solve for r: a box (w, h) against one whose corners are off by r has an IoU of OVERLAP.

    Off the same way: (w - r)(h - r) / (2wh - (w - r)(h - r)); inwards: (w - 2r)(h - 2r) / wh;
    outwards: wh / (w + 2r)(h + 2r).
    """
    low, far = 0.0, min(wide, high) / 2
    for _ in range(80):
        r = (low + far) / 2
        shared = (wide - r) * (high - r)
        same = shared / (2 * wide * high - shared)
        inwards = (wide - 2 * r) * (high - 2 * r) / (wide * high)
        outwards = wide * high / ((wide + 2 * r) * (high + 2 * r))
        low, far = (r, far) if min(same, inwards, outwards) > OVERLAP else (low, r)
    return low
