"""A mark and a name set together, as reference pictures often show them."""

import torch
from torch.nn.functional import affine_grid

from models.training.views.chance import Chance
from models.training.views.geometry import sample


def lockup(
    chance: Chance,
    marks: torch.Tensor,
    aspects: torch.Tensor,
    names: torch.Tensor,
    name_aspects: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Set a name below, above or beside each mark.

    Args:
        marks, names: (n, 4, h, w), colours weighted by alpha.
        aspects, name_aspects: (n,) width by height.

    Returns:
        Pictures as `marks`, and their proportions.
    """
    beside = chance.happens(0.2)
    gap = chance.uniform(0.05, 0.3)
    wide = aspects * chance.uniform(0.55, 1.7)
    high = chance.uniform(0.25, 0.8)
    text_w = torch.where(beside, high * name_aspects, wide)
    text_h = torch.where(beside, high, (wide / name_aspects).clamp(max=0.8))
    total_w = torch.where(beside, aspects + gap + text_w, torch.maximum(aspects, text_w))
    total_h = torch.where(beside, torch.ones_like(text_h), 1 + gap + text_h)
    above = chance.happens(0.15)
    first, last = -1 + 2 * (text_h + gap) / total_h, 1 - 2 * (text_h + gap) / total_h
    mark_y = torch.where(beside, 0.0, torch.where(above, (1 + first) / 2, (last - 1) / 2))
    name_y = torch.where(beside, 0.0, torch.where(above, -1.0, 1.0) * (1 - text_h / total_h))
    mark_x = torch.where(beside, -1 + aspects / total_w, 0.0)
    name_x = torch.where(beside, 1 - text_w / total_w, 0.0)
    mark = _put(marks, aspects / total_w, 1 / total_h, mark_x, mark_y)
    name = _put(names, text_w / total_w, text_h / total_h, name_x, name_y)
    return mark * (1 - name[:, 3:]) + name, total_w / total_h


def _put(
    pictures: torch.Tensor, wide: torch.Tensor, high: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Put pictures into a part of the square, given by its half sides and its middle."""
    inverse = pictures.new_zeros(len(pictures), 2, 3)
    inverse[:, 0, 0], inverse[:, 0, 2] = 1 / wide, -x / wide
    inverse[:, 1, 1], inverse[:, 1, 2] = 1 / high, -y / high
    return sample(pictures, affine_grid(inverse, list(pictures.shape), align_corners=False))
