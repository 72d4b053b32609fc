"""How an item that is longer than an encoder takes is cut; the port, and its opening.

One file of `models/windows/` is one modality's; it offers `build(config)`.
"""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from models import windows
from models.modality import Cut, Item


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a long item, as an item of its own.

    Args:
        start: where it begins, in seconds.
        end: where it ends.
        item: what an encoder is given of it.
        weight: what it counts for among the windows of one item: how loud it is.
    """

    start: float
    end: float
    item: Item
    weight: float


class Windows(Protocol):
    """Cuts items for one encoder; safe to call from several threads at once."""

    @property
    def seconds(self) -> float:
        """How much of an item the encoder takes in."""
        ...

    def seconds_of(self, item: Item) -> float:
        """Return how long an item is, by its head.

        Raises:
            InputError: the item is at fault.
        """
        ...

    def count(self, seconds: float, cut: Cut) -> int:
        """Return how many windows an item of so many seconds has at most."""
        ...

    def of(self, item: Item, cut: Cut, *, seconds_max: float, windows_max: int) -> Iterator[Window]:
        """Yield the windows of an item, decoding it meanwhile; silent ones are left out.

        Args:
            seconds_max: the longest item; one longer by its head is refused undecoded.
            windows_max: the most windows, likewise.

        Raises:
            InputError: the item is at fault; also while windows are yielded.
        """
        ...


def open_windows(modality: str, config: Mapping[str, object]) -> Windows | None:
    """Open what cuts items of a modality; None where they are never cut.

    Args:
        config: the `preprocessing` of the bundle's manifest.
    """
    if modality not in {module.name for module in pkgutil.iter_modules(windows.__path__)}:
        return None
    opened: Windows = importlib.import_module(f"{windows.__name__}.{modality}").build(config)
    return opened
