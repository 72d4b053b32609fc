"""Embedding as a use case: which encoder, which items failed, what it cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.errors import SpaceMismatch
from models.modality import Item, Role
from service.asking import Asking
from service.errors import ModelUnknown
from service.lane import Embedded, Lane, Outcome


class ItemFailed(Exception):
    """One item of a call failed, and the call with it.

    Args:
        where: the item's place in the request, as the caller wrote it: ``input[3]``.
        cause: what was wrong with it.
    """

    def __init__(self, where: str, cause: Exception) -> None:
        super().__init__(str(cause))
        self.where = where
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Embeddings:
    """What became of a call's items.

    Args:
        rows: unit rows ``(n, dim)``.
        cost: tokens, pixels or samples embedded in all.
        truncated: positions of the items that were cut short.
    """

    rows: NDArray[np.float32]
    cost: int
    truncated: list[int]


class Embedder:
    """The loaded encoders, each behind its lane."""

    def __init__(self, lanes: Mapping[str, Lane]) -> None:
        self.lanes = lanes

    def lane(self, model: str) -> Lane:
        """Return the lane of a model by its name.

        Raises:
            ModelUnknown: no loaded encoder has the name.
        """
        try:
            return self.lanes[model]
        except KeyError:
            raise ModelUnknown(
                f"no model {model!r} is loaded; loaded: {', '.join(sorted(self.lanes)) or 'none'}"
            ) from None

    def lane_in(self, space: str) -> Lane | None:
        """Return the lane whose rows lie in a space, or None where no loaded encoder makes them."""
        return next((lane for lane in self.lanes.values() if lane.encoder.space == space), None)

    def lane_of_space(self, space: str, *, gallery: str) -> Lane:
        """Return the lane whose rows lie in a gallery's space.

        Raises:
            SpaceMismatch: no loaded encoder makes rows of that space.
        """
        lane = self.lane_in(space)
        if lane is not None:
            return lane
        loaded = ", ".join(sorted(lane.encoder.space for lane in self.lanes.values())) or "none"
        raise SpaceMismatch(
            f"gallery {gallery!r} holds rows of space {space!r}, which no loaded encoder makes "
            f'(loaded spaces: {loaded}); send {{"vector": ...}} or load its encoder'
        )

    async def outcomes(
        self,
        lane: Lane,
        items: Sequence[Item],
        asking: Asking,
        *,
        role: Role | None = None,
        truncate: bool = True,
    ) -> list[Outcome]:
        """Embed items that may fail one by one."""
        if not items:
            return []
        call = await lane.embed(items, role=role, truncate=truncate)
        asking.timings.add("decode", call.decode_seconds)
        if call.taken_at:
            asking.timings.add("queue", call.taken_at - call.submitted_at)
            asking.timings.add("forward", call.settled_at - call.taken_at)
        return [outcome for outcome in call.outcomes if outcome is not None]

    async def embed(
        self,
        lane: Lane,
        items: Sequence[Item],
        asking: Asking,
        *,
        places: Sequence[str],
        role: Role | None = None,
        truncate: bool = True,
    ) -> Embeddings:
        """Embed items that stand or fall together.

        Args:
            places: where each item stands in the request, to name it by.

        Raises:
            ItemFailed: naming the first item that could not be embedded.
        """
        outcomes = await self.outcomes(lane, items, asking, role=role, truncate=truncate)
        embedded: list[Embedded] = []
        for place, outcome in zip(places, outcomes, strict=True):
            if not isinstance(outcome, Embedded):
                raise ItemFailed(place, outcome)
            embedded.append(outcome)
        return Embeddings(
            rows=np.stack([one.row for one in embedded]),
            cost=sum(one.cost for one in embedded),
            truncated=[at for at, one in enumerate(embedded) if one.truncated],
        )
