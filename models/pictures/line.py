"""The first line of print in a picture, as a strip; training and serving do the same."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures.fitting import FILTER, TURNS, VISIBLE_ALPHA, Colour, flattened

# Rows that small letters fill have this share of the ink of the fullest; others have less.
FULL = 0.42
TALL = 0.4  # of the tallest run of such rows: what is lower is a dash, a speck, a cut letter
SMALL_LETTER, BASE = 0.34, 0.76  # of the strip's height: a small letter, and where it stands
LEVELS = 256


@dataclass(frozen=True, slots=True)
class Strip:
    """The strip that a line of print is made to fit.

    Args:
        height, width: in pixels.
        ground: the colour behind what is transparent, and where nothing is.
    """

    height: int
    width: int
    ground: Colour = (255, 255, 255)

    def inner(self, width: int, height: int) -> tuple[int, int]:
        """Tell the size that a picture needs: its own, as a line may be a small part of it."""
        return width, height


def lined(image: Image.Image, strip: Strip, *, orientation: int = 1) -> NDArray[np.uint8] | None:
    """Cut out the first line, scaled so that its small letters have one height; cut on the right.

    Args:
        image: of mode RGB or RGBA.
        orientation: how it is to be turned, as EXIF numbers it; 1 is upright.

    Returns:
        uint8 (3, height, width), red first; None where nothing of it is visible.
    """
    if orientation in TURNS:
        image = image.transpose(TURNS[orientation])
    if image.mode == "RGBA":
        rgba = np.asarray(image)
        if rgba[..., 3].max() < VISIBLE_ALPHA:
            return None
        image = Image.fromarray(flattened(rgba, strip.ground))
    grey = np.asarray(image.convert("L"))
    top, bottom = first_band(grey)
    scale = SMALL_LETTER * strip.height / (bottom - top)
    above = bottom - BASE * strip.height / scale
    box = (0.0, above, strip.width / scale, above + strip.height / scale)
    size = (strip.width, strip.height)
    paper = _paper(grey)
    # Beyond the picture there is paper; `transform` would leave that black.
    cut = (max(0, round(box[0])), max(0, round(above)), image.width, image.height)
    part = image.crop(
        (cut[0], cut[1], min(image.width, round(box[2])), min(image.height, round(box[3])))
    )
    small = part.resize(
        (
            max(1, min(size[0], round(part.width * scale))),
            max(1, min(size[1], round(part.height * scale))),
        ),
        FILTER,
        reducing_gap=3.0,
    )
    canvas = np.full((strip.height, strip.width, 3), paper, np.uint8)
    y = max(0, min(strip.height - small.height, round((cut[1] - above) * scale)))
    canvas[y : y + small.height, : small.width] = np.asarray(small.convert("RGB"))
    return np.ascontiguousarray(canvas.transpose(2, 0, 1))


def first_band(grey: NDArray[np.uint8]) -> tuple[int, int]:
    """Find the rows that the small letters of the first line fill, from top to below the last.

    Of a picture without ink these are the middle rows of a line as high as the picture.
    """
    ink = (grey < split_level(grey)).sum(1, dtype=np.int64).astype(np.float64)
    smooth = np.convolve(ink, [0.25, 0.5, 0.25], "same")
    full = smooth > FULL * smooth.max(initial=0.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], full.astype(np.int8), [0]])))
    runs = edges.reshape(-1, 2)
    heights = runs[:, 1] - runs[:, 0]
    tall = runs[(heights >= TALL * heights.max(initial=0)) & (heights > 1)]
    if not len(tall) or heights.max() > 0.9 * len(grey):
        height = len(grey)
        base = min(height, max(2, round(BASE * height)))
        return base - max(1, round(SMALL_LETTER * height)), base
    return int(tall[0, 0]), int(tall[0, 1])


def split_level(grey: NDArray[np.uint8]) -> int:
    """Choose the level that parts ink from paper.

    Source: Otsu, "A Threshold Selection Method from Gray-Level Histograms", 1979, equation 18.
    """
    counts = np.bincount(grey.ravel(), minlength=LEVELS).astype(np.float64)
    below, sums = counts.cumsum(), (counts * np.arange(LEVELS)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums[-1] * below - sums * below[-1]) ** 2 / (below * above)
    return int(np.nan_to_num(between, nan=0.0, posinf=0.0).argmax()) + 1


def _paper(grey: NDArray[np.uint8]) -> int:
    """Tell the level of the paper: that of most pixels."""
    return int(np.bincount(grey.ravel(), minlength=LEVELS).argmax())
