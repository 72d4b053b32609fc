"""What a camera adds: uneven light, casts, blur, low resolution, noise, occlusion, compression."""

import torch
from torch.nn.functional import interpolate

from models.training.views.chance import Chance
from models.training.views.jpeg import saved
from models.training.views.relief import blur


def uneven(chance: Chance, pictures: torch.Tensor, strength: float) -> torch.Tensor:
    """Light (n, 3, h, w) unevenly: brightness, contrast, cast, a gradient, a soft reflection."""
    side = pictures.shape[-1]
    field = interpolate(
        chance.normal(0.17 * strength, 1, 3, 3), (side, side), mode="bilinear", align_corners=True
    )
    contrast = (chance.normal(0.22 * strength, 1).clamp(-0.5, 0.5)).exp()[:, :, None, None]
    cast = (1 + chance.normal(0.1 * strength, 3))[:, :, None, None]
    level = chance.normal(0.08 * strength, 1)[:, :, None, None]
    lit = ((pictures - 0.5) * contrast + 0.5 + level) * cast * (1 + field)
    haze = field.clamp(min=0) * 0.5
    lit = lit + haze
    grey = chance.happens(0.12 * strength)[:, None, None, None]
    return torch.where(grey, lit.mean(1, keepdim=True), lit).clamp(0, 1)


def soft(chance: Chance, pictures: torch.Tensor) -> torch.Tensor:
    """Blur (n, 3, h, w), from not at all to much, at times along one direction only."""
    share = chance.uniform(-1.2, 1.4).clamp(0, 1)[:, None, None, None]
    once = torch.lerp(pictures, blur(pictures, 1), share)
    more = chance.uniform(-4, 1).clamp(0, 1)[:, None, None, None]
    return torch.lerp(once, blur(once, 2), more)


def coarse(chance: Chance, pictures: torch.Tensor) -> torch.Tensor:
    """Bring an eighth of the pictures each to two lower resolutions, and back."""
    rows, side = len(pictures), pictures.shape[-1]
    order = chance.order()
    seen = pictures.clone()
    for part, low in enumerate((side * 5 // 8, side * 3 // 8)):
        chosen = order[part * rows // 8 : (part + 1) * rows // 8]
        small = interpolate(pictures[chosen], (low, low), mode="area")
        seen[chosen] = interpolate(small, (side, side), mode="bilinear", align_corners=False)
    return seen


def hidden(chance: Chance, pictures: torch.Tensor, probability: float) -> torch.Tensor:
    """Lay a plain bar or patch over some of (n, 3, h, w)."""
    side = pictures.shape[-1]
    axis = chance.axis(-1, 1, side)
    turn, far = chance.uniform(0, 6.3)[:, None, None], chance.uniform(0.3, 1.1)[:, None, None]
    along = turn.cos() * axis[None, None, :] + turn.sin() * axis[None, :, None]
    wide = torch.where(chance.happens(0.5), chance.uniform(0.04, 0.2), 9.0)[:, None, None]
    bar = ((along - far).abs() < wide) & (along > far - wide.clamp(max=1))
    beyond = torch.where(wide > 1, along > far, bar)
    shown = chance.happens(probability)[:, None, None]
    colour = chance.uniform(0, 1, 3)[:, :, None, None]
    return torch.where((beyond & shown)[:, None], colour, pictures)


def noisy(chance: Chance, pictures: torch.Tensor) -> torch.Tensor:
    """Add the noise of a sensor."""
    strength = chance.uniform(-0.03, 0.04).clamp(min=0)[:, None, None, None]
    return (pictures + chance.normal(1, *pictures.shape[1:]) * strength).clamp(0, 1)


def compressed(chance: Chance, pictures: torch.Tensor, share: float) -> torch.Tensor:
    """Save a share of uint8 (n, 3, h, w) as jpeg of low quality, and read them again."""
    rows = chance.order()[: int(len(pictures) * share)]
    qualities = 20 + chance.integers(65)
    pictures[rows] = saved(pictures[rows], qualities[rows])
    return pictures
