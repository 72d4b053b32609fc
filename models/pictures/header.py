"""What the head of an encoded picture says, read before any decoder sees it."""

import struct
from dataclasses import dataclass

ORIENTATION = 0x0112
SHORT = 3
ENTRIES_MAX = 512  # of one directory; a camera writes some forty


class Damaged(Exception):
    """A file is not what its first bytes say, or of a kind that is not read; told in words."""


@dataclass(frozen=True, slots=True)
class Header:
    """The size of a picture, and what of its file makes pixels.

    Args:
        content: the file, or what is left of it without text, previews, profiles and the like:
            what is thrown away cannot be made to do harm.
        orientation: how it is to be turned, 1 to 8 as EXIF numbers them; 1 is upright.
        reducible: whether it can be decoded at a half, quarter or eighth of its size.
    """

    width: int
    height: int
    content: bytes
    orientation: int = 1
    reducible: bool = False


def orientation_of(exif: bytes) -> int:
    """Find the orientation in the first directory of EXIF data; 1 where none is told.

    Source: Exif 2.32, section 4.6.2; TIFF 6.0, section 2.

    >>> orientation_of(b"MM\\0*" + bytes([0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]))
    6
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (at,) = struct.unpack_from(f"{order}I", exif, 4)
        (count,) = struct.unpack_from(f"{order}H", exif, at)
        for place in range(at + 2, at + 2 + 12 * min(count, ENTRIES_MAX), 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, place)
            if tag == ORIENTATION and kind == SHORT:
                return value if 1 <= value <= 8 else 1
    except struct.error:  # damaged, and then nothing is told
        pass
    return 1
