"""Embeddings of pictures without learning, to know what an encoder adds."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.modality import Modality
from models.training.recipe import Embed, Encoded, as_item

Picture = NDArray[np.uint8]
BINS, CELL, CLIP = 9, 8, 0.2
HASHED, KEPT = 32, 8  # sides of what a perceptual hash transforms, and of what it keeps


def hog(picture: Picture) -> NDArray[np.float32]:
    """Describe uint8 (3, s, s) by histograms of oriented gradients; a unit row.

    Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005:
    per pixel the channel of the steepest gradient, 9 unsigned directions, cells of 8 x 8 pixels,
    blocks of 2 x 2 cells normalised with clipping at 0.2.
    """
    channels = picture.astype(np.float32)
    down, across = np.gradient(channels, axis=(1, 2))
    size = np.hypot(down, across)
    steepest = size.argmax(0)[None]
    size, down, across = (np.take_along_axis(m, steepest, 0)[0] for m in (size, down, across))
    place = np.arctan2(down, across) % np.pi / np.pi * BINS - 0.5
    lower = np.floor(place).astype(int)
    share = place - lower
    cells = picture.shape[1] // CELL
    rows, columns = np.indices(size.shape) // CELL
    cell = (rows * cells + columns) * BINS
    flat = np.zeros(cells * cells * BINS)
    for bins, weights in ((lower, size * (1 - share)), (lower + 1, size * share)):
        flat += np.bincount((cell + bins % BINS).ravel(), weights.ravel(), len(flat))
    histograms = flat.reshape(cells, cells, BINS).astype(np.float32)
    blocks = np.stack(
        [histograms[i : cells - 1 + i, j : cells - 1 + j] for i in (0, 1) for j in (0, 1)], 2
    ).reshape(-1, 4 * BINS)
    clipped = np.minimum(_unit(blocks), CLIP)
    (row,) = _unit(_unit(clipped).reshape(1, -1))
    return np.asarray(row, np.float32)


def phash(picture: Picture) -> NDArray[np.float32]:
    """Describe uint8 (3, s, s) by a perceptual hash of 64 bits, as a unit row of signs.

    The signs, above or below the median, of the lowest 8 x 8 frequencies of a cosine transform of
    the picture in 32 x 32 greys; the inner product is one less a 32nd of the bits that differ.
    """
    side = picture.shape[1]
    spots = (np.arange(HASHED) * side) // HASHED
    grey = picture.mean(0)
    counts = np.diff(np.append(spots, side))
    sums = np.add.reduceat(np.add.reduceat(grey, spots, 0), spots, 1)
    small = sums / np.outer(counts, counts)
    angle = np.pi / HASHED * (np.arange(HASHED) + 0.5) * np.arange(KEPT)[:, None]
    wave = np.cos(angle)
    lowest = (wave @ small @ wave.T).ravel()
    signs = np.where(lowest > np.median(lowest), 1, -1)
    return np.asarray(signs / np.sqrt(len(signs)), np.float32)


def baseline(name: str, modality: Modality) -> Embed:
    """Embed encoded pictures by a baseline, through the preprocessing of an encoder.

    Args:
        name: `hog` or `phash`.
    """
    describe = {"hog": hog, "phash": phash}[name]

    def embed(items: Sequence[Encoded]) -> NDArray[np.float32]:
        pictures = (modality.decode(as_item("image", one)).arrays["pixels"] for one in items)
        return np.stack([describe(picture) for picture in pictures])

    return embed


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / (lengths + 1e-6), np.float32)
