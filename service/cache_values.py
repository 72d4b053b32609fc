"""An embedding as bytes that another process wrote, and that nothing here trusts."""

import hashlib
import struct

import numpy as np

from service.call import Embedded

VERSION = 1
HEAD = struct.Struct("<BBHIQ")  # version, truncated, nothing, dim, cost: 16 bytes
SUM_BYTES = 16
NORM_TOLERANCE = 1e-3


class ValueDamaged(Exception):
    """These bytes are not the embedding of this key."""


def packed(key: bytes, embedded: Embedded) -> bytes:
    """Write an embedding, with a checksum that holds for this key alone."""
    row = embedded.row.astype("<f4", copy=False)
    body = HEAD.pack(VERSION, embedded.truncated, 0, row.size, embedded.cost) + row.tobytes()
    return body + _sum(key, body)


def unpacked(key: bytes, value: object, dim: int) -> Embedded:
    """Read the embedding of a key; its row is its own, and read-only.

    Raises:
        ValueDamaged: another version, length or dimension, a checksum that does not hold, or a row
            that is not finite or not of length one.
    """
    if not isinstance(value, bytes) or len(value) != HEAD.size + 4 * dim + SUM_BYTES:
        raise ValueDamaged("not bytes of the right length")
    body = value[:-SUM_BYTES]
    version, truncated, nothing, stated, cost = HEAD.unpack_from(body)
    if (version, nothing, stated) != (VERSION, 0, dim) or truncated > 1 or cost == 0:
        raise ValueDamaged("not a head that is written here")
    if value[-SUM_BYTES:] != _sum(key, body):
        raise ValueDamaged("the checksum does not hold")
    row = np.frombuffer(body, "<f4", offset=HEAD.size).astype(np.float32)
    wide = row.astype(np.float64)  # in which no square overflows
    # A row that is not finite has no finite length, and no comparison with it holds.
    if not abs(float(wide @ wide) ** 0.5 - 1) <= NORM_TOLERANCE:
        raise ValueDamaged("not a unit row")
    row.setflags(write=False)
    return Embedded(row, cost, bool(truncated))


def _sum(key: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=SUM_BYTES, key=key).digest()
