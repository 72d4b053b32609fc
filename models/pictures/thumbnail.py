"""Small pictures to show beside an answer."""

import io

from models.pictures.fitting import FILTER, TURNS, Square
from models.pictures.reading import read

SIDE = 64
PIXELS_MAX = 25_000_000


def thumbnail(content: bytes, side: int = SIDE) -> bytes:
    """Make a WebP of an encoded picture, its longer side as long as told; it is never enlarged.

    Raises:
        InputError: it cannot be read.
    """
    square = Square(side)
    image, turn = read(content, pixels_max=PIXELS_MAX, canvas=square)
    if max(image.size) > side:
        weighted = image.convert("RGBa") if image.mode == "RGBA" else image
        image = weighted.resize(square.inner(*image.size), FILTER).convert(image.mode)
    if turn in TURNS:
        image = image.transpose(TURNS[turn])
    out = io.BytesIO()
    image.save(out, "WEBP", quality=80, exif=b"", icc_profile=b"")
    return out.getvalue()
