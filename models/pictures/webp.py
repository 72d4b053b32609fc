"""WebP: the size of its canvas, and its orientation."""

import struct

from models.pictures.header import Damaged, Header, orientation_of

MAGIC = b"RIFF"
CHUNKS_MAX = 4096  # that are looked through for EXIF data
EXIF_FLAG = 0x08


def look(content: bytes) -> Header:
    """Read a WebP, still or animated.

    Source: RFC 9649, sections 2.3 to 2.7; RFC 6386, section 9.1.

    Raises:
        Damaged, struct.error: it is damaged.
    """
    kind = content[12:16]
    if kind == b"VP8X":
        flags, low, high = struct.unpack_from("<B3x6s", content, 20)[0], 24, 27
        width = int.from_bytes(content[low:high], "little") + 1
        height = int.from_bytes(content[high : high + 3], "little") + 1
        orientation = _orientation(content) if flags & EXIF_FLAG else 1
        return Header(width, height, content, orientation)
    if kind == b"VP8 " and content[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", content, 26)
        return Header(width & 0x3FFF, height & 0x3FFF, content)
    if kind == b"VP8L" and content[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", content, 21)
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, content)
    raise Damaged("its header is none of the three kinds")


def _orientation(content: bytes) -> int:
    at = 12
    for _ in range(CHUNKS_MAX):
        if at + 8 > len(content):
            break
        kind, length = struct.unpack_from("<4sI", content, at)
        if kind == b"EXIF":
            exif = content[at + 8 : at + 8 + length]
            return orientation_of(exif.removeprefix(b"Exif\0\0"))
        at += 8 + length + length % 2
    return 1
