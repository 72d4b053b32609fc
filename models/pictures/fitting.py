"""A picture of any size to the square that an encoder takes; training and serving do the same."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.pictures.emblem import Box, emblem_box

Colour = tuple[int, int, int]
How = Literal["pad", "stretch"]

# Pillow computes it in whole numbers: the same on every machine.
FILTER = Image.Resampling.BICUBIC
# Beyond thrice the size, whole blocks of pixels are averaged first: faster, and not seen.
REDUCING_GAP = 3.0
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
VISIBLE_ALPHA = 16  # of 255; fainter shadows are no part of a mark's outline
NEAR_GROUND = 40  # levels of 255 in every channel, within which a colour does not stand out


@dataclass(frozen=True, slots=True)
class Square:
    """The square that pictures are made to fit.

    Args:
        size: its side in pixels.
        how: `pad` keeps the proportions and fills up with the ground; `stretch` does neither.
        ground: the colour behind what is transparent, and beside what is padded.
        contrast: the ground taken instead, where more than half of what is visible of a
            transparent picture lies within `NEAR_GROUND` of the ground, and would vanish on it (a
            white mark on white); None never does.
        margin: share of the side left free on each side.
        trim: whether the transparent border of a picture is cut off first.
        emblem: whether a plain border is, too, and of a mark with a name below or beside it only
            the mark is kept; see `emblem_box`.
    """

    size: int
    how: How = "pad"
    ground: Colour = (255, 255, 255)
    contrast: Colour | None = None
    margin: float = 0.0
    trim: bool = False
    emblem: bool = False

    def inner(self, width: int, height: int) -> tuple[int, int]:
        """Tell the size that a picture of that size gets within the square.

        >>> Square(100, margin=0.1).inner(400, 100)
        (80, 20)
        """
        room = self.size * (1 - 2 * self.margin)
        if self.how == "stretch":
            return max(1, round(room)), max(1, round(room))
        scale = room / max(width, height)
        return max(1, round(width * scale)), max(1, round(height * scale))


def fitted(image: Image.Image, square: Square, *, orientation: int = 1) -> NDArray[np.uint8] | None:
    """Make a picture fit: trimmed, resized with antialiasing, on its ground, in the middle.

    Args:
        image: of mode RGB or RGBA.
        orientation: how it is to be turned, as EXIF numbers it; 1 is upright.

    Returns:
        uint8 (3, size, size), red first; None where nothing of it is visible.
    """
    if square.emblem and orientation in TURNS:  # what is below is told upright
        image, orientation = image.transpose(TURNS[orientation]), 1
    box = _box(image, square)
    if box is None:
        return None
    image = image.crop(box) if box != (0, 0, *image.size) else image
    inner = square.inner(*image.size)
    small = _resized(image, inner)
    if orientation in TURNS:
        small = small.transpose(TURNS[orientation])
        inner = small.size
    colours: NDArray[Any] = np.asarray(small)
    ground = square.ground
    if small.mode == "RGBA":
        if colours[..., 3].max() < VISIBLE_ALPHA:
            return None
        ground = _ground(colours, square)
        colours = flattened(colours, ground)
    canvas = np.empty((square.size, square.size, 3), np.uint8)
    canvas[:] = ground
    x, y = (square.size - inner[0]) // 2, (square.size - inner[1]) // 2
    canvas[y : y + inner[1], x : x + inner[0]] = colours
    return np.ascontiguousarray(canvas.transpose(2, 0, 1))


def _box(image: Image.Image, square: Square) -> Box | None:
    """Find what is kept of a picture; None where nothing is visible."""
    if square.emblem:
        return emblem_box(image)
    if square.trim and image.mode == "RGBA":
        return visible_box(image)
    return 0, 0, *image.size


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Resize, colours weighted by their alpha, so that no hidden one bleeds into what is seen."""
    if image.mode != "RGBA":
        return image.resize(size, FILTER, reducing_gap=REDUCING_GAP)
    weighted = image.convert("RGBa")
    return weighted.resize(size, FILTER, reducing_gap=REDUCING_GAP).convert("RGBA")


def visible_box(image: Image.Image) -> Box | None:
    """Find the smallest box around what is visible of an RGBA picture; None where nothing is."""
    alpha = image.getchannel("A").point([255 * (a >= VISIBLE_ALPHA) for a in range(256)])
    return alpha.getbbox()


def flattened(rgba: NDArray[np.uint8], ground: Colour) -> NDArray[np.uint8]:
    """Lay a picture on a ground.

    Args:
        rgba: uint8 (h, w, 4).

    Returns:
        uint8 (h, w, 3).
    """
    alpha = rgba[..., 3:].astype(np.uint32)
    mixed = rgba[..., :3] * alpha + np.array(ground, np.uint32) * (255 - alpha)
    return ((mixed + 127) // 255).astype(np.uint8)


def _ground(rgba: NDArray[np.uint8], square: Square) -> Colour:
    """Choose the ground on which the picture is seen."""
    alpha = rgba[..., 3]
    if square.contrast is None or alpha.min() == 255:
        return square.ground
    away = np.abs(rgba[..., :3].astype(np.int16) - np.array(square.ground, np.int16)).max(axis=-1)
    hidden = float(alpha[away < NEAR_GROUND].sum(dtype=np.int64))
    return square.contrast if 2 * hidden > float(alpha.sum(dtype=np.int64)) else square.ground
