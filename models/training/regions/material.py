"""What scenes are made of, parted into what is learnt from and what is kept for evaluation."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.training.marks.atlas import PIXELS, Atlas, join, load_atlas
from models.training.regions.clutter import clutter
from models.training.regions.scenes import Scenes
from models.training.views.pairs import held_out

# Sources of marks, and their part of the scenes: what was designed is real, what is drawn is many.
SHARES = {
    "gilbarbara": 0.22, "simple-icons": 0.14, "svgl": 0.12, "devicon": 0.1, "word": 0.2,
    "emblem": 0.18, "sign": 0.04,
}  # fmt: skip
PHOTO_SIDE = 288
PHOTOS_HELD_PERCENT = 15
LANDSCAPES = Path("/usr/share/backgrounds/mate/nature")
LANDSCAPE_VIEWS = 6  # of each, since they are few and large
CLUTTER = 1200


@dataclass(frozen=True, slots=True)
class Material:
    """Marks, clutter and photos of one part.

    Args:
        photos: uint8 (m, 3, PHOTO_SIDE, PHOTO_SIDE).
    """

    marks: Atlas
    clutter: Atlas
    photos: torch.Tensor

    def scenes(self, side: int, seed: int) -> Scenes:
        """Lay scenes of it."""
        return Scenes(self.marks, self.clutter, self.photos, side, SHARES, seed)


def learnt_material(data: Path, marks: Path, work: Path) -> Material:
    """Read what is learnt from: no brand and no photo of the other part is in it.

    Args:
        data: holds `backgrounds`.
        marks: holds the atlases that `python -m models.training logo` draws.
        work: keeps what is read once.
    """
    return _material(data, marks, work, held=False)


def held_material(data: Path, marks: Path, work: Path) -> Material:
    """Read what is kept for evaluation."""
    return _material(data, marks, work, held=True)


def _material(data: Path, marks: Path, work: Path, *, held: bool) -> Material:
    folders = sorted(path.parent for path in marks.glob(f"*/{PIXELS}"))
    if not folders:
        raise FileNotFoundError(f"no atlas in {marks}: `python -m models.training logo` draws them")
    parts = []
    for folder in folders:
        atlas = load_atlas(folder)
        parts.append(
            atlas.part([i for i, mark in enumerate(atlas.marks) if held_out(mark.brand) == held])
        )
    photos = _photos(data / "backgrounds", work / ("held.npy" if held else "learnt.npy"), held=held)
    things = clutter(CLUTTER // (4 if held else 1), photos, seed=int(held))
    return Material(join(parts), things, torch.from_numpy(photos))


def _photos(folder: Path, kept: Path, *, held: bool) -> NDArray[np.uint8]:
    """Read the photos of one part, and keep what was read."""
    if not kept.exists():
        files = [path for path in sorted(folder.rglob("*.jpg")) if _photo_held(path) == held]
        pictures = [_square(Image.open(path)) for path in files]
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.stack(pictures + ([] if held else _landscapes())))
    photos: NDArray[np.uint8] = np.load(kept)
    return photos


def _photo_held(path: Path) -> bool:
    digest = hashlib.sha256(path.name.encode()).hexdigest()
    return int(digest, 16) % 100 < PHOTOS_HELD_PERCENT


def _square(image: Image.Image, box: tuple[float, float, float, float] | None = None) -> np.ndarray:
    image.draft("RGB", (PHOTO_SIDE, PHOTO_SIDE))
    small = image.convert("RGB").resize(
        (PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.BILINEAR, box=box, reducing_gap=2
    )
    return np.asarray(small).transpose(2, 0, 1)


def _landscapes() -> list[np.ndarray]:
    """Look at parts of Debian's mate-backgrounds, where they are installed."""
    chance, views = np.random.default_rng(0), []
    for path in sorted(LANDSCAPES.rglob("*.jpg")):
        whole = Image.open(path).convert("RGB")
        whole.thumbnail((1600, 1600))
        for _ in range(LANDSCAPE_VIEWS):
            side = int(min(whole.size) * chance.uniform(0.4, 1))
            left, top = (int(chance.integers(length - side + 1)) for length in whole.size)
            views.append(_square(whole, (left, top, left + side, top + side)))
    return views
