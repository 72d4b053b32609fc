"""Where the mark is in a clean picture of it: without its plain ground, and without the name below.

A reference picture often sets the name of the brand under its mark; what is photographed is mostly
the mark alone. Rows in which nothing is seen part the two.
"""

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
    top, bottom = _mark_rows(seen.any(1))
    columns = np.flatnonzero(seen[top:bottom].any(0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    width, height = image.size
    return (
        left * factor,
        top * factor,
        min(width, right * factor),
        min(height, bottom * factor),
    )


def _seen(pixels: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
    """Tell the pixels that stand out from a transparent or plain ground; None where there is none."""
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


def _mark_rows(rows: NDArray[np.bool_]) -> tuple[int, int]:
    """Find the rows of the mark: the highest part, where it is high and the others are names."""
    inside = np.flatnonzero(rows)
    top, bottom = int(inside[0]), int(inside[-1]) + 1
    height = bottom - top
    breaks = np.flatnonzero(np.diff(inside) > max(1.0, GAP_MIN * height))
    tops = [top, *(int(inside[i + 1]) for i in breaks)]
    ends = [*(int(inside[i]) + 1 for i in breaks), bottom]
    parts = sorted(zip(tops, ends, strict=True), key=lambda part: part[0] - part[1])
    highest = parts[0][1] - parts[0][0]
    others = [end - start for start, end in parts[1:]]
    if highest >= MARK_MIN * height and all(other <= NAME_MAX * highest for other in others):
        return parts[0]
    return top, bottom
