"""WAV: the format, and the samples."""

import struct

import numpy as np

from models.sounds.fitting import FULL, Mono
from models.sounds.header import Damaged, Header

MAGIC = b"RIFF"
CHUNKS_MAX = 4096
PCM, FLOAT, A_LAW, MU_LAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
# Bits of a sample that each may have.
KINDS = {PCM: (8, 16, 24, 32), FLOAT: (32, 64), A_LAW: (8,), MU_LAW: (8,)}
SUBFORMAT_AT = 24  # in the body of an extensible format, whose first two bytes are the kind
UNKNOWN_SIZE = 0xFFFF_FFFF  # of what was streamed while its length was not known


def look(content: bytes) -> Header:
    """Read a WAV: the format, and a file of `fmt` and `data` alone.

    Source: Microsoft and IBM, "Multimedia Programming Interface and Data Specifications 1.0", 1991;
    Microsoft, "Multiple Channel Audio Data and WAVE Files", 2007.

    Raises:
        Damaged, struct.error: it is damaged, or coded in a way that is not read.
    """
    at, kept = 12, None
    for _ in range(CHUNKS_MAX):
        kind, size = struct.unpack_from("<4sI", content, at)
        body = at + 8
        if kind == b"fmt ":
            kept = _format(content[body : body + min(size, 64)])
        elif kind == b"data":
            if kept is None:
                raise Damaged("its samples stand before their format")
            return _header(*kept, content[body : body + size])
        at = body + size + size % 2
    raise Damaged(f"it has more than {CHUNKS_MAX} chunks")


def _format(body: bytes) -> tuple[int, int, int, int]:
    """Read the kind, channels, rate and bits of the samples."""
    kind, channels, rate, _, align, bits = struct.unpack_from("<HHIIHH", body)
    if kind == EXTENSIBLE:
        (kind,) = struct.unpack_from("<H", body, SUBFORMAT_AT)
    if bits not in KINDS.get(kind, ()):
        raise Damaged(f"its samples are coded by method {kind} in {bits} bits, which is not read")
    if align != channels * bits // 8:
        raise Damaged(f"a frame of it is told to have {align} bytes")
    return kind, channels, rate, bits


def _header(kind: int, channels: int, rate: int, bits: int, samples: bytes) -> Header:
    align = channels * bits // 8
    frames = len(samples) // align if align else 0
    samples = samples[: frames * align]
    form = struct.pack("<HHIIHH", kind, channels, rate, (rate * align) & UNKNOWN_SIZE, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(samples)) + samples
    return Header(MAGIC + struct.pack("<I", len(body)) + body, channels, rate, frames)


def written(samples: Mono, rate: int) -> bytes:
    """Write samples (t,) of at most 1 as a WAV of one channel in 16 bits."""
    body = np.clip(np.rint(samples * FULL), -FULL, FULL).astype("<i2").tobytes()
    return _header(PCM, 1, rate, 16, body).content
