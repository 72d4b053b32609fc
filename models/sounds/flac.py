"""FLAC: the stream's own description, and its frames."""

from models.sounds.header import Damaged, Header

MAGIC = b"fLaC"
BLOCKS_MAX = 1024
STREAMINFO, LENGTH = 0, 34


def look(content: bytes) -> Header:
    """Read a FLAC: the size, and a file without texts, pictures, cues and tables.

    Source: RFC 9639, section 8.

    Raises:
        Damaged: it is damaged.
    """
    at, first = len(MAGIC), b""
    for _ in range(BLOCKS_MAX):
        head = content[at : at + 4]
        if len(head) < 4:
            raise Damaged("it ends within its description")
        length = int.from_bytes(head[1:], "big")
        body = content[at + 4 : at + 4 + length]
        if not first:
            if head[0] & 0x7F != STREAMINFO or len(body) != LENGTH:
                raise Damaged("it does not begin with its description")
            first = body
        at += 4 + length
        if head[0] & 0x80:
            return _header(first, content[at:])
    raise Damaged(f"it has more than {BLOCKS_MAX} blocks of description")


def _header(description: bytes, frames: bytes) -> Header:
    packed = int.from_bytes(description[10:18], "big")
    rate, channels, count = packed >> 44, (packed >> 41 & 7) + 1, packed & (1 << 36) - 1
    if not count:
        raise Damaged("it does not tell how long it is; save it again")
    last = bytes([0x80 | STREAMINFO]) + LENGTH.to_bytes(3, "big")
    return Header(MAGIC + last + description + frames, channels, rate, count)
