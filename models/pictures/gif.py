"""GIF: the size of its first frame's canvas."""

import struct

from models.pictures.header import Damaged, Header

MAGICS = (b"GIF87a", b"GIF89a")
EXTENSION, IMAGE = 0x21, 0x2C
BLOCKS_MAX = 16_384  # before the first frame; a decoder reads them one by one


def look(content: bytes) -> Header:
    """Read a GIF up to its first frame, which may reach beyond the canvas that is told.

    Source: GIF89a specification, sections 18 to 26.

    Raises:
        Damaged, IndexError, struct.error: it is damaged.
    """
    width, height, flags = struct.unpack_from("<HHB", content, 6)
    at = 13 + _palette_bytes(flags)
    blocks = 0
    while content[at] == EXTENSION:
        at += 2
        while size := content[at]:
            at += 1 + size
            blocks += 1
            if blocks > BLOCKS_MAX:
                raise Damaged(f"it has more than {BLOCKS_MAX} blocks before its first frame")
        at += 1
    if content[at] != IMAGE:
        raise Damaged("it has no frame")
    left, top, across, down = struct.unpack_from("<HHHH", content, at + 1)
    if not across or not down:
        raise Damaged("its first frame is empty")
    return Header(max(width, left + across), max(height, top + down), content)


def _palette_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
