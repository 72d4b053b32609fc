"""A sound that comes in blocks, brought to another rate; a block at a time."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr

from models.sounds.fitting import Mono


def resampled(blocks: Iterable[Mono], rate: int, to: int) -> Iterator[Mono]:
    """Yield the blocks at another rate, in samples a second; some may be empty."""
    if rate == to:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, to, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)
