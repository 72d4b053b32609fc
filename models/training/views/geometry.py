"""Where a mark stands in a picture: rotation, perspective, bend, and how tightly it is cropped.

A mark's own frame is the square [-1, 1]^2 over its bounding box, and a picture's frame the square
that it is stretched to; a placement maps the picture's points to the mark's.
"""

from dataclasses import dataclass

import torch
from torch.nn.functional import affine_grid, grid_sample

from models.training.views.chance import Chance


@dataclass(frozen=True, slots=True)
class Looks:
    """How far a camera strays, as standard deviations or bounds.

    Args:
        turn: rotation in the picture's plane, radians.
        tilt: perspective, as the share by which the far side shrinks.
        shear: slant.
        bend: curvature of the surface, in halves of the side.
        crop: the margins (low, high) left around the mark, as a share of half the side; below
            zero the crop cuts into it.
    """

    turn: float = 0.12
    tilt: float = 0.12
    shear: float = 0.08
    bend: float = 0.04
    crop: tuple[float, float] = (-0.06, 0.3)


def place(chance: Chance, aspect: torch.Tensor, looks: Looks, side: int) -> torch.Tensor:
    """Draw placements.

    Args:
        aspect: (n,) width by height of each mark.

    Returns:
        (n, side, side, 2), the mark's point under each pixel's centre; outside [-1, 1] is ground.
    """
    forward = _camera(chance, aspect, looks)
    forward = _crop(chance, looks) @ _fit(forward) @ forward
    still = torch.eye(2, 3, device=chance.device)[None]
    grid = affine_grid(still, [1, 1, side, side], align_corners=False)
    points = torch.cat([grid, torch.ones_like(grid[..., :1])], dim=-1).view(1, -1, 3)
    mapped = points @ torch.linalg.inv(forward).transpose(1, 2)
    depth = mapped[..., 2:]
    places: torch.Tensor = mapped[..., :2] / torch.where(depth.abs() < 1e-2, 1e-2, depth)
    places = places.view(-1, side, side, 2).clamp(-8, 8)
    bends = chance.normal(looks.bend, 2)[:, None, None]
    return places + bends * (1 - places.flip(-1).square()).clamp(-1, 1)


def sample(pictures: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Look a picture up at places; zero beside it.

    Args:
        pictures: (n, c, h, w); colours weighted by alpha, so that edges do not darken.
        places: (n, side, side, 2).
    """
    return grid_sample(pictures, places, mode="bilinear", align_corners=False)


def turned(
    marks: torch.Tensor, aspects: torch.Tensor, which: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn marks by quarters, or mirror them: a mark becomes another, of which there are eight.

    Args:
        marks: (n, c, h, h).
        aspects: (n,) width by height.
        which: booleans (n, 3): left for right, top for bottom, rows for columns.

    Source: Santoro et al., "Meta-Learning with Memory-Augmented Neural Networks", ICML 2016, which
    make new classes of characters by quarter turns.
    """
    wide, high, across = which[:, :, None, None, None].unbind(1)
    marks = torch.where(wide, marks.flip(3), marks)
    marks = torch.where(high, marks.flip(2), marks)
    marks = torch.where(across, marks.transpose(2, 3), marks)
    return marks, torch.where(which[:, 2], 1 / aspects, aspects)


def _camera(chance: Chance, aspect: torch.Tensor, looks: Looks) -> torch.Tensor:
    """Build (n, 3, 3): mark's frame, given its proportions, turned, slanted, seen from the side."""
    rows = chance.rows
    wild = torch.where(chance.happens(0.15), 2.5, 1.0)
    turn, shear = chance.normal(looks.turn) * wild, chance.normal(looks.shear)
    root = aspect.clamp(0.25, 4).sqrt()
    turned = turn.new_zeros(rows, 3, 3)
    cos, sin = turn.cos(), turn.sin()
    turned[:, 0, 0], turned[:, 0, 1] = cos * root, (shear * cos - sin) / root
    turned[:, 1, 0], turned[:, 1, 1] = sin * root, (shear * sin + cos) / root
    turned[:, 2, 2] = 1
    seen = torch.eye(3, device=chance.device).repeat(rows, 1, 1)
    seen[:, 2, :2] = (chance.normal(looks.tilt, 2) * wild[:, None]).clamp(-0.35, 0.35) / root[
        :, None
    ].clamp(min=1)
    return seen @ turned


def _fit(forward: torch.Tensor) -> torch.Tensor:
    """Build (n, 3, 3) that brings a mark's outline, between oval and box, to [-1, 1]^2."""
    angles = torch.linspace(0, 2 * torch.pi, 17, device=forward.device)[:-1]
    ring = torch.stack([angles.cos(), angles.sin()], dim=1)
    ring = ring / (0.6 * ring.abs().max(dim=1, keepdim=True).values + 0.4)
    outline = torch.cat([ring, torch.ones_like(ring[:, :1])], dim=1)
    seen = outline @ forward.transpose(1, 2)
    seen = seen[..., :2] / seen[..., 2:].clamp(min=0.2)
    low, high = seen.amin(1), seen.amax(1)
    scale = 2 / (high - low).clamp(min=1e-3)
    return _scaling(scale, -(high + low) / 2 * scale)


def _crop(chance: Chance, looks: Looks) -> torch.Tensor:
    """Build (n, 3, 3) that leaves a margin on each side, most often a small one."""
    low, high = looks.crop
    margin = low + (high - low) * chance.uniform(0, 1, 4).pow(2)
    margin = torch.where(chance.happens(0.5)[:, None], margin.mean(1, keepdim=True), margin)
    left, right, top, bottom = margin.unbind(1)
    ends = torch.stack([2 - left - right, 2 - top - bottom], dim=1) / 2
    return _scaling(ends, torch.stack([left - right, top - bottom], dim=1) / 2)


def _scaling(scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    built = scale.new_zeros(len(scale), 3, 3)
    built[:, 0, 0], built[:, 1, 1], built[:, 2, 2] = scale[:, 0], scale[:, 1], 1
    built[:, :2, 2] = shift
    return built
