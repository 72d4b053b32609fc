"""BMP: its size."""

import struct

from models.pictures.header import Damaged, Header

MAGIC = b"BM"
CORE_HEADER_BYTES = 12  # of OS/2; all others begin as BITMAPINFOHEADER
RUN_LENGTH = (1, 2)
RUN_LENGTH_BYTES_MAX = 1 << 20  # decoded in Python, a second for that much


def look(content: bytes) -> Header:
    """Read a BMP, of Windows or of OS/2; rows may run from top to bottom.

    Source: Microsoft, BITMAPCOREHEADER and BITMAPINFOHEADER.

    Raises:
        Damaged, struct.error: it is damaged.
    """
    (header_bytes,) = struct.unpack_from("<I", content, 14)
    if header_bytes == CORE_HEADER_BYTES:
        width, height = struct.unpack_from("<HH", content, 18)
        return Header(width, height, content)
    width, height, compression = struct.unpack_from("<ii4xI", content, 18)
    if compression in RUN_LENGTH and len(content) > RUN_LENGTH_BYTES_MAX:
        raise Damaged(f"run-length coded, it has more than {RUN_LENGTH_BYTES_MAX} bytes")
    return Header(width, abs(height), content)
