"""An encoded picture to its pixels in eight bits, or a reason why not; any bytes may come."""

import ctypes
import io
import logging
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress

import numpy as np
from PIL import Image, _imaging

from models.errors import ItemTooLarge, ItemUndecodable, ModalityUnsupported
from models.pictures import bmp, gif, jpeg, png, tiff, webp
from models.pictures.fitting import Square
from models.pictures.header import Damaged, Header
from models.pictures.line import Strip

Look = Callable[[bytes], Header]
# The first bytes of what is read, Pillow's name for it, and what reads its header.
FORMATS: tuple[tuple[bytes, str, Look], ...] = (
    (png.MAGIC, "PNG", png.look),
    (jpeg.MAGIC, "JPEG", jpeg.look),
    (webp.MAGIC, "WEBP", webp.look),
    *((magic, "GIF", gif.look) for magic in gif.MAGICS),
    *((magic, "TIFF", tiff.look) for magic in tiff.MAGICS),
    (bmp.MAGIC, "BMP", bmp.look),
)
READ = "png, jpeg, webp, gif, bmp or tiff"
FOREIGN = {
    b"<svg": "SVG, which is read by `semblance gallery build` only",
    b"<?xml": "XML (SVG is read by `semblance gallery build` only)",
    b"%PDF": "PDF",
    b"\0\0\1\0": "an icon file",
    b"8BPS": "a Photoshop file",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
}
# What Pillow raises for damaged files, by version 13.
RAISED = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, EOFError,
    ArithmeticError, MemoryError, AssertionError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip
PIXELS_MAX = 25_000_000  # of a picture by its header, where a bundle says nothing else
# A JPEG that is reduced while it is decoded takes the memory of what it is reduced to, and time.
REDUCED = 4
# Decoders hold up to 20 bytes a pixel. Larger ones take turns, so that memory stays bounded.
LARGE_PIXELS = 4_000_000
_turn = threading.Lock()
PILLOW = r"PIL\."


def read(content: bytes, *, pixels_max: int, canvas: Square | Strip) -> tuple[Image.Image, int]:
    """Decode a picture, once its header says that it is not too large.

    Args:
        pixels_max: the most that are decoded; a JPEG that can be decoded at a half or less, and is
            still no coarser than that needs, may have `REDUCED` times as many.
        canvas: what it is going to fit; a JPEG is decoded no finer than twice that.

    Returns:
        The picture, of mode RGB, or RGBA where some of it may be transparent; and how it is to be
        turned, as EXIF numbers it.

    Raises:
        ModalityUnsupported: it is none of the formats that are read.
        ItemTooLarge: it has too many pixels.
        ItemUndecodable: it is damaged, or of a kind that is not read.
    """
    name, look = format_of(content)
    with undecodable(name):
        header = look(content)
        width, height = header.width, header.height
        if width < 1 or height < 1:
            raise Damaged(f"its size is {width} x {height}")
        enough = _enough(header, canvas)
        reduction = _reduction(header, enough)
        decoded = -(-width // reduction) * -(-height // reduction)
        if decoded > pixels_max or width * height > REDUCED * pixels_max:
            raise ItemTooLarge(
                f"the picture has {width} x {height} pixels and the limit is {pixels_max} in all; "
                "make it smaller"
            )
        with _turn if decoded > LARGE_PIXELS else nullcontext():
            return _decoded(name, header, enough if reduction > 1 else None), header.orientation


def format_of(content: bytes) -> tuple[str, Look]:
    """Tell the format by the first bytes, and what reads its header.

    Raises:
        ModalityUnsupported: it is none of those that are read.
    """
    for magic, name, look in FORMATS:
        if content.startswith(magic) and (name != "WEBP" or content[8:12] == b"WEBP"):
            return name, look
    start = content[:64].lstrip()
    known = (words for magic, words in FOREIGN.items() if start.startswith(magic))
    raise ModalityUnsupported(
        f"the bytes are {next(known, 'of no picture that is read here')}; send {READ}"
    )


def _enough(header: Header, canvas: Square | Strip) -> tuple[int, int]:
    """Tell the size that a picture must still have so that nothing is seen of its reduction."""
    across, down = canvas.inner(header.width, header.height)
    return 2 * across, 2 * down


def _reduction(header: Header, enough: tuple[int, int]) -> int:
    """Tell by how much a decoder may reduce: 1, 2, 4 or 8, as libjpeg can."""
    if not header.reducible:
        return 1
    most = min(header.width // enough[0], header.height // enough[1])
    return next(by for by in (8, 4, 2, 1) if most >= by or by == 1)


def _decoded(name: str, header: Header, enough: tuple[int, int] | None) -> Image.Image:
    quieten()
    with Image.open(io.BytesIO(header.content), formats=[name]) as image:
        if image.size != (header.width, header.height):
            raise Damaged(f"its header tells of another size than {image.size}")
        if enough is not None:
            image.draft(None, enough)
        image.load()
        # A copy of a webp, as its decoder holds two more canvases for as long as the picture lives.
        return eight_bits(image.copy() if name == "WEBP" else image)


def eight_bits(image: Image.Image) -> Image.Image:
    """Convert any mode to RGB, or to RGBA where something may be transparent.

    Colour profiles are not applied: the numbers are taken as sRGB, and CMYK by plain subtraction.
    Samples of 16 bits are scaled, not clipped.

    Raises:
        ItemUndecodable: its samples have 32 bits, of which nobody knows what is white.
    """
    if image.mode.startswith("I;16"):
        image = _grey(image)
    elif image.mode in ("I", "F"):
        raise ItemUndecodable("the picture has samples of 32 bits; save it with samples of 8 or 16")
    seen_through = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    mode = "RGBA" if seen_through else "RGB"
    return image if image.mode == mode and "transparency" not in image.info else image.convert(mode)


def _grey(image: Image.Image) -> Image.Image:
    """Scale grey of 16 bits to eight; one level may be transparent."""
    levels = np.asarray(image)
    grey = (levels >> 8).astype(np.uint8)
    clear = image.info.get("transparency")
    if not isinstance(clear, int):
        return Image.fromarray(grey)
    alpha = (levels != clear).astype(np.uint8) * np.uint8(255)
    return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))


@contextmanager
def undecodable(name: str) -> Iterator[None]:
    """Turn what a decoder raises into what the caller is told."""
    try:
        yield
    except (Damaged, *RAISED) as error:
        # A decoder's own words may tell of its inside, and are for the log.
        words = str(error) if isinstance(error, Damaged) else "it is damaged or cut off"
        raise ItemUndecodable(
            f"the bytes begin as {name} and cannot be decoded: {words}; save the picture again"
        ) from error


def quieten() -> None:
    """Silence what Pillow and libtiff say of single files: the caller is told what matters.

    Looked at again for each picture, as filters may be reset; `catch_warnings` is not for threads.
    """
    if any(getattr(entry[3], "pattern", None) == PILLOW for entry in warnings.filters):
        return
    warnings.filterwarnings("ignore", module=PILLOW)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    # libtiff writes a line to standard error for each damaged row, and Pillow lets it.
    library = ctypes.CDLL(_imaging.__file__)
    for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        with suppress(AttributeError):  # a Pillow without TIFF, or with it inside
            set_handler = getattr(library, name)
            set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
            set_handler(None)
