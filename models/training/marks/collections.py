"""Collections of SVG marks, listed in a CSV file of (file, brand, source)."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import resvg_py
from PIL import Image

PIXELS = 288  # of the wider side
LISTING = "logos.csv"


def svg_marks(folder: Path) -> Iterator[tuple[str, str, Image.Image]]:
    """Draw every mark of a collection: its brand, its source, its picture.

    A file that is no drawing is left out: collections hold a few.
    """
    with (folder / LISTING).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            image = rasterised((folder / row["file"]).read_text(encoding="utf-8"))
            if image is not None:
                yield row["brand"], row["source"], image


def rasterised(svg: str) -> Image.Image | None:
    """Draw an SVG as RGBA, its wider side of `PIXELS`; None where it cannot be drawn.

    System fonts are left out: a text that is not outlined would look different on each machine.
    """
    try:
        drawn = resvg_py.svg_to_bytes(svg_string=svg, width=PIXELS, skip_system_fonts=True)
        image = Image.open(io.BytesIO(bytes(drawn))).convert("RGBA")
        if image.height > PIXELS:
            drawn = resvg_py.svg_to_bytes(svg_string=svg, height=PIXELS, skip_system_fonts=True)
            image = Image.open(io.BytesIO(bytes(drawn))).convert("RGBA")
    except ValueError:
        return None
    return image
