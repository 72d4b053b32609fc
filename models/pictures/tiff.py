"""TIFF: the size of its first page, and whether a decoder may be trusted with it."""

import math
import struct
from collections.abc import Mapping

from models.pictures.header import ENTRIES_MAX, Damaged, Header

MAGICS = (b"II*\0", b"MM\0*")  # BigTIFF is for files beyond 4 GB
WIDTH, HEIGHT, COMPRESSION, STRIPS, ORIENTATION = 256, 257, 259, 273, 274
TILE_WIDTH, TILE_HEIGHT, TILES = 322, 323, 324
BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
# None, CCITT, LZW, JPEG, deflate (both numbers of it), PackBits: what scanners and programs write.
COMPRESSIONS = {1, 2, 3, 4, 5, 7, 8, 32773, 32946}
PIECES_MAX = 16_384  # strips or tiles; some write one a row
TILE_SIDE_MAX = 4096


def look(content: bytes) -> Header:
    """Read the first directory of a TIFF.

    A tile may be larger than the picture, and would be decoded whole; strips may be millions, of
    no row each: both are refused here.

    Source: TIFF 6.0, sections 2, 8 and 15.

    Raises:
        Damaged, struct.error, KeyError: it is damaged, or of a kind that is not read.
    """
    order = "<" if content[:2] == b"II" else ">"
    counts, values = _directory(content, order)
    width, height = values[WIDTH], values[HEIGHT]
    if values.get(COMPRESSION, 1) not in COMPRESSIONS:
        raise Damaged(f"its compression {values[COMPRESSION]} is not read")
    if max(counts.get(STRIPS, 0), counts.get(TILES, 0)) > PIECES_MAX:
        raise Damaged(f"it has more than {PIECES_MAX} strips or tiles")
    if TILES in counts:
        across, down = values[TILE_WIDTH], values[TILE_HEIGHT]
        if not (0 < across <= TILE_SIDE_MAX and 0 < down <= TILE_SIDE_MAX):
            raise Damaged(f"its tiles are {across} x {down}; up to {TILE_SIDE_MAX} a side")
        if counts[TILES] > 4 * math.ceil(width / across) * math.ceil(height / down):
            raise Damaged("it has more tiles than its size takes")
    # The decoder turns it upright by itself.
    turned = values.get(ORIENTATION, 1) in (5, 6, 7, 8)
    return Header(*((height, width) if turned else (width, height)), content)


def _directory(content: bytes, order: str) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Read how many values each tag has, and the value of those that have one whole number."""
    (at,) = struct.unpack_from(f"{order}I", content, 4)
    (entries,) = struct.unpack_from(f"{order}H", content, at)
    if entries > ENTRIES_MAX:
        raise Damaged(f"its directory has {entries} entries; up to {ENTRIES_MAX}")
    counts: dict[int, int] = {}
    values: dict[int, int] = {}
    told = 0
    for place in range(at + 2, at + 2 + 12 * entries, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", content, place)
        if tag in counts:
            raise Damaged(f"it has tag {tag} twice")
        counts[tag] = count
        told += count * BYTES.get(kind, 0)
        if count == 1 and kind in (3, 4):
            word = f"{order}{'H' if kind == 3 else 'I'}"
            (values[tag],) = struct.unpack_from(word, content, place + 8)
    if told > len(content):
        raise Damaged("its tags tell of more bytes than it has")
    return counts, values
