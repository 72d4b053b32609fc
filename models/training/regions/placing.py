"""Things laid into one scene, askew and apart from each other."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import grid_sample

PIXELS_MIN = 14  # of the longer side of what is laid
ASPECT_MAX = 9.0
SHARE_MAX = 0.85  # of a scene's side
SEEN = 0.3  # cover above which a pixel belongs to the mark's box
FAINT = 0.05  # mean change over the box below which nobody would see the mark
TRIES = 4

Box = tuple[float, float, float, float]


@dataclass
class Placed:
    """A scene under way.

    Args:
        rng: what decides.
        scene: (3, h, w) in [0, 1], laid on in place.
        marks: pixels x0, y0, x1, y1 of each mark so far.
    """

    rng: np.random.Generator
    scene: torch.Tensor
    marks: list[Box] = field(default_factory=list)


def lay(
    placed: Placed,
    levels: list[torch.Tensor],
    index: int,
    aspect: float,
    *,
    is_mark: bool,
    plate: int | None = None,
) -> None:
    """Lay a thing where there is room, if there is; a mark that could not be seen is left out.

    Args:
        levels: the things, (n, 4, s, s) at falling sizes s, colours weighted by alpha.
        index: which one.
        aspect: its width by height.
        plate: what is laid under it, somewhat larger.
    """
    rng, (_, high, wide) = placed.rng, placed.scene.shape
    size = _size(rng, aspect, min(wide, high))
    for _ in range(TRIES):
        turned, extent = _askew(rng, size)
        room = wide - extent[0], high - extent[1]
        corner = [int(rng.uniform(0, max(1.0, side))) for side in room]
        box = corner[0], corner[1], corner[0] + extent[0], corner[1] + extent[1]
        if min(room) >= 0 and not _crowded(placed, box, is_mark=is_mark):
            break
        size = size[0] * 0.8, size[1] * 0.8
    else:
        return
    if max(size) < PIXELS_MIN or min(extent) < 3:
        return
    if plate is not None:
        _lay_plate(placed, levels, plate, box)
    seen = _warped(levels, index, size, turned, extent)
    part = placed.scene[:, box[1] : box[3], box[0] : box[2]]
    shown = part * (1 - seen[3:]) + seen[:3]
    if is_mark:
        found = _outline(seen[3].numpy())
        if found is None or (shown - part).abs().mean() < FAINT:
            return
        left, top, right, bottom = found
        placed.marks.append((box[0] + left, box[1] + top, box[0] + right, box[1] + bottom))
    part.copy_(shown)


def _outline(cover: NDArray[np.float32]) -> Box | None:
    """Return the box around what is covered, None where that is hardly anything."""
    covered = cover > SEEN
    rows, columns = np.flatnonzero(covered.any(1)), np.flatnonzero(covered.any(0))
    if len(rows) < 3 or len(columns) < 3:
        return None
    return float(columns[0]), float(rows[0]), columns[-1] + 1.0, rows[-1] + 1.0


def _lay_plate(
    placed: Placed, levels: list[torch.Tensor], index: int, box: tuple[int, ...]
) -> None:
    """Lay a sign, a label or a shield, upright, around a box; what stands beside may be cut off."""
    rng, (_, high, wide) = placed.rng, placed.scene.shape
    margins = rng.uniform(0.05, 0.5, 4) * min(box[2] - box[0], box[3] - box[1])
    left, top = max(0, int(box[0] - margins[0])), max(0, int(box[1] - margins[1]))
    right, bottom = min(wide, int(box[2] + margins[2])), min(high, int(box[3] + margins[3]))
    if _crowded(placed, (left, top, right, bottom), is_mark=False):
        return
    extent = right - left, bottom - top
    upright = np.array(
        [[extent[0] / 2, 0, extent[0] / 2], [0, extent[1] / 2, extent[1] / 2], [0, 0, 1]]
    )
    seen = _warped(levels, index, extent, upright, extent)
    part = placed.scene[:, top:bottom, left:right]
    part.copy_(part * (1 - seen[3:]) + seen[:3])


def _size(rng: np.random.Generator, aspect: float, side: int) -> tuple[float, float]:
    """Draw width and height, every scale as likely as the next."""
    aspect = min(max(aspect, 1 / ASPECT_MAX), ASPECT_MAX)
    longer = math.exp(rng.uniform(math.log(PIXELS_MIN), math.log(SHARE_MAX * side)))
    longer = min(max(longer, min(max(aspect, 1 / aspect) * 6, 0.7 * side)), side - 2)
    return (longer, longer / aspect) if aspect > 1 else (longer * aspect, longer)


def _askew(
    rng: np.random.Generator, size: tuple[float, float]
) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Draw a camera: (3, 3) from the thing's square to pixels of its patch, and their extent."""
    turn, shear = rng.normal(0, 0.12) * (1 + 2 * (rng.random() < 0.12)), rng.normal(0, 0.08)
    cos, sin = math.cos(turn), math.sin(turn)
    turned = np.array([[cos, shear * cos - sin, 0], [sin, shear * sin + cos, 0], [0, 0, 1]])
    turned = turned @ np.diag([size[0] / 2, size[1] / 2, 1])
    turned[2, :2] = rng.normal(0, 0.1, 2).clip(-0.25, 0.25)
    corners = turned @ np.array([[-1, 1, 1, -1], [-1, -1, 1, 1], [1, 1, 1, 1]], dtype=float)
    flat = corners[:2] / corners[2]
    low, high = flat.min(1), flat.max(1)
    shifted = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]]) @ turned
    return shifted, (math.ceil(high[0] - low[0]), math.ceil(high[1] - low[1]))


def _warped(
    levels: list[torch.Tensor],
    index: int,
    size: tuple[float, float],
    turned: NDArray[np.float64],
    extent: tuple[int, int],
) -> torch.Tensor:
    """See a thing through its camera: (4, h, w)."""
    level = int(math.log2(max(1.0, levels[0].shape[-1] / max(size))))
    picture = levels[min(level, len(levels) - 1)][index]
    back = np.linalg.inv(turned).astype(np.float32)
    x, y = (
        np.arange(0.5, extent[0], dtype=np.float32),
        np.arange(0.5, extent[1], dtype=np.float32)[:, None],
    )
    across, down, depth = (row[0] * x + row[1] * y + row[2] for row in back)
    places = torch.from_numpy(np.stack([across / depth, down / depth], axis=-1)[None])
    return grid_sample(picture[None], places, align_corners=False)[0]


def _crowded(placed: Placed, box: tuple[int, int, int, int], *, is_mark: bool) -> bool:
    """Tell whether a box would hide a mark; a corner of it may be lost to clutter."""
    allowed = 0.02 if is_mark else 0.25
    mine = (box[2] - box[0]) * (box[3] - box[1])
    for other in placed.marks:
        shared = overlap(box, other)
        if shared > allowed * (other[2] - other[0]) * (other[3] - other[1]):
            return True
        if is_mark and shared > allowed * mine:
            return True
    return False


def overlap(a: Box, b: Box) -> float:
    """Return the area that two boxes share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
