"""Lines of print: a name, and what follows it, set in an old or a new type."""

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ImageFont

HEIGHT, WIDTH = 32, 384  # pixels of a line, as the encoder takes it
# The types of a page: that of names, and that of what follows them. Old ones come first.
TYPES = (
    ("GFSDidot.otf", "GFSDidotItalic.otf"), ("GFSDidotBold.otf", "GFSDidotItalic.otf"),
    ("GFSDidot.otf", "GFSDidot.otf"),
    ("OldStandard-Regular.ttf", "OldStandard-Italic.ttf"),
    ("OldStandard-Bold.ttf", "OldStandard-Italic.ttf"),
    ("BaskervaldADFStd.otf", "BaskervaldADFStd-Italic.otf"),
    ("BaskervaldADFStd-Bold.otf", "BaskervaldADFStd-Italic.otf"),
    ("CaslonRoman.ttf", "CaslonItalic.ttf"), ("Fanwood.otf", "Fanwood-Italic.otf"),
    ("TribunADFStd-Regular.otf", "TribunADFStd-Italic.otf"),
    ("TribunADFStd-Bold.otf", "TribunADFStd-CondItalic.otf"),
    ("OldaniaADFStd-Bold.otf", "OldaniaADFStd-Regular.otf"),
    ("EBGaramond12-Regular.otf", "EBGaramond12-Italic.otf"),
    ("LinLibertine_R.otf", "LinLibertine_RI.otf"),
    ("LiberationSerif-Bold.ttf", "LiberationSerif-Regular.ttf"),
    ("LiberationSans-Regular.ttf", "LiberationSans-Regular.ttf"),
    ("LiberationMono-Regular.ttf", "LiberationMono-Regular.ttf"),
)  # fmt: skip
OLD = 13  # of them are old, and drawn more often
SIZES = (18, 27)  # pixels of an em, on a line of `HEIGHT`
BESIDE = "nmoustcilrfdpgj,     "  # what pokes in from the lines above and below

Sheet = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Line:
    """A drawn line.

    Args:
        ink: uint8 (height, width), 255 where there is ink.
        text: what can be read in it, to the last letter that is whole.
        name: whose line it is; some of it may be cut off.
    """

    ink: Sheet
    text: str
    name: str


class Press:
    """Sets lines in the types of a folder.

    Args:
        folder: holds the files of `TYPES`, at any depth.
    """

    def __init__(self, folder: Path) -> None:
        wanted = {name for pair in TYPES for name in pair}
        self.paths = {path.name: path for path in folder.rglob("*") if path.name in wanted}
        missing = sorted(wanted - set(self.paths))
        if missing:
            raise FileNotFoundError(
                f"{folder} lacks the fonts {', '.join(missing)}; see docs/records.md"
            )

    def line(
        self,
        name: str,
        rest: str,
        draw: random.Random,
        *,
        height: int = HEIGHT,
        width: int = WIDTH,
        beside: bool = True,
    ) -> Line:
        """Set one line, its name first; what does not fit is cut off on the right.

        Args:
            beside: whether lines above and below may poke in.
        """
        pair = TYPES[draw.randrange(OLD if draw.random() < 0.8 else len(TYPES))]
        size = round(draw.uniform(*SIZES) * height / HEIGHT)
        sheet = np.zeros((height, width), np.uint8)
        x = draw.gauss(3, 2) if draw.random() < 0.85 else draw.uniform(0, 14)
        base = height * draw.uniform(0.68, 0.8)
        wide = draw.choice((0.0, 0.0, 0.3, 0.8, 1.5))
        text = ""
        for part, file in zip((name, rest), pair, strict=True):
            for letter in part:
                x += self._set(sheet, file, size, letter, x, base) + wide
                if x > width:
                    break
                text += letter
        if beside and draw.random() < 0.5:
            self._beside(sheet, pair[0], size, base, draw)
        return Line(sheet, text, name)

    def _set(self, sheet: Sheet, file: str, size: int, letter: str, x: float, base: float) -> float:
        """Set a letter, and tell how wide it is."""
        glyph, left, top, advance = _cast(self.paths[file], size, letter)
        x0, y0 = round(x + left), round(base + top)
        x1, y1 = x0 + glyph.shape[1], y0 + glyph.shape[0]
        there = sheet[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
        dx, dy = max(0, -x0), max(0, -y0)
        part = glyph[dy : dy + there.shape[0], dx : dx + there.shape[1]]
        np.maximum(there, part, out=there)
        return advance

    def _beside(self, sheet: Sheet, file: str, size: int, base: float, draw: random.Random) -> None:
        """Let the lines above and below poke in, as where a crop is cut too wide."""
        for way in (-1, 1):
            if draw.random() < 0.6:
                y, x = base + way * size * draw.uniform(1.0, 1.4), draw.uniform(-20, 60)
                while x < sheet.shape[1]:
                    x += self._set(sheet, file, size, draw.choice(BESIDE), x, y)


@cache
def _cast(path: Path, size: int, letter: str) -> tuple[Sheet, int, int, float]:
    """Draw a letter once: its pixels, where they lie from the pen, and how far that goes on."""
    font = _opened(path, size)
    mask, (left, top) = font.getmask2(letter, mode="L", anchor="ls")
    across, down = mask.size
    pixels = (
        np.array(mask, np.uint8).reshape(down, across)
        if across * down
        else np.zeros((0, 0), np.uint8)
    )
    return pixels, left, top, font.getlength(letter)


@cache
def _opened(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
