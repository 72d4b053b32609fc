"""Words and signs set in type: wordmarks, letters, pictographs."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
POINTS = 96
LATIN = "AaBEGgMRSQtz&079"


@lru_cache(maxsize=1024)
def font_of(path: str) -> ImageFont.FreeTypeFont:
    """Open a font file at the size that everything is drawn in."""
    return ImageFont.truetype(path, POINTS)


@dataclass(frozen=True, slots=True)
class Type:
    """The fonts and the words to draw from.

    Args:
        fonts: files that hold the Latin letters.
        signs: (file, character) pairs of pictographs and other scripts.
        names: words to set.
    """

    fonts: Sequence[str]
    signs: Sequence[tuple[str, str]]
    names: Sequence[str]

    def word(self, draw: random.Random) -> str:
        """Draw a name in upper, lower or title case, or some letters of one."""
        name = draw.choice(self.names).strip() or "A"
        name = name[:18]
        return draw.choice((name.upper(), name.upper(), name.title(), name.lower(), name))

    def letters(self, draw: random.Random) -> str:
        """Draw one to three letters."""
        count = draw.choice((1, 1, 1, 2, 2, 3))
        return "".join(draw.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(count))


def latin_fonts(folder: Path) -> list[str]:
    """List the font files under a folder that draw the Latin letters, each another way."""
    fonts = []
    for path in sorted([*folder.rglob("*.ttf"), *folder.rglob("*.otf")]):
        try:
            font = ImageFont.truetype(str(path), 24)
            missing = bytes(font.getmask("\uffff"))
            masks = {bytes(font.getmask(letter)) for letter in LATIN}
        except (OSError, ValueError):
            continue
        if len(masks) == len(LATIN) and missing not in masks:
            fonts.append(str(path))
    return fonts


def written(text: str, font: str, *, stroke: int = 0, hollow: bool = False) -> Image.Image:
    """Write a text as a mask of mode L, cut to what is seen; never empty.

    Args:
        stroke: thickness added around, in pixels at `POINTS`.
        hollow: whether only that outline is kept.
    """
    face = font_of(font)
    left, top, right, bottom = face.getbbox(text, stroke_width=stroke)
    size = (max(1, int(right - left)), max(1, int(bottom - top)))
    mask = Image.new("L", size)
    pen = ImageDraw.Draw(mask)
    pen.text((-left, -top), text, fill=255, font=face, stroke_width=stroke)
    if hollow and stroke:
        pen.text((-left, -top), text, fill=0, font=face)
    box = mask.getbbox()
    return mask.crop(box) if box else Image.new("L", (8, 8), 255)


def slanted(mask: Image.Image, slope: float) -> Image.Image:
    """Slant a mask to the right by a share of its height."""
    extra = int(abs(slope) * mask.height)
    shift = 0 if slope < 0 else extra
    return mask.transform(
        (mask.width + extra, mask.height),
        Image.Transform.AFFINE,
        (1, slope, -shift if slope > 0 else 0, 0, 1, 0),
        Image.Resampling.BILINEAR,
    )


def coloured(mask: Image.Image, colour: Colour) -> Image.Image:
    """Ink a mask: mode RGBA."""
    ink = Image.new("RGBA", mask.size, (*colour, 0))
    ink.putalpha(mask)
    return ink


def wordmark(kit: Type, draw: random.Random, colour: Colour) -> Image.Image:
    """Set a name: one font, at times slanted, spaced, outlined, or in two lines."""
    text = kit.word(draw)
    font = draw.choice(kit.fonts)
    if draw.random() < 0.15:
        text = " ".join(text)
    if " " in text and draw.random() < 0.3:
        text = text.replace(" ", "\n", 1)
    if "\n" in text:
        lines = [written(line or "I", font) for line in text.split("\n")]
        width = max(line.width for line in lines)
        gap = draw.randint(4, 20)
        mask = Image.new("L", (width, sum(line.height + gap for line in lines) - gap))
        top = 0
        for line in lines:
            mask.paste(line, ((width - line.width) // 2, top))
            top += line.height + gap
    else:
        stroke = draw.choice((0, 0, 0, 2, 4, 6))
        mask = written(text, font, stroke=stroke, hollow=stroke == 2 and draw.random() < 0.5)
    if draw.random() < 0.2:
        mask = slanted(mask, draw.uniform(-0.15, 0.35))
    return coloured(mask, colour)
