"""How well regions are proposed: the share of marks found, and what is proposed beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.region import apart
from models.training.regions.net import Proposals
from models.training.regions.scenes import Scene

FOUND = 0.5  # IoU from which a box counts as a mark's
APART = 0.6  # IoU above which the lower of two boxes is dropped
COUNTS = (8, 16, 32, 64)
PART = 16  # scenes at once
SCALES = (0.25, 0.5, 0.8)  # of the grid's windows, of the side
CUTS = (0.1, 0.2, 0.3, 0.5)  # scores from which proposals are counted

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """What was proposed for one scene, best first.

    Args:
        boxes: (k, 4), pixels x0, y0, x1, y1.
        scores: (k,).
    """

    boxes: Floats
    scores: Floats


Propose = Callable[[torch.Tensor], Sequence[Found]]
"""Pixels uint8 (n, 3, side, side) to proposals for each."""


def iou(a: Floats, b: Floats) -> Floats:
    """Return (n, m), the intersection over union of boxes (n, 4) and (m, 4).

    >>> iou(np.array([[0, 0, 2, 2]], np.float32), np.array([[1, 0, 3, 2]], np.float32)).round(3)
    array([[0.333]], dtype=float32)
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clip(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    ratio: Floats = shared / np.maximum(areas[0][:, None] + areas[1][None, :] - shared, 1e-9)
    return ratio


def suppressed(found: Found) -> Found:
    """Drop boxes that a better one stands on: greedy non-maximum suppression."""
    kept = apart(found.boxes, found.scores, APART)
    return Found(found.boxes[kept], found.scores[kept])


def proposing(net: nn.Module) -> Propose:
    """Propose with a net."""
    graph = Proposals(net).eval()

    @torch.no_grad()
    def propose(pixels: torch.Tensor) -> Sequence[Found]:
        side, all_found = pixels.shape[-1], []
        for part in torch.split(pixels, PART):
            boxes, scores = (rows.numpy() for rows in graph(part))
            all_found += [
                suppressed(Found(b * side, s)) for b, s in zip(boxes, scores, strict=True)
            ]
        return all_found

    return propose


def grid(pixels: torch.Tensor) -> Sequence[Found]:
    """Propose the same windows of three sizes, overlapping by half, for every picture."""
    side, boxes = pixels.shape[-1], []
    for scale in sorted(SCALES, reverse=True):
        size = scale * side
        corners = np.linspace(0, side - size, max(1, round(2 * (1 / scale - 1)) + 1))
        boxes += [(x, y, x + size, y + size) for y in corners for x in corners]
    return [Found(np.array(boxes, np.float32), np.zeros(len(boxes), np.float32))] * len(pixels)


def busy(pixels: torch.Tensor) -> Sequence[Found]:
    """Propose the windows that have many edges, and few around them.

    In the spirit of Zitnick and Dollar, "Edge Boxes", ECCV 2014, without its edge groups.
    """
    side, all_found = pixels.shape[-1], []
    windows = _windows(side)
    for picture in pixels:
        grey = picture.float().mean(0).numpy()
        edges = np.hypot(*np.gradient(grey))
        sums = np.zeros((side + 1, side + 1), np.float64)
        sums[1:, 1:] = edges.cumsum(0).cumsum(1)
        inside = _sums(sums, windows)
        margin = (windows[:, 2:] - windows[:, :2]).repeat(2, 1)[:, [0, 2, 0, 2]] * np.array(
            [-0.15, -0.15, 0.15, 0.15]
        )
        wider = (windows + margin).clip(0, side)
        around = _sums(sums, wider) - inside
        perimeter = (windows[:, 2:] - windows[:, :2]).sum(1)
        scores = (inside - around) / perimeter**1.5
        best = np.argsort(-scores)[:400]
        all_found.append(
            suppressed(Found(windows[best].astype(np.float32), scores[best].astype(np.float32)))
        )
    return all_found


def _windows(side: int) -> NDArray[np.float64]:
    """List windows of nine sizes and three proportions, overlapping by three quarters."""
    windows = []
    for size in side * 0.06 * 1.38 ** np.arange(9):
        for wide, high in ((size, size), (size, size / 3), (size / 2, size)):
            xs, ys = (
                np.arange(0, max(1, side - length), max(2, length / 4)) for length in (wide, high)
            )
            windows += [
                (x, y, x + wide, y + high)
                for y in ys
                for x in xs
                if x + wide <= side and y + high <= side
            ]
    return np.array(windows)


def _sums(sums: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    x0, y0, x1, y1 = boxes.round().astype(int).T
    total: NDArray[np.float64] = sums[y1, x1] - sums[y0, x1] - sums[y1, x0] + sums[y0, x0]
    return total


def figures(propose: Propose, scenes: Sequence[Scene]) -> Mapping[str, float]:
    """Measure recall at some counts of proposals, by size of the mark too, and false proposals.

    A proposal is false whose IoU with every mark is below 0.5. They are counted per scene, from
    several scores on, beside the recall from that score on.
    """
    ranks, sizes, good, bad, count = [], [], [], [], 0
    for scene in scenes:
        for row, found in enumerate(propose(scene.pixels)):
            count += 1
            truth = scene.boxes[scene.rows == row].numpy()
            ratio = iou(truth, found.boxes) >= FOUND
            for box, hits in zip(truth, ratio, strict=True):
                ranks.append(int(hits.argmax()) if hits.any() else len(hits) + 1000)
                sizes.append(max(box[2] - box[0], box[3] - box[1]) / scene.pixels.shape[-1])
                good.append(found.scores[hits].max(initial=-1))
            bad += found.scores[~ratio.any(0)].tolist()
    rank, size = np.array(ranks), np.array(sizes)
    told = {f"recall_{k}": float((rank < k).mean()) for k in COUNTS}
    bounds = (0, 0.125, 0.25, 0.5, 1)
    for low, high in pairwise(bounds):
        chosen = (size > low) & (size <= high)
        told[f"recall_16_upto_{high}"] = float((rank[chosen] < 16).mean()) if chosen.any() else 0.0
    for cut in CUTS:
        told[f"recall_from_{cut}"] = float((np.array(good) >= cut).mean())
        told[f"false_from_{cut}"] = float((np.array(bad) >= cut).sum() / count)
    return told | {"marks": len(rank), "scenes": count}
