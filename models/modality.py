"""The port between raw items and an encoder's graph, and the catalog of its implementations."""

import functools
import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol, TypeVar, cast

from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from models import modalities
from models.errors import BundleUnsupported

Content = str | bytes | tuple[int, ...]
"""A text, an encoded file's bytes, or token ids."""

Role = Literal["query", "document"]
"""Which prompt of the bundle goes before the item."""

Array = NDArray[Any]
C = TypeVar("C", bound=BaseModel)


Reads = str | Literal[True] | None
"""What stands in a picture in letters; True: it is to be read there; None: nothing, or unknown."""


SECONDS_MIN, HOP_MIN = 0.1, 0.02  # of a window, and from one to the next
SECONDS_MAX = 86_400


@dataclass(frozen=True, slots=True)
class Cut:
    """How a long item is cut into windows.

    Args:
        seconds: of windows, one length or several; none: as much as the encoder takes in.
        hop_seconds: from one window to the next; None: half of the shortest.
    """

    seconds: tuple[float, ...] = ()
    hop_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One raw input, as it came over the wire.

    Args:
        reads: what it says beside what it shows; never an empty text.
        cut: how it is cut into windows, of which all are embedded; None: it is embedded at once.
    """

    modality: str
    content: Content
    reads: Reads = None
    cut: Cut | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Features:
    """One decoded item, ready to be batched.

    Args:
        arrays: un-batched arrays by the name of the graph's input.
        cost: tokens, pixels or samples; above zero.
        truncated: whether some of the item was cut off to fit the encoder.
    """

    arrays: Mapping[str, Array]
    cost: int
    truncated: bool


class Modality(Protocol):
    """Bytes to features, for one encoder; safe to call from several threads at once."""

    @property
    def cost_min(self) -> int:
        """The least cost that one item can have; the largest too, where all cost the same."""
        ...

    @property
    def cost_max(self) -> int:
        """The largest cost that one item can have."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the graph's inputs that `collate` feeds."""
        ...

    @property
    def is_lettered(self) -> bool:
        """Whether the encoder embeds what an item reads, too; else such an item is refused."""
        ...

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Decode one item.

        Args:
            role: the prompt to put before it; None takes the bundle's default prompt.
            truncate: whether too long an item is cut; otherwise it is refused.

        Raises:
            InputError: the item is at fault.
        """
        ...

    def collate(self, batch: Sequence[Features]) -> dict[str, Array]:
        """Pad the features of one batch to the feeds of the graph, in the order given."""
        ...


@functools.cache
def modality_names() -> tuple[str, ...]:
    """List the modalities there are: one per file of `models/modalities/`."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(modalities.__path__)))


def open_modality(name: str, config: Mapping[str, object], folder: Path) -> Modality:
    """Open a modality by name, as its file's `build(config, folder)` makes it.

    Args:
        config: the `preprocessing` of a bundle's manifest.
        folder: where the files lie that the configuration names.

    Raises:
        BundleUnsupported: no such modality, or a configuration that it does not know.
        BundleCorrupt: a file that the configuration names is missing or damaged.
    """
    known = modality_names()
    if name not in known:
        raise BundleUnsupported(
            f"modality {name!r} is not known here (known: {', '.join(known)}); "
            "a newer version of Semblance may read this bundle"
        )
    return cast(Modality, _file(name).build(config, folder))


def _file(name: str) -> ModuleType:
    return importlib.import_module(f"{modalities.__name__}.{name}")


def read_config(kind: type[C], name: str, config: Mapping[str, object]) -> C:
    """Read the `preprocessing` of a manifest as a modality's own model of it.

    Raises:
        BundleUnsupported: naming the first thing that it does not know.
    """
    try:
        return kind.model_validate(dict(config))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleUnsupported(
            f"preprocessing of modality {name!r}: {place}: {first['msg']}; a newer version of "
            "Semblance may read this bundle"
        ) from None


def read_item(name: str, item: Mapping[str, object]) -> Item:
    """Read an item object of the wire, as its modality's file knows it (`item_of(item)`).

    Raises:
        InputError: the object does not hold what the modality needs.
    """
    read: Item = _file(name).item_of(item)
    return read


def item_schema(name: str) -> dict[str, Any]:
    """Return the JSON schema of a modality's item object (`SCHEMA` of its file)."""
    schema: dict[str, Any] = _file(name).SCHEMA
    return schema


def cost_unit(name: str) -> str:
    """Tell what the costs of a modality count (`COST_UNIT` of its file): `tokens`, `pixels`."""
    unit: str = _file(name).COST_UNIT
    return unit


def media_types() -> list[str]:
    """List the content types of raw bodies that some modality reads."""
    return [kind for name in modality_names() for kind in _file(name).MEDIA_TYPES]


def modality_of_media_type(media_type: str) -> str | None:
    """Find the modality that reads a raw body of this content type (`MEDIA_TYPES` of its file)."""
    for name in modality_names():
        if media_type in _file(name).MEDIA_TYPES:
            return name
    return None
