"""Things that are no marks, laid like marks: an edge, a colour or a paste is no sign of one."""

import math
import random
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from models.training.marks.atlas import SIDE, Atlas, Mark, squared

DRAWN = 2 * SIDE  # pixels, of which the atlas keeps half: smooth edges


def clutter(count: int, photos: NDArray[np.uint8], seed: int) -> Atlas:
    """Draw polygons, plain shapes, blobs, stripes, and patches of photos.

    Args:
        photos: uint8 (m, 3, h, w), h and w at least 64.
    """
    chance = random.Random(seed)  # noqa: S311 - drawings, not secrets
    marks, pixels = list[Mark](), list[NDArray[np.uint8]]()
    while len(marks) < count:
        kind = chance.choice(KINDS)
        found = squared(_cut(chance, kind(chance), photos))
        if found is not None:
            pixels.append(found[0])
            marks.append(Mark("", kind.__name__.strip("_"), found[1]))
    return Atlas.of(marks, np.stack(pixels))


def _cut(chance: random.Random, shape: Image.Image, photos: NDArray[np.uint8]) -> Image.Image:
    """Fill a shape with a colour, a ramp between two, or a part of a photo."""
    fill = chance.random()
    if fill < 0.3:
        picture = Image.new("RGB", shape.size, _colour(chance))
    elif fill < 0.5:
        ramp = Image.linear_gradient("L").rotate(chance.uniform(0, 360)).resize(shape.size)
        first, last = (Image.new("RGB", shape.size, _colour(chance)) for _ in range(2))
        picture = Image.composite(first, last, ramp)
    else:
        photo = photos[chance.randrange(len(photos))]
        size = chance.randint(32, min(photo.shape[1:]) // 2)
        top, left = (chance.randrange(side - size) for side in photo.shape[1:])
        part = photo[:, top : top + size, left : left + size].transpose(1, 2, 0)
        picture = Image.fromarray(part).resize(shape.size, Image.Resampling.BICUBIC)
    picture.putalpha(shape)
    return picture


def _colour(chance: random.Random) -> tuple[int, ...]:
    return tuple(chance.randrange(256) for _ in range(3))


def _canvas(chance: random.Random) -> Image.Image:
    narrow = int(DRAWN * chance.uniform(0.2, 1) ** 0.7)
    return Image.new("L", chance.choice([(DRAWN, narrow), (narrow, DRAWN), (DRAWN, DRAWN)]))


def _polygon(chance: random.Random) -> Image.Image:
    """A few corners in any order of turning: at times it crosses itself."""
    shape = _canvas(chance)
    wide, high = shape.size
    corners = [
        (chance.uniform(0, wide), chance.uniform(0, high)) for _ in range(chance.randint(3, 7))
    ]
    if chance.random() < 0.6:
        corners.sort(key=lambda p: math.atan2(p[1] - high / 2, p[0] - wide / 2))
    ImageDraw.Draw(shape).polygon(corners, fill=255)
    return shape


def _plain(chance: random.Random) -> Image.Image:
    """A disc, a box, a rounded box: filled, or as a frame."""
    shape = _canvas(chance)
    draw, box = ImageDraw.Draw(shape), (0, 0, shape.width - 1, shape.height - 1)
    line = chance.choice([0, 0, 0, chance.randint(4, 24)])
    fill, width = None if line else 255, max(1, line)
    kind = chance.randrange(3)
    if kind == 0:
        draw.ellipse(box, fill, 255, width)
    elif kind == 1:
        draw.rectangle(box, fill, 255, width)
    else:
        draw.rounded_rectangle(box, chance.uniform(4, min(shape.size) / 2), fill, 255, width)
    return shape


def _blob(chance: random.Random) -> Image.Image:
    """Smooth noise, cut at a level."""
    draw = np.random.default_rng(chance.getrandbits(32))
    cells = chance.randint(3, 7)
    noise = draw.normal(size=(cells, cells)) * 60 + 128
    rough = Image.fromarray(noise.clip(0, 255).astype(np.uint8)).resize(
        (DRAWN, DRAWN), Image.Resampling.BICUBIC
    )
    fade = Image.radial_gradient("L").resize((DRAWN, DRAWN))
    field = np.asarray(rough).astype(np.float32) + 70 - 0.8 * np.asarray(fade)
    return Image.fromarray(((field - 110) * 12).clip(0, 255).astype(np.uint8))


def _stripes(chance: random.Random) -> Image.Image:
    """Bars of equal or growing width, askew."""
    shape = Image.new("L", (DRAWN, DRAWN))
    draw, at = ImageDraw.Draw(shape), 0.0
    step, growth = chance.uniform(6, 40), chance.choice([1.0, 1.0, 1.15])
    while at < DRAWN:
        draw.rectangle((at, 0, at + step / 2, DRAWN), fill=255)
        at, step = at + step, step * growth
    shape = shape.rotate(chance.choice([0, 90, chance.uniform(0, 180)]), Image.Resampling.BILINEAR)
    return shape.resize(_canvas(chance).size)


def _strokes(chance: random.Random) -> Image.Image:
    """A few loose curves: scratches, wires, twigs, folds."""
    shape = Image.new("L", (DRAWN, DRAWN))
    draw = ImageDraw.Draw(shape)
    for _ in range(chance.randint(1, 3)):
        x, y, turn = chance.uniform(0, DRAWN), chance.uniform(0, DRAWN), chance.uniform(0, 6.3)
        path = []
        for _ in range(chance.randint(4, 14)):
            path.append((x, y))
            turn += chance.gauss(0, 0.5)
            x, y = x + 18 * math.cos(turn), y + 18 * math.sin(turn)
        draw.line(path, fill=255, width=chance.randint(3, 14), joint="curve")
    return shape


def _soft(chance: random.Random) -> Image.Image:
    """Any of the others with a soft edge: spots of light, stains, shadows."""
    shape = chance.choice([_polygon, _plain, _blob])(chance)
    return shape.filter(ImageFilter.GaussianBlur(chance.uniform(4, 20)))


KINDS: tuple[Callable[[random.Random], Image.Image], ...] = (
    _polygon, _plain, _blob, _stripes, _strokes, _soft,
)  # fmt: skip
