"""Log-mel energies as a part of the graph: convolution, matrix product, logarithm.

So that the features are the same wherever the graph runs, and no library of signal processing is
needed to serve.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

RATE = 16_000
FLOOR = 1e-6  # of the strongest energy of a sound: 60 dB are told
# How far formants are moved while it learns: from long vocal tracts to short ones.
WARPS = tuple(np.geomspace(0.82, 1.22, 17))


def mel(hertz: float) -> float:
    """Tell the pitch of a frequency (O'Shaughnessy, "Speech Communication", 1987)."""
    return 1127.0 * math.log1p(hertz / 700.0)


def mel_filters(
    bands: int, size: int, low: float, high: float, warp: float = 1.0
) -> NDArray[np.float32]:
    """Make triangles of equal width in mel, float32 (bands, size // 2 + 1).

    Args:
        size: of the Fourier transform.
        low, high: the frequencies between which they stand, in Hz.
        warp: by what the frequencies are divided, to move formants the other way.

    >>> mel_filters(2, 16, 0.0, 8000.0).shape
    (2, 9)
    """
    edges = 700.0 * np.expm1(np.linspace(mel(low), mel(high), bands + 2) / 1127.0)
    bins = np.arange(size // 2 + 1) * RATE / size * warp
    left, middle, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rise, fall = (bins - left) / (middle - left), (right - bins) / (right - middle)
    return np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)


class LogMel(nn.Module):
    """Samples to log-mel energies below the strongest, and the same less each band's mean.

    The mean is weighted by loudness, so that silence around a sound does not count. What a
    telephone or a room does to all of a sound is mostly in it.

    Source: Davis and Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word
    Recognition in Continuously Spoken Sentences", 1980; Jaitly and Hinton, "Vocal Tract Length
    Perturbation (VTLP) Improves Speech Recognition", 2013, for the warps while it learns.

    Args:
        bands: mel bands.
        window, hop: in samples.
        size: of the Fourier transform.
        low, high: in Hz.
    """

    def __init__(
        self,
        bands: int = 40,
        window: int = 400,
        hop: int = 160,
        size: int = 512,
        low: float = 60.0,
        high: float = 7600.0,
    ) -> None:
        super().__init__()
        self.hop = hop
        filters = [mel_filters(bands, size, low, high, warp) for warp in (1.0, *WARPS)]
        used = np.flatnonzero(np.max(filters, axis=(0, 1)))
        first, last = int(used[0]), int(used[-1]) + 1
        turns = 2 * np.pi * np.outer(np.arange(first, last), np.arange(window)) / size
        shape = np.hanning(window + 1)[:window] / window
        waves = np.concatenate([np.cos(turns), np.sin(turns)]) * shape
        self.register_buffer("waves", torch.from_numpy(waves).float()[:, None])
        every = torch.from_numpy(np.stack(filters)[:, :, first:last])
        self.register_buffer("filters", every[0].contiguous())
        self.register_buffer("warped", every[1:].contiguous(), persistent=False)
        self.waves: torch.Tensor
        self.filters: torch.Tensor
        self.warped: torch.Tensor

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Turn int16 (n, t) into float32 (n, 2, bands, frames)."""
        with torch.autocast(samples.device.type, enabled=False):
            waves = nn.functional.conv1d(
                samples.float()[:, None] / 32_768, self.waves, stride=self.hop
            )
            real, imaginary = waves.chunk(2, dim=1)
            energy = self._filters(len(samples)) @ (real.square() + imaginary.square())
            top = energy.amax((1, 2), keepdim=True) + 1e-12
            level = (energy / top + FLOOR).log10() / 3 + 1
            loud = energy.sum(1, keepdim=True).sqrt() + 1e-9
            mean = (level * loud).sum(2, keepdim=True) / loud.sum(2, keepdim=True)
            return torch.stack([level, level - mean], 1)

    def _filters(self, count: int) -> torch.Tensor:
        if not self.training:
            return self.filters
        return self.warped[torch.randint(len(self.warped), (count,), device=self.filters.device)]


class Masked(nn.Module):
    """Hides a band of frequencies and a stretch of time, while it learns.

    Source: Park et al., "SpecAugment", arXiv:1904.08779.
    """

    def __init__(self, bands: int, frames: int) -> None:
        super().__init__()
        self.widths = (bands, frames)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Keep the shape (n, c, bands, frames)."""
        if not self.training:
            return maps
        for axis, width in enumerate(self.widths):
            size, count = maps.shape[2 + axis], len(maps)
            wide = torch.rand(count, 1, device=maps.device) * width
            start = torch.rand(count, 1, device=maps.device) * (size - wide)
            place = torch.arange(size, device=maps.device)
            hidden = (place >= start) & (place < start + wide)
            shape = (count, 1, size, 1) if axis == 0 else (count, 1, 1, size)
            maps = maps.masked_fill(hidden.view(shape), 0.0)
        return maps
