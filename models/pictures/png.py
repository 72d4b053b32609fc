"""PNG and APNG: the header, and the chunks that make the first picture."""

import struct
import zlib

from models.pictures.header import Damaged, Header, orientation_of

MAGIC = b"\x89PNG\r\n\x1a\n"
CHUNKS_MAX = 65_536  # empty ones cost a decoder five seconds in a file of 16 MB
EXIF_BYTES_MAX = 1 << 20


def look(content: bytes) -> Header:
    """Read a PNG: the size, and a file of IHDR, PLTE, tRNS and one IDAT alone.

    Compressed text and profiles never reach the decoder, which would inflate them; nor do the
    frames of an animation, whose default picture is what is left.

    Source: PNG, third edition, sections 5 and 11.

    Raises:
        Damaged, struct.error: it is damaged.
    """
    at, chunks, orientation = len(MAGIC), 0, 1
    kept: dict[bytes, bytes] = {}
    pixels: list[bytes] = []
    while at < len(content):
        chunks += 1
        if chunks > CHUNKS_MAX:
            raise Damaged(f"it has more than {CHUNKS_MAX} chunks")
        length, kind = struct.unpack_from(">I4s", content, at)
        body = slice(at + 8, at + 8 + length)
        if kind == b"IEND":
            break
        if kind == b"IDAT":
            pixels.append(content[body])
        elif kind in (b"IHDR", b"PLTE", b"tRNS"):
            if kind in kept or (kind != b"IHDR" and not kept):
                raise Damaged(f"its {kind.decode()} stands in the wrong place")
            kept[kind] = _checked(content, at, length)
        elif kind == b"eXIf" and length <= EXIF_BYTES_MAX:
            orientation = orientation_of(content[body])
        at += 12 + length
    if len(kept.get(b"IHDR", b"")) != 13:
        raise Damaged("it has no header")
    width, height = struct.unpack_from(">II", kept[b"IHDR"])
    chunks_kept = [*kept.items(), (b"IDAT", b"".join(pixels)), (b"IEND", b"")]
    return Header(width, height, MAGIC + b"".join(_chunk(*one) for one in chunks_kept), orientation)


def _checked(content: bytes, at: int, length: int) -> bytes:
    """Return a chunk's body, which its checksum fits."""
    covered = content[at + 4 : at + 8 + length]
    (expected,) = struct.unpack_from(">I", content, at + 8 + length)
    if zlib.crc32(covered) != expected:
        raise Damaged(f"the checksum of its {covered[:4].decode()} is wrong")
    return covered[4:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
