"""What words were known by before encoders: cepstra, aligned in time, or their statistics."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.training.sounds.clips import RATE
from models.training.sounds.front import mel_filters

Cepstra = NDArray[np.float32]
WINDOW, HOP, SIZE, BANDS, KEPT = 400, 160, 512, 40, 13
LOW, HIGH = 60.0, 3_800.0  # Hz; the development set is of telephone's bandwidth


def cepstra(samples: NDArray[np.floating]) -> Cepstra:
    """Tell mel-frequency cepstral coefficients and their slopes, (frames, 26), normalised.

    Source: Davis and Mermelstein, 1980; Furui, "Speaker-Independent Isolated Word Recognition Using
    Dynamic Features of Speech Spectrum", 1986.

    Args:
        samples: (t,) at `RATE`.
    """
    padded = np.pad(samples, (0, max(0, WINDOW + 2 * HOP - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(WINDOW), SIZE)) ** 2
    energy = power @ mel_filters(BANDS, SIZE, LOW, HIGH).T
    logs = np.log(energy + 1e-6 * energy.max() + 1e-12)
    turns = np.outer(np.arange(KEPT), np.arange(BANDS) + 0.5) * np.pi / BANDS
    plain = logs @ np.cos(turns).T
    both = np.concatenate([plain, np.gradient(plain, axis=0) * 2], axis=1)
    return np.asarray((both - both.mean(0)) / (both.std(0) + 1e-6), np.float32)


def statistics(one: Cepstra) -> Cepstra:
    """Tell the means of thirds in time, as a unit row."""
    thirds = np.concatenate([part.mean(0) for part in np.array_split(one, 3)])
    return np.asarray(thirds / np.linalg.norm(thirds), np.float32)


def aligned(query: Cepstra, references: Sequence[Cepstra]) -> NDArray[np.float32]:
    """Tell how near a query is to each reference, aligned in time; higher is nearer.

    Source: Sakoe and Chiba, "Dynamic Programming Algorithm Optimization for Spoken Word
    Recognition", 1978: symmetric steps, the mean distance along the best path.
    """
    lengths = np.array([len(one) for one in references])
    rows, columns = len(query), int(lengths.max())
    padded = np.zeros((len(references), columns, query.shape[1]), np.float32)
    for at, one in enumerate(references):
        padded[at, : len(one)] = one
    squares = (padded**2).sum(2)[:, None] + (query**2).sum(1)[None, :, None]
    distance = np.sqrt(np.maximum(0, squares - 2 * np.einsum("rd,ncd->nrc", query, padded)))
    # One anti-diagonal after the other, for all references at once: `skew[t][:, i]` is the distance
    # of frame i of the query and frame t - i of a reference.
    skew = np.full((rows + columns - 1, len(references), rows), np.inf, np.float32)
    for i in range(rows):
        skew[i : i + columns, :, i] = distance[:, i].T
    found = np.empty(len(references), np.float32)
    before = last = np.full((len(references), rows), np.inf, np.float32)
    for at, step in enumerate(skew):
        now = np.minimum(last, _down(last)) + step
        # A diagonal step counts double, and so does the first.
        now = np.minimum(now, _down(before) + 2 * step)
        if at == 0:
            now[:, 0] = 2 * step[:, 0]
        ending = lengths == at - rows + 2
        found[ending] = now[ending, -1]
        before, last = last, now
    return np.asarray(-found / (rows + lengths), np.float32)


def _down(diagonal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shift by one frame of the query; nothing comes before the first."""
    return np.pad(diagonal[:, :-1], ((0, 0), (1, 0)), constant_values=np.inf)


def of_clip(samples: NDArray[np.int16]) -> Cepstra:
    """Tell the cepstra of a clip of 16 bits at `RATE`."""
    assert RATE == 16_000
    return cepstra(samples / 32_768)
