"""A clean picture as a photo might show it: for trying an encoder out, not for training one."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from models.pictures.fitting import Square, visible_box
from models.pictures.reading import read

SIZE = 320, 240
MARK = 180  # pixels of the mark's longer side, before it is seen from the side
SLANT = 0.12  # of the mark's side, by which each of its corners moves
NOISE = 8.0  # standard deviation in levels of 255
FRAME = 0.05  # of a side, by which a crop may show more of the scene; a third of it, less


def photographed(content: bytes, *, seed: int = 0, scene: bool = False) -> bytes:
    """Make a JPEG of the picture in a photo: slanted, unevenly lit, blurred and noisy.

    Args:
        seed: another photo for each; the same gives the same bytes.
        scene: whether all of the photo is kept; else what a detector would cut out of it.

    Raises:
        InputError: the picture cannot be read.
    """
    rng = np.random.default_rng(seed)
    image, _ = read(content, pixels_max=25_000_000, canvas=Square(MARK))
    mark = image.convert("RGBA")
    mark = mark.crop(visible_box(mark) or (0, 0, *mark.size))
    mark = mark.resize(Square(MARK).inner(*mark.size), Image.Resampling.BICUBIC)
    slanted = _slanted(mark, rng)
    seen: NDArray[np.float64] = np.asarray(slanted, np.float64)
    alpha = seen[..., 3:] / 255
    lit = (seen[..., :3] * alpha + _wall(rng) * (1 - alpha)) * _light(rng)
    sharp = Image.fromarray(lit.clip(0, 255).astype(np.uint8))
    blurred = np.asarray(sharp.filter(ImageFilter.GaussianBlur(0.8)))
    noisy = blurred + rng.normal(0, NOISE, (*blurred.shape[:2], 1))
    photo = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
    if not scene:
        photo = photo.crop(_frame(slanted, rng))
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=70)
    return out.getvalue()


def _frame(mark: Image.Image, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Frame the mark about as well as a detector does, within the scene."""
    x0, y0, x1, y1 = visible_box(mark) or (0, 0, *mark.size)
    left, top, right, bottom = rng.uniform(-FRAME / 3, FRAME, 4)
    width, height = x1 - x0, y1 - y0
    return (
        max(0, round(x0 - left * width)),
        max(0, round(y0 - top * height)),
        min(mark.width, round(x1 + right * width)),
        min(mark.height, round(y1 + bottom * height)),
    )


def _slanted(mark: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Put a mark somewhere about the middle of the scene, and look at it from the side."""
    left = (SIZE[0] - mark.width) // 2 + int(rng.integers(-20, 21))
    top = (SIZE[1] - mark.height) // 2 + int(rng.integers(-15, 16))
    right, bottom = left + mark.width, top + mark.height
    scene = Image.new("RGBA", SIZE)
    scene.paste(mark, (left, top))
    corners = np.array([(left, top), (left, bottom), (right, bottom), (right, top)], float)
    moved = corners + rng.uniform(-SLANT, SLANT, (4, 2)) * mark.size
    numbers = _perspective(moved, corners)
    return scene.transform(SIZE, Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BICUBIC)


def _perspective(to: NDArray[np.float64], back: NDArray[np.float64]) -> list[float]:
    """Solve for the eight numbers that lead from four corners of the result back to the source."""
    rows, sides = [], []
    for (x, y), (u, v) in zip(to, back, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        sides += [u, v]
    solved: list[float] = np.linalg.solve(np.array(rows), np.array(sides)).tolist()
    return solved


def _wall(rng: np.random.Generator) -> NDArray[np.float64]:
    """Paint a pale wall with large soft stains, (height, width, 3)."""
    width, height = SIZE
    coarse = rng.uniform(170, 225, (5, 7, 1)) + rng.uniform(-15, 15, (5, 7, 3))
    wall = Image.fromarray(coarse.astype(np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    return np.asarray(wall, np.float64)


def _light(rng: np.random.Generator) -> NDArray[np.float64]:
    """Let the light fall from one side, (height, width, 1)."""
    width, height = SIZE
    across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    angle = rng.uniform(0, 2 * np.pi)
    light: NDArray[np.float64] = 0.92 + 0.18 * (np.cos(angle) * across + np.sin(angle) * down)
    return light[..., np.newaxis]
