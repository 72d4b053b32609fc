"""What is behind a mark: plain colours, body paint, grilles, photos, noise."""

import torch
from torch.nn.functional import interpolate

from models.training.views.chance import Chance


def plain(chance: Chance) -> torch.Tensor:
    """Draw (n, 3) colours: white, black, greys and any other."""
    kind = chance.choice((0.2, 0.2, 0.25, 0.35))[:, None]
    grey = chance.uniform(0, 1, 1).expand(-1, 3) + chance.normal(0.03, 3)
    colour = torch.where(kind == 2, grey, chance.uniform(0, 1, 3))
    colour = torch.where(kind == 0, 1 - chance.uniform(0, 0.15, 1), colour)
    return torch.where(kind == 1, chance.uniform(0, 0.18, 1), colour).clamp(0, 1)


def painted(chance: Chance, side: int) -> torch.Tensor:
    """Paint (n, 3, side, side): a colour under uneven light, with a soft reflection."""
    colour = plain(chance)[:, :, None, None]
    light = interpolate(
        chance.normal(0.14, 1, 3, 3), (side, side), mode="bilinear", align_corners=True
    )
    return (colour * (1 + light) + light * 0.3).clamp(0, 1)


def grille(chance: Chance, side: int) -> torch.Tensor:
    """Draw (n, 3, side, side) of bars or mesh in two greys."""
    axis = chance.axis(-1, 1, side)
    turn, count = chance.uniform(0, 3.2)[:, None, None], chance.uniform(6, 30)[:, None, None]
    along = turn.cos() * axis[None, None, :] + turn.sin() * axis[None, :, None]
    across = -turn.sin() * axis[None, None, :] + turn.cos() * axis[None, :, None]
    bars = (along * count).sin()
    mesh = torch.where(chance.happens(0.5)[:, None, None], bars * (across * count).sin(), bars)
    sharp = torch.sigmoid(mesh * chance.uniform(2, 10)[:, None, None])[:, None]
    dark, bright = (
        chance.uniform(0, 0.3)[:, None, None, None],
        chance.uniform(0.1, 0.8)[:, None, None, None],
    )
    return (dark + (bright - dark) * sharp).expand(-1, 3, -1, -1)


def crops(chance: Chance, photos: torch.Tensor, side: int) -> torch.Tensor:
    """Cut (n, 3, side, side) out of photos uint8 (m, 3, h, w), mirrored at times."""
    index = chance.integers(len(photos))
    height, width = photos.shape[-2:]
    tops = (chance.uniform(0, 1) * (height - side)).long()
    lefts = (chance.uniform(0, 1) * (width - side)).long()
    steps = torch.arange(side, device=chance.device)
    down, across = (tops[:, None] + steps)[:, :, None], (lefts[:, None] + steps)[:, None]
    cut = photos[index[:, None, None], :, down, across].permute(0, 3, 1, 2).float()
    cut = torch.where(chance.happens(0.5)[:, None, None, None], cut.flip(3), cut)
    mix = torch.where(chance.happens(0.4)[:, None, None, None], cut.mean(1, keepdim=True), cut)
    return mix / 255
