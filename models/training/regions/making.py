"""What things are made of before they are laid into a scene: paint, chrome, enamel, relief."""

import torch

from models.training.views import grounds
from models.training.views.chance import Chance
from models.training.views.relief import figure, metal, recolour, slopes

# Own colours, one colour, metal, metal on enamel, pressed into what is below.
MADE = (0.42, 0.24, 0.14, 0.10, 0.10)


def made(chance: Chance, pictures: torch.Tensor) -> torch.Tensor:
    """Make things of something; marks and clutter alike, so that the making tells nothing.

    Args:
        pictures: (n, 4, h, w), colours weighted by alpha.

    Returns:
        As `pictures`.
    """
    kind = chance.choice(MADE)[:, None, None, None]
    alpha = pictures[:, 3:]
    own = recolour(chance, pictures[:, :3], alpha, 0.5)
    shape = figure(chance, own, alpha)
    part = torch.where(chance.happens(0.5)[:, None, None, None], shape, alpha)
    slope = slopes(chance, torch.lerp(shape, alpha, chance.uniform(0, 1)[:, None, None, None]))
    chrome = metal(chance, slope)
    ink = grounds.plain(chance)[:, :, None, None]
    enamel = torch.where(chance.happens(0.5)[:, None, None, None], ink * alpha, own)
    enamel = enamel * (1 - shape) + chrome * shape * alpha
    lit = (slope * chance.normal(0.5, 2)[:, :, None, None]).sum(1, keepdim=True)
    glossy = (own + lit * alpha * (kind == 0) * chance.happens(0.3)[:, None, None, None]).clamp(
        min=0
    )
    colours, cover = torch.minimum(glossy, alpha), alpha
    pressed = lit.clamp(-0.85, 0.85)
    ways = (
        (ink * part, part),
        (chrome * part, part),
        (enamel, alpha),
        (pressed.clamp(min=0), pressed.abs()),
    )
    for number, (colour, over) in enumerate(ways, start=1):
        colours = torch.where(kind == number, colour, colours)
        cover = torch.where(kind == number, over, cover)
    return torch.cat([colours.expand_as(own), cover], 1)
