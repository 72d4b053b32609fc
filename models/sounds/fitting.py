"""A sound to the samples that an encoder hears: trimmed, as long as its window, of one level."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Mono = NDArray[np.float32]
Fill = Literal["silence", "repeat"]

FRAME_SECONDS = 0.01  # over which loudness is told
BESIDE_SECONDS = 0.03  # kept on each side of what is heard
LEVEL_DB = -23.0  # root mean square of what is heard, below the largest sample
FULL = 32_767
# Below this peak, of a largest sample of 1, a sound is silence: half a step of 16 bits.
SILENT = 0.5 / FULL


def trimmed(samples: NDArray[np.generic], rate: int, floor_db: float) -> NDArray[np.generic]:
    """Cut silence off both ends.

    A sound begins with the first frame of 10 ms, and ends with the last, whose power is no more
    than `floor_db` below that of the loudest; 30 ms are kept on each side.

    Args:
        samples: (t,).

    Returns:
        a part of the samples; none of them, where all are zero.
    """
    frame = round(FRAME_SECONDS * rate)
    whole = np.asarray(samples, np.float64)
    starts = np.arange(0, len(whole), frame)
    if not len(starts):
        return samples[:0]
    power = np.add.reduceat(whole**2, starts) / np.diff(np.append(starts, len(whole)))
    heard = np.flatnonzero((power >= power.max() * 10 ** (-floor_db / 10)) & (power > 0))
    if not len(heard):
        return samples[:0]
    beside = round(BESIDE_SECONDS * rate)
    first, last = int(starts[heard[0]]) - beside, int(starts[heard[-1]]) + frame + beside
    return samples[max(0, first) : last]


def windowed(samples: Mono, length: int, fill: Fill) -> Mono:
    """Make a sound as long as a window.

    Of a longer one the middle is taken, which noise and a change of speed leave in its place. A
    shorter one stands in the middle of silence, or is repeated from its beginning.
    """
    spare = length - len(samples)
    if spare < 0:
        start = -spare // 2
        return samples[start : start + length]
    if fill == "repeat":
        return np.resize(samples, length)
    return np.pad(samples, (spare // 2, spare - spare // 2))


def levelled(samples: Mono, heard: int) -> NDArray[np.int16]:
    """Bring a sound to the level of all, in 16 bits; peaks beyond them are clipped.

    Args:
        heard: how many of the samples are not the silence around.
    """
    power = float(np.square(samples, dtype=np.float64).sum()) / max(1, heard)
    gain = 10 ** (LEVEL_DB / 20) / max(power, 1e-20) ** 0.5
    scaled: NDArray[np.int16] = np.clip(np.rint(samples * (gain * FULL)), -FULL, FULL).astype(
        np.int16
    )
    return scaled
