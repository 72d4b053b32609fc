"""Whether a write-ahead log still has what was acknowledged: SQLite itself would not tell."""

import struct
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import numpy.typing as npt

_HEADER, _FRAME = 32, 24  # bytes
_ORDERS = {0x377F0682: "<u4", 0x377F0683: ">u4"}  # by the first number of the file

Sum = tuple[int, int]


def damaged_frame(log: Path, page_bytes: int) -> int | None:
    """Return the first frame, from 1, that was damaged since it was synced; 0 is the header.

    SQLite takes a log to end at the first frame that does not fit its predecessor, as a crash in
    the middle of a write leaves it, and drops what follows. But a transaction is begun only when
    the one before is on disk: where a frame fits a commit, all before it had been there whole.
    The last transaction has no such witness. Source: sqlite.org, "WAL-mode File Format".
    """
    if not log.exists():
        return None
    with log.open("rb") as file:
        header = file.read(_HEADER)
        if len(header) < _HEADER:
            return None
        magic, _, _, _, *salts, first, second = struct.unpack(">8I", header)
        order, before = _ORDERS.get(magic, "<u4"), (first, second)
        whole = magic in _ORDERS and _sum(header[:-8], (0, 0), order) == before
        bad, committed = None if whole else 0, 0
        for number in count(1):
            frame, page = file.read(_FRAME), file.read(page_bytes)
            if len(page) < page_bytes:
                return None
            _, commit, *of, first, second = struct.unpack(">6I", frame)
            salts = of if bad == 0 and number == 1 else salts
            fits = of == salts and _sum(frame[:8] + page, before, order) == (first, second)
            if bad is None and not fits:
                bad = number
            elif bad is not None and fits and committed:
                return bad
            before, committed = (first, second), commit
    return None


def _sum(content: bytes, before: Sum, order: str) -> Sum:
    """Return SQLite's checksum of some bytes, a multiple of eight, after those before.

    For every two words it adds s0 += x0 + s1, s1 += x1 + s0: so that each word counts as often as a
    Fibonacci number says.
    """
    words = np.frombuffer(content, order)
    n, (first, second) = len(words), before
    # F(n + 1) .. F(0): what a word that stands at some place from the end counts.
    weights = _fibonacci(n + 2)[::-1]
    f_less, f, f_more = (int(number) for number in weights[[2, 1, 0]])
    return (
        (f_less * first + f * second + int((weights[2:] * words).sum(dtype=np.uint32))) % 2**32,
        (f * first + f_more * second + int((weights[1:-1] * words).sum(dtype=np.uint32))) % 2**32,
    )


@cache
def _fibonacci(how_many: int) -> npt.NDArray[np.uint32]:
    """Return the first of them from F(0) = 0 on, modulo 2 ** 32."""
    numbers = [0, 1]
    while len(numbers) < how_many:
        numbers.append((numbers[-1] + numbers[-2]) % 2**32)
    return np.array(numbers, np.uint32)
