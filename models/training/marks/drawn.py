"""Marks that are drawn here: emblems, names in type, signs; the same seed draws the same."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageFont

from models.training.marks.emblems import colour, emblem
from models.training.marks.lettering import Type, coloured, latin_fonts, wordmark, written

PICTOGRAPHS = range(0x2190, 0x1FB00)
IDEOGRAPHS = range(0x4E00, 0x9FA5)
IDEOGRAPHS_MAX = 1500  # of a font; they are many, and alike
NAME_LETTERS_MAX = 40


def type_of(fonts: Path, names: Path, sign_fonts: Sequence[str]) -> Type:
    """Gather fonts, signs and names.

    Args:
        fonts: folder that is searched for fonts with Latin letters.
        names: file of one name a line.
        sign_fonts: names of the files, among those fonts, whose pictographs and ideographs are
            charges of emblems.
    """
    lines = names.read_text(encoding="utf-8").splitlines()
    words = [
        n.strip() for n in lines if n.strip() and n.isprintable() and len(n) < NAME_LETTERS_MAX
    ]
    signs = [
        (str(path), sign)
        for name in sign_fonts
        for path in sorted(fonts.rglob(name))
        for sign in _signs(path)
    ]
    return Type(latin_fonts(fonts), signs, words)


def draw_emblems(kit: Type, count: int) -> Iterator[tuple[str, str, Image.Image]]:
    """Draw emblems, each a brand of its own."""
    for number in range(count):
        yield f"emblem-{number}", "emblem", emblem(kit, random.Random(f"emblem{number}"))


def draw_words(kit: Type, count: int) -> Iterator[tuple[str, str, Image.Image]]:
    """Draw names in type."""
    for number in range(count):
        draw = random.Random(f"word{number}")
        yield f"word-{number}", "word", wordmark(kit, draw, colour(draw))


def draw_signs(kit: Type, count: int) -> Iterator[tuple[str, str, Image.Image]]:
    """Draw pictographs and ideographs, each in a colour."""
    for number, (font, sign) in enumerate(kit.signs[:count]):
        draw = random.Random(f"sign{number}")
        yield f"sign-{number}", "sign", coloured(written(sign, font), colour(draw))


def _signs(path: Path) -> list[str]:
    """List what a font draws of pictographs and ideographs."""
    font = ImageFont.truetype(str(path), 24)
    missing = bytes(font.getmask("\uffff"))
    found = [chr(c) for c in PICTOGRAPHS if c not in IDEOGRAPHS and _drawn(font, c, missing)]
    ideographs = [chr(c) for c in IDEOGRAPHS if _drawn(font, c, missing)]
    draw = random.Random(0)
    draw.shuffle(ideographs)
    found += ideographs[:IDEOGRAPHS_MAX]
    draw.shuffle(found)
    return found


def _drawn(font: ImageFont.FreeTypeFont, code: int, missing: bytes) -> bool:
    mask = bytes(font.getmask(chr(code)))
    return bool(mask) and mask != missing
