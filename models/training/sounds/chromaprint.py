"""Chromaprint, which tells whether two recordings are the same; used in the report alone."""

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Print = NDArray[np.uint32]
COMMAND = "fpcalc"  # of Debian's libchromaprint-tools
SHIFT_MAX = 12  # frames of 0.124 s by which two may be shifted
FRAMES_MIN = 8  # that two must share
SECONDS_MAX = 600  # for one file: also where the machine stands still meanwhile


def fingerprint(file: bytes) -> Print:
    """Return the fingerprint (frames,) of an encoded sound, 32 bits a frame.

    Raises:
        OSError: the command is not installed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "sound"
        path.write_bytes(file)
        done = subprocess.run(  # noqa: S603 - a fixed command, and a path made here
            [COMMAND, "-raw", "-json", str(path)],
            capture_output=True, check=False, timeout=SECONDS_MAX,
        )  # fmt: skip
    # It complains of the end of many files, and has read them.
    if not done.stdout.startswith(b"{"):
        return np.empty(0, np.uint32)  # too short for it
    return np.array(json.loads(done.stdout)["fingerprint"], np.uint32)


def likeness(queries: Sequence[Print], references: Sequence[Print]) -> NDArray[np.float32]:
    """Tell the share of bits (q, r) that are alike, where two are shifted best."""
    longest = max(len(one) for one in references)
    held = np.zeros((len(references), longest), np.uint32)
    there = np.zeros((len(references), longest), np.bool_)
    for at, one in enumerate(references):
        held[at, : len(one)], there[at, : len(one)] = one, True
    return np.stack([_best(query, held, there) for query in queries])


def _best(query: Print, held: NDArray[np.uint32], there: NDArray[np.bool_]) -> NDArray[np.float32]:
    best = np.zeros(len(held), np.float32)
    for shift in range(-SHIFT_MAX, SHIFT_MAX + 1):
        mine = query[max(0, -shift) :]
        start = max(0, shift)
        length = min(len(mine), held.shape[1] - start)
        if length < FRAMES_MIN:
            continue
        part, seen = held[:, start : start + length], there[:, start : start + length]
        other = np.bitwise_xor(part, mine[:length]).view(np.uint8)
        unlike = np.unpackbits(other, axis=1).reshape(len(held), length, 32).sum(2)
        count = seen.sum(1)
        alike = 1 - (unlike * seen).sum(1) / np.maximum(32 * count, 1)
        best = np.maximum(best, np.where(count >= FRAMES_MIN, alike, 0))
    return best
