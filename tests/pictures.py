"""Pictures made by code, sound and hostile, for the tests of what reads them."""

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

EXIF_ORIENTATION = 0x0112


def noise(width: int = 60, height: int = 40, channels: int = 3, seed: int = 0) -> Image.Image:
    """Make a picture that looks different from every side."""
    shape = (height, width, channels)[: 3 if channels > 1 else 2]
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Write a picture in a format of Pillow's name."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def turned(orientation: int) -> Image.Exif:
    """Make EXIF data that tells of an orientation."""
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = orientation
    return exif


def chunk(kind: bytes, body: bytes) -> bytes:
    """Make a chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    width: int, height: int, rows: bytes, *, depth: int = 8, colour: int = 2, extra: bytes = b""
) -> bytes:
    """Make a PNG of raw rows, each with its filter's byte; `extra` chunks go before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            extra,
            chunk(b"IDAT", zlib.compress(rows, 1)),
            chunk(b"IEND", b""),
        )
    )


def tiff(entries: list[tuple[int, int, int, int]], tail: bytes = b"") -> bytes:
    """Make a little-endian TIFF of one directory: tag, type, count, value; `tail` goes behind."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + body + bytes(4) + tail


def sound() -> list[bytes]:
    """Make a small file of every format, colour and coding that is read."""
    colour = noise()
    clear = noise(channels=4)
    files = [encoded(colour, "JPEG", quality=90), encoded(colour, "JPEG", progressive=True)]
    files += [encoded(colour.convert(mode), "JPEG") for mode in ("L", "CMYK")]
    files.append(encoded(colour, "JPEG", exif=turned(6)))
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        image = (clear if mode in ("LA", "RGBA") else colour).convert(mode.replace("I;16", "L"))
        image = image.convert(mode)
        files.append(encoded(image, "PNG"))
        files += [
            encoded(image, "TIFF", compression=coding)
            for coding in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")
        ]
    for mode in ("1", "L", "P", "RGB"):
        files += [encoded(colour.convert(mode), kind) for kind in ("GIF", "BMP")]
    files.append(encoded(clear, "BMP"))
    for image in (colour, clear):
        files += [encoded(image, "WEBP", lossless=lossless) for lossless in (False, True)]
    files.append(encoded(clear, "WEBP", exif=turned(8)))
    files.append(encoded(colour.convert("1"), "TIFF", compression="group4"))
    files.append(encoded(colour, "TIFF", compression="jpeg"))
    files.append(encoded(colour.convert("CMYK"), "TIFF"))
    for kind in ("GIF", "WEBP", "PNG"):
        files.append(
            encoded(colour, kind, save_all=True, append_images=[noise(seed=1)], duration=10)
        )
    return files
