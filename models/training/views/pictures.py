"""A mark to pictures of it: clean, as a reference shows it, or as a photo of a scene does."""

import torch

from models.training.views import grounds, light
from models.training.views.chance import Chance
from models.training.views.geometry import Looks, place, sample
from models.training.views.relief import blur, figure, metal, recolour, slopes

CLEAN = Looks(turn=0.015, tilt=0.01, shear=0.015, bend=0.0, crop=(-0.02, 0.16))
PHOTO = Looks()
LEVELS = 255
# How a mark is made in a scene: own colours, one colour, metal, metal on enamel, embossed, outline.
MADE = (0.26, 0.12, 0.24, 0.20, 0.10, 0.08)


def clean(chance: Chance, marks: torch.Tensor, aspects: torch.Tensor, side: int) -> torch.Tensor:
    """Show marks as reference pictures do: on a plain ground, hardly changed, at times glossy.

    Args:
        marks: (n, 4, h, w), colours weighted by alpha.
        aspects: (n,) width by height.

    Returns:
        uint8 (n, 3, side, side).
    """
    seen = sample(marks, place(chance, aspects, CLEAN, side))
    colours, alpha = seen[:, :3], seen[:, 3:]
    one = chance.happens(0.2)[:, None, None, None]
    colours = recolour(chance, colours, alpha, 0.25)
    shape = figure(chance, colours, alpha)
    flat = torch.where(chance.happens(0.5)[:, None, None, None], shape, alpha)
    ink = torch.where(
        chance.happens(0.6)[:, None], chance.uniform(0, 0.2, 1), chance.uniform(0, 0.8, 3)
    )
    colours = torch.where(one, ink[:, :, None, None] * flat, colours)
    alpha = torch.where(one, flat, alpha)
    slope = slopes(chance, (alpha + shape) / 2)
    chrome = torch.where(
        chance.happens(0.14)[:, None, None, None], metal(chance, slope) * alpha, colours
    )
    glossy = _gloss(chance, chrome, alpha, slope, 0.35)
    white = chance.happens(0.8)[:, None]
    ground = torch.where(white, 1.0, grounds.plain(chance))
    ground = _contrasting(glossy, alpha, ground)[:, :, None, None]
    picture = _laid(chance, ground.expand_as(glossy), glossy, alpha, shadow=0.1)
    picture = light.soft(chance, picture)
    return _levels(picture)


def photo(
    chance: Chance, marks: torch.Tensor, aspects: torch.Tensor, photos: torch.Tensor, side: int
) -> torch.Tensor:
    """Show marks as photos do: made of something, in light, askew, on any ground, not quite sharp.

    Args:
        marks: (n, 4, h, w), colours weighted by alpha.
        aspects: (n,) width by height.
        photos: uint8 (m, 3, h, w), whose parts are grounds.

    Returns:
        uint8 (n, 3, side, side).
    """
    seen = sample(marks, place(chance, aspects, PHOTO, side))
    ground = _ground(chance, photos, side)
    picture = _made(chance, seen[:, :3], seen[:, 3:], ground)
    picture = light.hidden(chance, picture, 0.12)
    picture = light.uneven(chance, picture, 1.0)
    picture = light.coarse(chance, light.soft(chance, picture))
    return light.compressed(chance, _levels(light.noisy(chance, picture)), 0.15)


def _ground(chance: Chance, photos: torch.Tensor, side: int) -> torch.Tensor:
    kind = chance.choice((0.55, 0.15, 0.3))[:, None, None, None]
    ground = torch.where(kind == 1, grounds.grille(chance, side), grounds.painted(chance, side))
    return torch.where(kind == 2, grounds.crops(chance, photos, side), ground)


def _made(
    chance: Chance, own: torch.Tensor, alpha: torch.Tensor, ground: torch.Tensor
) -> torch.Tensor:
    """Make a mark of something, and lay it on its ground."""
    kind = chance.choice(MADE)[:, None, None, None]
    own = recolour(chance, own, alpha, 0.6)
    shape = figure(chance, own, alpha)
    part = torch.where(chance.happens(0.5)[:, None, None, None], shape, alpha)
    slope = slopes(chance, torch.lerp(shape, alpha, chance.uniform(0, 1)[:, None, None, None]))
    chrome = metal(chance, slope)
    ink = _contrasting_ink(chance, ground)[:, :, None, None]
    enamel = torch.where(chance.happens(0.5)[:, None, None, None], ink * alpha, own)
    enamel = enamel * (1 - shape) + chrome * shape * alpha
    line = _outline(chance, part)
    line_colour = torch.where(chance.happens(0.5)[:, None, None, None], chrome, ink)
    sun = chance.normal(0.35, 2)[:, :, None, None]
    pressed = (ground + (slope * sun).sum(1, keepdim=True)).clamp(0, 1)
    colours, cover = own, alpha
    for number, (made, over) in enumerate(
        (
            (ink * part, part),
            (chrome * part, part),
            (enamel, alpha),
            (pressed, torch.ones_like(alpha)),
            (line_colour * line, line),
        ),
        start=1,
    ):
        colours = torch.where(kind == number, made, colours)
        cover = torch.where(kind == number, over, cover)
    glossy = _gloss(chance, colours, cover, slope, 0.4)
    glossy = torch.where(kind <= 1, glossy, colours)
    return _laid(chance, ground, glossy, cover, shadow=0.4)


def _gloss(
    chance: Chance,
    colours: torch.Tensor,
    alpha: torch.Tensor,
    slope: torch.Tensor,
    probability: float,
) -> torch.Tensor:
    """Light some of the marks as solid, glossy things."""
    sun = chance.normal(0.3, 2)[:, :, None, None]
    lit = (slope * sun).sum(1, keepdim=True)
    axis = chance.axis(-1, 1, colours.shape[-1])
    sheen = chance.normal(0.15)[:, None, None, None] * axis[None, None, :, None]
    shown = chance.happens(probability)[:, None, None, None]
    return torch.where(
        shown, (colours + (lit + sheen) * alpha).clamp(min=0).minimum(alpha), colours
    )


def _outline(chance: Chance, part: torch.Tensor) -> torch.Tensor:
    """Draw the edge of a shape as a line."""
    wide = chance.happens(0.5)[:, None, None, None]
    soft = torch.where(wide, blur(part, 2), blur(part, 1))
    return ((4 * soft * (1 - soft) - 0.35) * 2.2).clamp(0, 1)


def _laid(
    chance: Chance, ground: torch.Tensor, colours: torch.Tensor, alpha: torch.Tensor, shadow: float
) -> torch.Tensor:
    """Lay a mark on its ground, at times with a shadow."""
    cast = (
        blur(alpha, 2).roll((1, 1), (2, 3)) if chance.happens(0.5)[0] else blur(alpha, 3).roll(2, 2)
    )
    dark = torch.where(chance.happens(shadow), chance.uniform(0.1, 0.7), 0.0)[:, None, None, None]
    return ground * (1 - dark * cast) * (1 - alpha) + colours


def _contrasting(colours: torch.Tensor, alpha: torch.Tensor, ground: torch.Tensor) -> torch.Tensor:
    """Take the opposite of a ground (n, 3) on which a mark would vanish."""
    apart = (colours - ground[:, :, None, None] * alpha).abs().amax(1).sum((1, 2))
    hidden = apart < 0.15 * alpha.sum((1, 2, 3))
    opposite = torch.where(ground.mean(1, keepdim=True) > 0.5, 0.08, 0.95).expand_as(ground)
    return torch.where(hidden[:, None], opposite, ground)


def _contrasting_ink(chance: Chance, ground: torch.Tensor) -> torch.Tensor:
    """Draw (n, 3) colours that are seen on their grounds."""
    mean = ground.mean((2, 3))
    ink = grounds.plain(chance)
    near = (ink - mean).abs().amax(1, keepdim=True) < 0.2
    return torch.where(
        near, torch.where(mean.mean(1, keepdim=True) > 0.5, ink * 0.25, 1 - (1 - ink) * 0.25), ink
    )


def _levels(pictures: torch.Tensor) -> torch.Tensor:
    return (pictures * LEVELS).round().clamp(0, LEVELS).to(torch.uint8)
