"""Where in a whole item something may be that an encoder knows; the port, and its opening.

One file of `models/regions/` is one modality's; it offers `build(propose, side, config)`. A bundle
that carries a graph `regions.onnx` beside its own has regions. The graph takes `pixels`, uint8
(n, 3, side, side), the whole picture padded with grey, and gives `boxes`, float32 (n, k, 4) in
shares of the square (x0, y0, x1, y1), and `scores`, float32 (n, k), the likeliest first.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from models import regions
from models.errors import BundleUnsupported
from models.modality import Array, Item

REGIONS_NAME = "regions.onnx"
Propose = Callable[[Array], tuple[Array, Array]]
"""The graph: uint8 (n, 3, side, side) to boxes (n, k, 4) and scores (n, k)."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an item, as an item of its own.

    Args:
        low: where it begins, a number for each axis: x and y in pixels, or a second.
        high: where it ends.
        item: what an encoder is given of it.
        likelihood: how likely it is something, 0 to 1; the whole item has 0.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    item: Item
    likelihood: float


class Regions(Protocol):
    """Finds the regions of an item; safe to call from several threads at once."""

    @property
    def place(self) -> str:
        """What a region's place is called on the wire: `box`, or `seconds`."""
        ...

    def of(self, item: Item, most: int) -> list[Region]:
        """Propose regions, the likeliest first, and the whole item last.

        Args:
            most: how many there may be.

        Raises:
            InputError: the item is at fault.
        """
        ...


def open_regions(
    modality: str, propose: Propose, side: int, config: Mapping[str, object]
) -> Regions:
    """Open what finds regions in items of a modality.

    Args:
        config: the `preprocessing` of the bundle's manifest.

    Raises:
        BundleUnsupported: the modality knows of no regions.
    """
    if modality not in {module.name for module in pkgutil.iter_modules(regions.__path__)}:
        raise BundleUnsupported(
            f"the bundle has {REGIONS_NAME}, and items of modality {modality!r} have no regions "
            "here; a newer version of Semblance may read this bundle"
        )
    file = importlib.import_module(f"{regions.__name__}.{modality}")
    opened: Regions = file.build(propose, side, config)
    return opened


def overlap(one: Region, other: Region) -> float:
    """Tell the share of two regions' union that both cover, 0 to 1.

    >>> nothing = Item("image", b"")
    >>> left, right = (Region((x, 0.0), (x + 2.0, 1.0), nothing, 1.0) for x in (0.0, 1.0))
    >>> round(overlap(left, right), 3)
    0.333
    """
    both = _common(one, other)
    return both / max(_size(one) + _size(other) - both, 1e-9)


def covered(one: Region, other: Region) -> float:
    """Tell the share of the smaller of two regions that both cover, 0 to 1."""
    return _common(one, other) / max(min(_size(one), _size(other)), 1e-9)


def apart(boxes: Array, scores: Array, overlap_max: float) -> list[int]:
    """Keep the likelier of any two boxes that are the same thing (non-maximum suppression).

    Args:
        boxes: (n, 4): x0, y0, x1, y1.
        scores: (n,).
        overlap_max: of two boxes' union, beyond which they are the same thing.

    Returns:
        Their places, the likeliest first.

    >>> boxes = np.array([[0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]])
    >>> apart(boxes, np.array([0.5, 0.9, 0.1]), 0.5)
    [1, 2]
    """
    kept: list[int] = []
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    for at in np.argsort(-scores, kind="stable"):
        low = np.maximum(boxes[kept, :2], boxes[at, :2])
        high = np.minimum(boxes[kept, 2:], boxes[at, 2:])
        both = np.prod(np.clip(high - low, 0, None), axis=1)
        if not np.any(both > overlap_max * (areas[kept] + areas[at] - both)):
            kept.append(int(at))
    return kept


def _common(one: Region, other: Region) -> float:
    low, high = np.maximum(one.low, other.low), np.minimum(one.high, other.high)
    return float(np.prod(np.clip(high - low, 0, None)))


def _size(region: Region) -> float:
    return float(np.prod(np.subtract(region.high, region.low)))
