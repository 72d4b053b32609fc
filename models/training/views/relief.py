"""What a mark is made of: flat colours, one colour, chrome or enamel, an embossing, an outline."""

import torch

from models.training.views.chance import Chance

GOLD = (1.0, 0.8, 0.45)
BANDS = 16  # of the surroundings that metal reflects, from below to above


def blur(maps: torch.Tensor, times: int, width: int = 1) -> torch.Tensor:
    """Blur (n, c, h, w) by (1, 2, 1) / 4 along both sides, again and again; near to a Gaussian.

    Args:
        width: pixels between the taps: 2 reaches twice as far.
    """
    for _ in range(times):
        for axis in (2, 3):
            size = maps.shape[axis]
            inner = maps.narrow(axis, width, size - 2 * width)
            outer = maps.narrow(axis, 0, size - 2 * width) + maps.narrow(
                axis, 2 * width, size - 2 * width
            )
            middle = torch.lerp(inner, outer * 0.5, 0.5)
            first, last = maps.narrow(axis, 0, width), maps.narrow(axis, size - width, width)
            maps = torch.cat([first, middle, last], axis)
    return maps


def figure(chance: Chance, colours: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
    """Part the figure from its plate by a random mix of its colours.

    Args:
        colours: (n, 3, h, w), weighted by alpha.
        alpha: (n, 1, h, w).

    Returns:
        (n, 1, h, w) in [0, 1]; the whole mark where it is of one colour.
    """
    mix = chance.normal(1.0, 3)
    grey = (colours * mix[:, :, None, None]).sum(1, keepdim=True) / alpha.clamp(min=0.05)
    inside = alpha > 0.5
    low = torch.where(inside, grey, torch.inf).amin((2, 3), keepdim=True)
    high = torch.where(inside, grey, -torch.inf).amax((2, 3), keepdim=True)
    span = high - low
    level = ((grey - low) / span.clamp(min=1e-3)).clamp(0, 1)
    sharp = ((level - 0.5) * 6 + 0.5).clamp(0, 1)
    plain = (span < 0.25) | ~torch.isfinite(span)
    return torch.where(plain, alpha, sharp * alpha)


def slopes(chance: Chance, height: torch.Tensor) -> torch.Tensor:
    """Return (n, 2, h, w), how steeply a bevelled height (n, 1, h, w) falls, of random width."""
    fine, coarse = blur(height, 1), blur(blur(height, 2), 1, 2)
    width, steep = chance.uniform(0, 1)[:, None, None, None], chance.uniform(1.5, 6)
    rounded = torch.lerp(fine, coarse, width) * steep[:, None, None, None]
    across, down = torch.zeros_like(rounded), torch.zeros_like(rounded)
    across[..., 1:-1] = rounded[..., 2:] - rounded[..., :-2]
    down[..., 1:-1, :] = rounded[..., 2:, :] - rounded[..., :-2, :]
    return torch.cat([across, down], dim=1)


def metal(chance: Chance, slope: torch.Tensor) -> torch.Tensor:
    """Reflect a banded world in a surface: dark ground, horizon, bright sky, with a highlight.

    Args:
        slope: (n, 2, h, w).

    Returns:
        (n, 3, h, w) in [0, 1].
    """
    rows, _, side, _ = slope.shape
    across, down = slope.unbind(1)
    world = _world(chance)
    turned = chance.normal(0.5)[:, None, None]
    lean, drift, wave = (chance.normal(s)[:, None, None] for s in (0.15, 0.25, 0.25))
    axis = chance.axis(-1, 1, side)
    where = 0.5 + chance.normal(0.2)[:, None, None] - (down + turned * across) * 0.35
    where = where + drift * axis[None, :, None] * 0.6 + wave * axis[None, None, :] * 0.5
    where = (where + lean * (axis[None, :, None] * 3).sin() * 0.3).clamp(0, 1) * (BANDS - 1)
    below = where.floor().clamp(max=BANDS - 2)
    index = below.long().view(rows, -1)
    share = (where - below).view(rows, -1)
    light = torch.lerp(world.gather(1, index), world.gather(1, index + 1), share)
    light = light.view(rows, 1, side, side)
    sun = chance.normal(0.7, 2)[:, :, None, None]
    glint = (
        torch.exp(-(slope - sun).square().sum(1, keepdim=True) * 6)
        * chance.uniform(0, 0.8)[:, None, None, None]
    )
    tint = _tint(chance)[:, :, None, None]
    return (light * tint + glint).clamp(0, 1)


def _world(chance: Chance) -> torch.Tensor:
    """Draw (n, BANDS) brightnesses: a step at the horizon, a slope on each side, stray stripes."""
    band = chance.axis(0, 1, BANDS)[None]
    horizon = chance.uniform(0.3, 0.7)[:, None]
    ground, sky = chance.uniform(0.0, 0.5)[:, None], chance.uniform(0.4, 1.0)[:, None]
    above = torch.sigmoid((band - horizon) * chance.uniform(4, 40)[:, None])
    light = ground + (sky - ground) * above
    light = light + chance.normal(0.25)[:, None] * (band - horizon) + chance.normal(0.12, BANDS)
    light = torch.where(chance.happens(0.12)[:, None], 1 - light, light)
    return light.clamp(0, 1)


def _tint(chance: Chance) -> torch.Tensor:
    """Draw (n, 3): silver, bluish or warm light, gold, black chrome, now and then a lacquer."""
    tint = 1 + chance.normal(0.06, 3)
    kind = chance.choice((0.66, 0.12, 0.12, 0.10))
    gold = torch.tensor(GOLD, device=chance.device)
    tint = torch.where((kind == 1)[:, None], tint * gold, tint)
    tint = torch.where((kind == 2)[:, None], tint * chance.uniform(0.25, 0.6)[:, None], tint)
    return torch.where((kind == 3)[:, None], chance.uniform(0.1, 1, 3), tint)


def recolour(
    chance: Chance, colours: torch.Tensor, alpha: torch.Tensor, strength: float
) -> torch.Tensor:
    """Mix the channels of (n, 3, h, w) weighted colours, and shift them, from faintly to wildly."""
    amount = (chance.uniform(0, 1).pow(2) * strength)[:, None, None]
    mix = torch.eye(3, device=chance.device)[None] + chance.normal(1.0, 3, 3) * amount
    shift = chance.normal(0.5, 3)[:, :, None] * amount
    flat = torch.bmm(mix, colours.flatten(2)) + shift * alpha.flatten(2)
    return flat.view_as(colours).clamp(min=0).minimum(alpha)
