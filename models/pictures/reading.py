"""An encoded picture to its pixels, upright and in eight bits; or a reason why not."""

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageOps

from models.errors import ItemTooLarge, ItemUndecodable, ModalityUnsupported

# First bytes of what is read, and Pillow's name for it.
FORMATS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
READ = "png, jpeg, webp, gif, bmp, tiff"
# What Pillow raises for damaged files; a `DecompressionBombError` is none of these.
RAISED = (
    OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, AttributeError, EOFError,
    ArithmeticError, MemoryError, AssertionError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip


def read(content: bytes, *, pixels_max: int, size: int) -> Image.Image:
    """Decode a picture.

    Args:
        pixels_max: refused beyond, by its header, before its pixels are decoded.
        size: the side it is going to be reduced to; a jpeg is decoded no finer than twice that.

    Returns:
        Mode RGB, or RGBA where some of it may be transparent; upright.

    Raises:
        ModalityUnsupported: it is none of the formats that are read.
        ItemTooLarge: it has too many pixels.
        ItemUndecodable: it is damaged, or of a kind that is not read.
    """
    name = format_of(content)
    with undecodable(name):
        image = Image.open(io.BytesIO(content), formats=[name])
        width, height = image.size
        if width * height > pixels_max:
            raise ItemTooLarge(
                f"the picture has {width} x {height} pixels and the limit is {pixels_max} in all; "
                "make it smaller"
            )
        image.draft(None, (2 * size, 2 * size))
        image.load()
        return eight_bits(ImageOps.exif_transpose(image))


def format_of(content: bytes) -> str:
    """Tell the format by the first bytes.

    Raises:
        ModalityUnsupported: it is none of those that are read.
    """
    for magic, name in FORMATS.items():
        if content.startswith(magic) and (name != "WEBP" or content[8:12] == b"WEBP"):
            return name
    raise ModalityUnsupported(f"the bytes are of no picture that is read here; send {READ}")


def eight_bits(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB, or to RGBA where something may be transparent."""
    if image.mode.startswith("I;16"):
        # Scaled, not clipped, as Pillow's own conversion would do.
        image = Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ItemUndecodable("the picture has samples of 32 bits; save it with 8 or 16")
    seen_through = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    return image.convert("RGBA" if seen_through else "RGB")


@contextmanager
def undecodable(name: str) -> Iterator[None]:
    """Turn what Pillow raises into what the caller is told."""
    try:
        yield
    except RAISED as error:
        words = str(error)[:200] or type(error).__name__
        raise ItemUndecodable(
            f"the bytes begin as {name} and cannot be decoded: {words}; save the picture again"
        ) from error
