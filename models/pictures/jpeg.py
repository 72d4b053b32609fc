"""JPEG: the header, and the segments that make the picture."""

import re
import struct
from collections.abc import Iterator

from models.pictures.header import Damaged, Header, orientation_of

MAGIC = b"\xff\xd8\xff"
MARKER = re.compile(rb"\xff[\x01-\xfe]")
STANDALONE = {0x01, *range(0xD0, 0xD9)}  # markers with nothing behind them
FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # sequential and progressive, Huffman and arithmetic
SEQUENTIAL = {0xC0, 0xC1, 0xC9}
OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}  # lossless, hierarchical
SCAN, EXIF, JFIF, ADOBE, COMMENT = 0xDA, 0xE1, 0xE0, 0xEE, 0xFE
SEGMENTS_MAX = 4096  # before the first scan
# Each scan goes over the whole picture, however few bytes it has. Encoders write ten or so.
SCANNED_MAX = 500_000_000  # pixels times scans: up to two seconds


def look(content: bytes) -> Header:
    """Read a JPEG: the size, and a file without comments, previews, profiles and the like.

    What stays is JFIF and Adobe's marker, which tell the colours, and all that is no APPn.

    Source: ITU-T T.81, annex B; Exif 2.32, section 4.7.

    Raises:
        Damaged, struct.error: it is damaged, or of a process that is not read.
    """
    kept = [content[:2]]
    orientation, frame, scans = 1, (0, 0, 0), 0
    for marker, start, end in _segments(content):
        if marker == EXIF and content[start + 4 : start + 10] == b"Exif\0\0" and orientation == 1:
            orientation = orientation_of(content[start + 10 : end])
        if marker in FRAMES:
            if frame[0]:
                raise Damaged("it has two frames")
            height, width = struct.unpack_from(">HH", content, start + 5)
            frame = marker, width, height
        if marker in (JFIF, ADOBE) or not (0xE0 <= marker <= 0xEF or marker == COMMENT):
            kept.append(content[start:end])
        # In coded pixels every FF is followed by a zero: this finds the scans, and no more.
        scans = content.count(bytes([0xFF, SCAN]), start, end) if marker == SCAN else 0
    marker, width, height = frame
    if not marker or not scans:
        raise Damaged("it has no frame or no scan")
    if scans > 1 and scans * width * height > SCANNED_MAX:
        raise Damaged(f"it has {scans} scans of {width} x {height} pixels, too much to decode")
    reducible = marker in SEQUENTIAL and scans == 1
    return Header(width, height, b"".join(kept), orientation, reducible)


def _segments(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Go through the segments: the marker, and where its segment starts and ends.

    The last is the first scan; it ends with the file.
    """
    at = 2
    for _ in range(SEGMENTS_MAX):
        found = MARKER.search(content, at)  # some write stray bytes between segments
        if found is None:
            raise Damaged("it ends before its pixels")
        start, at = found.span()
        marker = content[at - 1]
        if marker == SCAN:
            yield marker, start, len(content)
            return
        if marker in STANDALONE:
            continue
        if marker in OTHER_FRAMES:
            raise Damaged("it is lossless or hierarchical, which is not read")
        (length,) = struct.unpack_from(">H", content, at)
        at += length
        if length < 2 or at > len(content):
            raise Damaged("a segment is cut off")
        yield marker, start, at
    raise Damaged(f"it has more than {SEGMENTS_MAX} segments before its pixels")
