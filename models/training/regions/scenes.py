"""Whole scenes with marks in them, and where those are; drawn anew for every batch."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate

from models.training.marks.atlas import Atlas
from models.training.regions.backdrops import Photos, backdrops
from models.training.regions.making import made
from models.training.regions.placing import Placed, lay
from models.training.views import light
from models.training.views.chance import Chance

MARKS_MAX, CLUTTER_MAX = 5, 5  # of one scene
PLATED = 0.3  # of the marks stand on a sign or a shield
TWICE = 2  # times that a thing is laid into scenes of a batch, since making it is dear
BOXED = 0.35  # of the pictures are not square
DETAIL_MIN, DETAIL_MAX = 16, 96  # pixels of the pictures that things are laid from
LEVELS = 255
GREY = 128  # what a picture is letterboxed with


@dataclass(frozen=True, slots=True)
class Scene:
    """A batch of scenes.

    Args:
        pixels: uint8 (n, 3, side, side).
        boxes: float32 (m, 4), pixels x0, y0, x1, y1 of every mark.
        rows: int64 (m,), the scene that each mark is in.
    """

    pixels: torch.Tensor
    boxes: torch.Tensor
    rows: torch.Tensor


class Scenes:
    """Draws batches of scenes; the same seed and step give the same batch.

    Args:
        marks, clutter: what is found, and what is not.
        photos: uint8 (m, 3, h, w), what scenes are laid on.
        side: of the scenes, in pixels.
        shares: how much of the marks comes from each source.
    """

    def __init__(
        self,
        marks: Atlas,
        clutter: Atlas,
        photos: torch.Tensor,
        side: int,
        shares: dict[str, float],
        seed: int,
    ) -> None:
        self.marks, self.clutter, self.photos = marks, clutter, Photos.of(photos, side)
        self.side, self.seed = side, seed
        self.sources = [
            np.array([i for i, mark in enumerate(marks.marks) if mark.source == source])
            for source in shares
        ]
        self.shares = np.array(list(shares.values())) / sum(shares.values())

    def draw(self, step: int, size: int) -> Scene:
        """Draw one batch."""
        rng = np.random.default_rng((self.seed, step))
        chance = Chance(int(rng.integers(1 << 62)), size)
        scenes = backdrops(chance, self.photos, self.side)
        hand = self._made(rng, size)
        frames = [_frame(rng, self.side) for _ in range(size)]
        boxes, rows = [], []
        for row, (x0, y0, x1, y1) in enumerate(frames):
            placed = Placed(rng, scenes[row][:, y0:y1, x0:x1])
            marks, things = rng.integers(MARKS_MAX + 1), rng.integers(CLUTTER_MAX + 1)
            for turn in rng.permutation(marks + things):
                is_mark = bool(turn < marks)
                index = int(
                    rng.integers(hand.marks)
                    if is_mark
                    else rng.integers(hand.marks, len(hand.aspects))
                )
                plate = is_mark and rng.random() < PLATED
                under = int(rng.integers(hand.marks, len(hand.aspects))) if plate else None
                lay(placed, hand.levels, index, hand.aspects[index], is_mark=is_mark, plate=under)
            boxes += [(a + x0, b + y0, c + x0, d + y0) for a, b, c, d in placed.marks]
            rows += [row] * len(placed.marks)
        pixels = _seen(chance, scenes, frames)
        where = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
        return Scene(pixels, where, torch.tensor(rows, dtype=torch.int64))

    def _made(self, rng: np.random.Generator, size: int) -> "Hand":
        """Make what a batch of scenes is laid with."""
        count = size * max(MARKS_MAX, CLUTTER_MAX) // (2 * TWICE) + 1
        sources = rng.choice(len(self.sources), size=count, p=self.shares)
        marks = [int(rng.choice(self.sources[source])) for source in sources]
        things = rng.integers(len(self.clutter.marks), size=count).tolist()
        detail = min(self.side // 2, DETAIL_MAX)
        looks = self.marks.look(marks), self.clutter.look(things)
        pictures = torch.cat([_resized(look, detail) for look in looks])
        levels = [made(Chance(int(rng.integers(1 << 62)), len(pictures)), pictures)]
        while levels[-1].shape[-1] > DETAIL_MIN:
            levels.append(avg_pool2d(levels[-1], 2))
        aspects = [self.marks.marks[i].aspect for i in marks] + [
            self.clutter.marks[i].aspect for i in things
        ]
        return Hand(levels, aspects, count)


@dataclass(frozen=True, slots=True)
class Hand:
    """Things made for a batch of scenes: marks first, then clutter.

    Args:
        levels: (n, 4, s, s) at falling sizes s, colours weighted by alpha.
        aspects: width by height of each.
        marks: how many are marks.
    """

    levels: list[torch.Tensor]
    aspects: list[float]
    marks: int


def _resized(pictures: torch.Tensor, side: int) -> torch.Tensor:
    if pictures.shape[-1] == side:
        return pictures
    return interpolate(pictures, (side, side), mode="bilinear", antialias=True)


def _frame(rng: np.random.Generator, side: int) -> tuple[int, int, int, int]:
    """Draw where the picture is in the square: all of it, or between two bars."""
    if rng.random() > BOXED:
        return 0, 0, side, side
    bar = int(side * rng.uniform(0.02, 0.25))
    return (bar, 0, side - bar, side) if rng.random() < 0.5 else (0, bar, side, side - bar)


def _seen(
    chance: Chance, scenes: torch.Tensor, frames: list[tuple[int, int, int, int]]
) -> torch.Tensor:
    """See scenes through a camera, and letterbox them."""
    scenes = light.uneven(chance, scenes, 0.7)
    scenes = light.noisy(chance, light.soft(chance, scenes) if chance.happens(0.5)[0] else scenes)
    levels = light.compressed(chance, (scenes * LEVELS).round().to(torch.uint8), 0.25)
    for picture, (x0, y0, x1, y1) in zip(levels, frames, strict=True):
        picture[:, :y0], picture[:, y1:] = GREY, GREY
        picture[:, :, :x0], picture[:, :, x1:] = GREY, GREY
    return levels
