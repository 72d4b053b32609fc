"""Photos that are drawn of a mark: seeded, framed, and of that mark."""

import io

import numpy as np
from PIL import Image

from models.pictures.photo import SIZE, photographed


def png(mark: Image.Image) -> bytes:
    out = io.BytesIO()
    mark.save(out, "PNG")
    return out.getvalue()


def looked_at(photo: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"), np.float64)


RED = png(Image.new("RGBA", (100, 50), (220, 20, 20, 255)))


def reddish(seen: np.ndarray) -> np.ndarray:
    return seen[..., 0] - seen[..., 1:].max(axis=2) > 60


def test_the_same_seed_gives_the_same_photo_and_another_another() -> None:
    for scene in (False, True):
        assert photographed(RED, seed=1, scene=scene) == photographed(RED, seed=1, scene=scene)
        assert photographed(RED, seed=1, scene=scene) != photographed(RED, seed=2, scene=scene)


def test_a_crop_is_framed_to_the_mark_and_a_scene_is_whole() -> None:
    for seed in range(20):
        scene = looked_at(photographed(RED, seed=seed, scene=True))
        assert scene.shape[:2] == SIZE[::-1]
        crop = looked_at(photographed(RED, seed=seed))
        assert crop.size < scene.size
        assert reddish(scene).mean() < 0.3
        assert 0.5 < reddish(crop).mean() < 1.0
        # Next to nothing of the mark is lost.
        assert reddish(crop).sum() > 0.88 * reddish(scene).sum()


def test_what_lies_askew_in_a_transparent_picture_is_found() -> None:
    wide = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    wide.paste((20, 20, 220, 255), (300, 200, 380, 280))
    crop = looked_at(photographed(png(wide)))
    blue = crop[..., 2] - crop[..., :2].max(axis=2) > 60
    assert blue.mean() > 0.5
