"""What the service asks of its encoders; every bundle that is served keeps all of it."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.manifest import Manifest
from models.modality import Features, Item, Role
from models.region import Regions
from models.window import Windows


class Encoder(Protocol):
    """A loaded encoder: items become features on any thread, features rows on one."""

    @property
    def name(self) -> str:
        """The name by which requests ask for it."""
        ...

    @property
    def space(self) -> str:
        """The identity of the space its rows lie in."""
        ...

    @property
    def dim(self) -> int:
        """Columns of a row."""
        ...

    @property
    def modality(self) -> str:
        """The kind of item that it embeds."""
        ...

    @property
    def cost_min(self) -> int:
        """The least cost that one item can have; the largest too, where all cost the same."""
        ...

    @property
    def cost_max(self) -> int:
        """The largest cost that one item can have, in tokens, pixels or samples."""
        ...

    @property
    def sample(self) -> Item:
        """An item that it embeds, to see whether it still does."""
        ...

    @property
    def windows(self) -> Windows | None:
        """What cuts long items; None where there are none."""
        ...

    @property
    def regions(self) -> Regions | None:
        """Finds where in a whole item something may be; None where it cannot."""
        ...

    @property
    def manifest(self) -> Manifest:
        """What the bundle says of itself."""
        ...

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Turn one raw item into features.

        Raises:
            InputError: the item cannot be embedded; the message says why.
        """
        ...

    def collate(self, batch: Sequence[Features]) -> Any:
        """Make of a batch what `run` takes; may run beside it."""
        ...

    def run(self, feeds: Any) -> NDArray[np.float32]:
        """Embed a collated batch into unit rows ``(n, dim)``, in the order given."""
        ...

    def on_one_thread(self) -> Callable[[Any], NDArray[np.float32]]:
        """Open the encoder once more, and return what is as `run`, for passes side by side.

        It blocks, and may raise whatever opening raises.
        """
        ...
