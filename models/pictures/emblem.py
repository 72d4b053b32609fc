"""Where the mark is in a clean picture of it: without its plain ground, and without the name below.

A reference picture often sets the name of the brand under its mark; what is photographed is mostly
the mark alone. Rows, or columns, in which nothing is seen part the two.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Box = tuple[int, int, int, int]

SIDE_MAX = 256  # pixels that are looked at, of the longer side
VISIBLE_ALPHA = 16
CORNERS_APART_MAX = 12  # levels within which four corners show one ground
SEEN_LEVELS = 24  # levels by which a colour stands out from it
GAP_MIN = 0.02  # of the height: a narrower gap is within a mark
MARK_MIN = 0.45  # of the height: a lower part is not the mark
NAME_MAX = 0.75  # of the mark's height: a higher part is not a name
BESIDE_MIN = 0.12  # of the mark's height: a nearer part beside it belongs to it
BESIDE_GAPS = 1.5  # times the widest gap between the letters of a name beside


def emblem_box(image: Image.Image) -> Box | None:
    """Find the box of the mark in an RGB or RGBA picture.

    Returns:
        Left, top, right, bottom in pixels; None where nothing is visible. The whole picture, where
        it has no plain ground: a photo.
    """
    factor = max(1, -(-max(image.size) // SIDE_MAX))
    small = image.reduce(factor) if factor > 1 else image
    seen = _seen(np.asarray(small))
    if seen is None:
        return 0, 0, *image.size
    if not seen.any():
        return None
    left, top, right, bottom = _beside(seen, _above(seen))
    width, height = image.size
    return (
        left * factor,
        top * factor,
        min(width, right * factor),
        min(height, bottom * factor),
    )


def _seen(pixels: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Tell what stands out from a transparent or plain ground; None where there is none."""
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]].astype(np.int16)
    if pixels.shape[2] == 4:
        if (corners[:, 3] < VISIBLE_ALPHA).any():
            return pixels[..., 3] >= VISIBLE_ALPHA
        if not (pixels[..., 3] >= VISIBLE_ALPHA).any():
            return np.zeros(pixels.shape[:2], bool)
    if np.ptp(corners[:, :3], axis=0).max() > CORNERS_APART_MAX:
        return None
    ground = np.median(corners[:, :3], axis=0).astype(np.int16)
    away = np.abs(pixels[..., :3].astype(np.int16) - ground).max(2)
    seen: NDArray[np.bool_] = away > SEEN_LEVELS
    return seen if seen.any() else None


def _above(seen: NDArray[np.bool_]) -> Box:
    """Leave out names above or below: the highest part, where it is high and the others are not."""
    rows = _parts(np.flatnonzero(seen.any(1)), GAP_MIN)
    parts = sorted(rows, key=lambda part: part[0] - part[1])
    whole, highest = rows[-1][1] - rows[0][0], parts[0][1] - parts[0][0]
    others = [end - start for start, end in parts[1:]]
    named = highest >= MARK_MIN * whole and all(o <= NAME_MAX * highest for o in others)
    top, bottom = parts[0] if named else (rows[0][0], rows[-1][1])
    return _tight(seen, (0, top, seen.shape[1], bottom))


def _beside(seen: NDArray[np.bool_], box: Box) -> Box:
    """Leave out a name to the right: lower than the mark, and farther off than its letters are."""
    left, top, right, bottom = box
    columns = _parts(np.flatnonzero(seen[top:bottom, left:right].any(0)), 0.0)
    if len(columns) == 1:
        return box
    gaps = [after[0] - before[1] for before, after in pairwise(columns)]
    mark = _tight(seen, (left, top, left + columns[0][1], bottom))
    name = _tight(seen, (left + columns[1][0], top, right, bottom))
    height = mark[3] - mark[1]
    apart = gaps[0] >= max(BESIDE_MIN * height, BESIDE_GAPS * max(gaps[1:], default=0))
    lower = name[3] - name[1] <= NAME_MAX * height and height >= MARK_MIN * (bottom - top)
    long = name[2] - name[0] >= name[3] - name[1]
    return mark if apart and lower and long else box


def _parts(inside: NDArray[np.intp], gap: float) -> list[tuple[int, int]]:
    """List the runs of places where something is seen, parted by gaps of more than a share."""
    start, end = int(inside[0]), int(inside[-1]) + 1
    breaks = np.flatnonzero(np.diff(inside) > max(1.0, gap * (end - start)))
    starts = [start, *(int(inside[i + 1]) for i in breaks)]
    ends = [*(int(inside[i]) + 1 for i in breaks), end]
    return list(zip(starts, ends, strict=True))


def _tight(seen: NDArray[np.bool_], box: Box) -> Box:
    """Shrink a box to what is seen in it."""
    left, top, right, bottom = box
    part = seen[top:bottom, left:right]
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    return (
        left + int(columns[0]),
        top + int(rows[0]),
        left + int(columns[-1]) + 1,
        top + int(rows[-1]) + 1,
    )
