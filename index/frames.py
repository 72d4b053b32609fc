"""A file of frames, each bound by a hash to all that stand before it: data, and nothing packed."""

import hashlib
import struct
from collections.abc import Iterator
from typing import BinaryIO

from index.errors import SnapshotCorrupt, SnapshotTooLarge

MAGIC = b"SEMBLANCE SNAPSHOT 1\n"
HEAD, ROWS, END = b"H", b"R", b"E"

# At worst one exemplar fills a frame: it came in a body, of 64 MiB unless a setting says more.
FRAME_BYTES_MAX = 66 << 20
_PREFIX = struct.Struct("<cI")
_HASH_BYTES = 32


class FrameWriter:
    """Writes frames, from the beginning of a file, up to `bytes_max` in all.

    A frame is its kind (one letter), its length (four bytes, little-endian), its content, and the
    SHA-256 of the hash before it with all of these; the first hash is that of MAGIC.
    """

    def __init__(self, file: BinaryIO, bytes_max: int) -> None:
        self._file, self._bytes_max = file, bytes_max
        self._hash = hashlib.sha256(MAGIC).digest()
        self.size = 0
        self._put(MAGIC)

    def write(self, kind: bytes, content: bytes) -> None:
        """Write one frame.

        Raises: SnapshotTooLarge.
        """
        if len(content) > FRAME_BYTES_MAX:
            raise SnapshotTooLarge(
                f"an exemplar takes {len(content)} bytes: {FRAME_BYTES_MAX} are the most that a "
                "snapshot has room for; enrol it with a shorter item"
            )
        prefix = _PREFIX.pack(kind, len(content))
        self._hash = _chained(self._hash, prefix, content)
        self._put(prefix)
        self._put(content)
        self._put(self._hash)

    def _put(self, some: bytes) -> None:
        self.size += len(some)
        if self.size > self._bytes_max:
            raise SnapshotTooLarge(
                f"the snapshot would have more than {self._bytes_max} bytes: raise "
                "SEMBLANCE_SNAPSHOT_BYTES_MAX"
            )
        self._file.write(some)


def read_frames(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Read a file from its beginning: a head, frames of rows, and an end with nothing behind it.

    Each frame is held against its hash before it is yielded, and is the only one in memory.

    Raises: SnapshotCorrupt.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise SnapshotCorrupt("this is no snapshot of a gallery, or not one of this version")
    hashed = hashlib.sha256(MAGIC).digest()
    allowed = HEAD
    kind = b""
    while kind != END:
        prefix = _exactly(file, _PREFIX.size)
        kind, size = _PREFIX.unpack(prefix)
        if kind not in allowed or size > FRAME_BYTES_MAX:
            raise SnapshotCorrupt(f"the snapshot is damaged before byte {file.tell()}: a frame")
        content = _exactly(file, size)
        hashed = _chained(hashed, prefix, content)
        if _exactly(file, _HASH_BYTES) != hashed:
            raise SnapshotCorrupt(f"the snapshot is damaged before byte {file.tell()}: a hash")
        yield kind, content
        allowed = ROWS + END
    if file.read(1):
        raise SnapshotCorrupt(f"the snapshot has more behind its end, at byte {file.tell() - 1}")


def _exactly(file: BinaryIO, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise SnapshotCorrupt(f"the snapshot ends too early, at byte {file.tell()}: copy it again")
    return content


def _chained(before: bytes, prefix: bytes, content: bytes) -> bytes:
    hashed = hashlib.sha256(before)
    hashed.update(prefix)
    hashed.update(content)
    return hashed.digest()
