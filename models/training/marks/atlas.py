"""Every mark once, as pixels: what the views are made from, kept in a folder outside the tree."""

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

SIDE = 64  # pixels of a mark's picture, stretched to a square; its proportions stand beside it
PIXELS, TABLE = "marks.npy", "marks.json"


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of an atlas.

    Args:
        brand: marks of one brand are never each other's negatives.
        source: the collection that it is from.
        aspect: width by height.
    """

    brand: str
    source: str
    aspect: float


@dataclass(frozen=True, slots=True)
class Atlas:
    """Marks and their pixels, which stay on disk until they are looked at.

    Args:
        shelves: arrays uint8 (m, 4, SIDE, SIDE), colours weighted by alpha.
        places: int64 (n, 2), the shelf of each mark and its row there.
    """

    marks: tuple[Mark, ...]
    shelves: tuple[NDArray[np.uint8], ...]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, marks: Sequence[Mark], pixels: NDArray[np.uint8]) -> "Atlas":
        """Make an atlas of one shelf."""
        rows = np.arange(len(marks))
        return cls(tuple(marks), (pixels,), np.stack([0 * rows, rows], 1))

    def aspects(self) -> torch.Tensor:
        """Return (n,) width by height."""
        return torch.tensor([mark.aspect for mark in self.marks])

    def part(self, rows: Sequence[int]) -> "Atlas":
        """Take some of the marks, in the order given."""
        return Atlas(tuple(self.marks[row] for row in rows), self.shelves, self.places[list(rows)])

    def pixels(self, row: int) -> NDArray[np.uint8]:
        """Return uint8 (4, SIDE, SIDE) of one mark."""
        shelf, place = self.places[row]
        found: NDArray[np.uint8] = self.shelves[shelf][place]
        return found

    def look(self, rows: Iterable[int]) -> torch.Tensor:
        """Return (m, 4, SIDE, SIDE) in [0, 1], of these rows."""
        return torch.from_numpy(np.stack([self.pixels(row) for row in rows])).float() / 255

    def held(self, device: torch.device) -> torch.Tensor:
        """Take all pixels to a device: uint8 (n, 4, SIDE, SIDE)."""
        return torch.from_numpy(np.stack([self.pixels(row) for row in range(len(self.marks))])).to(
            device
        )


def squared(image: Image.Image) -> tuple[NDArray[np.uint8], float] | None:
    """Cut an RGBA picture to what is seen of it, and stretch that to the square.

    Returns:
        uint8 (4, SIDE, SIDE), colours weighted by alpha, and width by height; None where nothing
        is seen.
    """
    box = image.getchannel("A").point([255 * (a >= 16) for a in range(256)]).getbbox()
    if box is None or box[2] - box[0] < 4 or box[3] - box[1] < 4:
        return None
    weighted = image.crop(box).convert("RGBa")
    small = weighted.resize(
        (SIDE, SIDE),
        Image.Resampling.BOX if min(weighted.size) > 2 * SIDE else Image.Resampling.BICUBIC,
    )
    return np.asarray(small).transpose(2, 0, 1), (box[2] - box[0]) / (box[3] - box[1])


def png(atlas: Atlas, row: int) -> bytes:
    """Encode a mark in its own proportions, transparent around."""
    pixels = np.ascontiguousarray(atlas.pixels(row).transpose(1, 2, 0))
    image = Image.fromarray(pixels, "RGBa")
    side, aspect = image.width, atlas.marks[row].aspect
    size = (side, round(side / aspect)) if aspect > 1 else (round(side * aspect), side)
    return encoded(np.asarray(image.resize((max(1, size[0]), max(1, size[1]))).convert("RGBA")))


def encoded(pixels: NDArray[np.uint8]) -> bytes:
    """Encode uint8 (h, w, 3 or 4) as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def save_atlas(folder: Path, drawn: Iterable[tuple[str, str, Image.Image]]) -> Atlas:
    """Write an atlas of (brand, source, picture)."""
    marks, pixels = [], []
    for brand, source, image in drawn:
        found = squared(image)
        if found is not None:
            pixels.append(found[0])
            marks.append(Mark(brand, source, found[1]))
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / PIXELS, np.array(pixels, np.uint8).reshape(-1, 4, SIDE, SIDE))
    rows = [[mark.brand, mark.source, round(mark.aspect, 4)] for mark in marks]
    (folder / TABLE).write_text(json.dumps(rows), encoding="utf-8")
    return load_atlas(folder)


def load_atlas(folder: Path) -> Atlas:
    """Read an atlas."""
    rows = json.loads((folder / TABLE).read_text(encoding="utf-8"))
    return Atlas.of([Mark(*row) for row in rows], np.load(folder / PIXELS, mmap_mode="r"))


def join(atlases: Sequence[Atlas]) -> Atlas:
    """Put atlases side by side."""
    shelves: list[NDArray[np.uint8]] = []
    places = []
    for atlas in atlases:
        places.append(atlas.places + np.array([len(shelves), 0]))
        shelves += atlas.shelves
    marks = tuple(mark for atlas in atlases for mark in atlas.marks)
    return Atlas(marks, tuple(shelves), np.concatenate(places))
