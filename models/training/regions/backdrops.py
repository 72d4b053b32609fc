"""What scenes are laid on: photos near and far, paint, mesh, cloth, ramps."""

from dataclasses import dataclass

import torch
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

from models.training.views import grounds
from models.training.views.chance import Chance

LEVELS = 255
# A photo, paint, bars or mesh, cloth, a flat colour.
KINDS = (0.62, 0.12, 0.08, 0.12, 0.06)


@dataclass(frozen=True, slots=True)
class Photos:
    """Photos in the two sizes that scenes of one side ask for.

    Args:
        near, far: uint8 (m, 3, h, w), as sharp as a scene can show, and out of focus.
    """

    near: torch.Tensor
    far: torch.Tensor

    @classmethod
    def of(cls, photos: torch.Tensor, side: int) -> "Photos":
        """Bring uint8 (m, 3, h, w) to the sizes for scenes of a side."""
        near, far = (max(1, photos.shape[-1] // size) for size in (side, side // 6))
        return cls(_smaller(photos, near), _smaller(photos, far))


def _smaller(photos: torch.Tensor, times: int) -> torch.Tensor:
    if times == 1:
        return photos
    parts = torch.split(photos, 64)  # since floats take four times the room
    return torch.cat([avg_pool2d(part.float(), times).to(torch.uint8) for part in parts])


def backdrops(chance: Chance, photos: Photos, side: int) -> torch.Tensor:
    """Draw (n, 3, side, side) in [0, 1]."""
    kind = chance.choice(KINDS)[:, None, None, None]
    ground = _views(chance, photos, side)
    flat = grounds.plain(chance)[:, :, None, None]
    for number, drawn in enumerate(
        (grounds.painted(chance, side), grounds.grille(chance, side), _cloth(chance, side), flat),
        start=1,
    ):
        ground = torch.where(kind == number, drawn, ground)
    return ground.contiguous()


def _views(chance: Chance, photos: Photos, side: int) -> torch.Tensor:
    """Look at a part of a photo, up to all of it; at times mirrored, or out of focus.

    What is out of focus shows no lettering of its own, which nobody marked in the photos.
    """
    share = chance.uniform(0.35, 1.0)
    mirror = torch.where(chance.happens(0.5), -1.0, 1.0)
    theta = torch.zeros(chance.rows, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = share * mirror, share
    theta[:, :, 2] = (1 - share)[:, None] * chance.uniform(-1, 1, 2)
    chosen = chance.integers(len(photos.near))
    grid = affine_grid(theta, [chance.rows, 3, side, side], align_corners=False)
    far = chance.happens(0.4)
    seen = torch.empty(chance.rows, 3, side, side)
    for some, pictures in ((~far, photos.near), (far, photos.far)):
        picked = pictures[chosen[some]].float() / LEVELS
        seen[some] = grid_sample(picked, grid[some], align_corners=False, padding_mode="border")
    return seen


def _cloth(chance: Chance, side: int) -> torch.Tensor:
    """Weave a colour in fine threads, and let it fall in folds."""
    axis = torch.arange(side, dtype=torch.float32)
    fine = chance.uniform(0.8, 2.6)[:, None, None]
    threads = (axis[None, None, :] * fine).sin() * (axis[None, :, None] * fine).sin()
    folds = chance.normal(0.25, 1, 5, 3)
    folds = interpolate(folds, (side, side), mode="bicubic", align_corners=True)
    weave = threads[:, None] * chance.uniform(0, 0.12)[:, None, None, None]
    return (grounds.plain(chance)[:, :, None, None] * (1 + folds + weave) + weave * 0.2).clamp(0, 1)
