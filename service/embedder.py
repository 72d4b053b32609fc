"""Embedding as a use case: which encoder, which items failed, what it cost."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from models.errors import ModalityUnsupported
from models.modality import Cut, Item, Role
from service.asking import Asking
from service.cache_keys import Form
from service.call import Call, Embedded, Outcome, Part
from service.errors import DeadlineExceeded, LaneDead
from service.long_items import Lengths, embedded, parts_of
from service.recall import Recall
from service.record import Record, parts_of_value, with_parts
from service.record_rows import costs_of, flattened, joined
from service.remote import Remote, url_of
from service.shelf import Model, Shelf


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
        costs: tokens, pixels or samples embedded in all, by modality.
        truncated: positions of the items that were cut short.
    """

    rows: NDArray[np.float32]
    costs: Mapping[str, int]
    truncated: list[int]


class Embedder:
    """Embeds items with the encoders on the shelf.

    Args:
        recall: what remembers embeddings; None has every item embedded.
        remote: what fetches items that are named by URLs; None has them refused.
        lengths: what items may be that are cut into windows.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        interactive_items_max: int,
        recall: Recall | None = None,
        remote: Remote | None = None,
        lengths: Lengths = Lengths(),  # noqa: B008 - frozen
    ) -> None:
        self.shelf = shelf
        self._interactive_items_max = interactive_items_max
        self._recall = recall
        self._remote = remote
        self._lengths = lengths

    async def fetched(self, values: Sequence[object]) -> Sequence[object]:
        """Put what their URLs hold in the place of the items that are named by them."""
        if self._remote is None:
            return values
        spread = [part for value in values for part in parts_of_value(value)]
        if not any(url_of(part) for part in spread):
            return values
        found = iter(await self._remote.fetched(spread))
        return [with_parts(value, found) for value in values]

    async def outcomes(
        self,
        model: Model,
        items: Sequence[Item | Record],
        asking: Asking,
        *,
        bulk: bool = False,
        role: Role | None = None,
        truncate: bool = True,
    ) -> list[Outcome]:
        """Embed items that may fail one by one.

        Those that the model does not read are embedded by one that does, with rows in its space;
        where there is none, each fails. Of a record, each part is embedded, and they are pooled.

        Args:
            bulk: whether what others ask goes first, however few the items.
        """
        if not items:
            return []
        if any(_is_cut(item) for item in items):
            return await self._cut(model, items, asking, bulk=bulk, role=role, truncate=truncate)
        bulk = bulk or len(items) > self._interactive_items_max
        flat = flattened(items)
        found: list[Outcome | None] = [None] * len(flat)
        places: dict[str, list[int]] = {}
        for place, item in enumerate(flat):
            places.setdefault(item.modality, []).append(place)
        for modality, some in places.items():
            made = await self._of_model(
                self.shelf.reader(model, modality),
                [flat[place] for place in some],
                asking,
                bulk=bulk,
                role=role,
                truncate=truncate,
            )
            for place, outcome in zip(some, made, strict=True):
                found[place] = outcome
        return joined(items, [outcome for outcome in found if outcome is not None])

    async def _of_model(
        self,
        model: Model,
        items: Sequence[Item],
        asking: Asking,
        *,
        bulk: bool,
        role: Role | None,
        truncate: bool,
    ) -> list[Outcome]:
        """Embed items by one encoder."""

        async def embed(some: Sequence[Item]) -> list[Outcome]:
            lane = await self.shelf.lane(model)
            call = await lane.embed(some, asking=asking, bulk=bulk, role=role, truncate=truncate)
            _time(call, asking)
            return [outcome for outcome in call.outcomes if outcome is not None]

        if self._recall is None:
            return await embed(items)
        form = Form(model.identity, model.dim, role, truncate)
        return await self._recall.outcomes(items, form, asking, embed, bulk=bulk)

    async def parts(
        self, model: Model, item: Item, cut: Cut, asking: Asking
    ) -> AsyncIterator[list[Part]]:
        """Embed an item window by window, some at a time, as bulk work that nobody remembers.

        Raises:
            ModalityUnsupported: items of this model are not cut.
            InputError: the item is at fault.
            ServiceError: no item is.
        """
        lane = await self.shelf.lane(model)
        if lane.encoder.windows is None:
            raise ModalityUnsupported(
                f"encoder {model.name!r} takes an item in at once, and cuts none into windows"
            )

        async def embed(some: Sequence[Item]) -> list[Outcome]:
            return await self._bulk(model, some, asking)

        windows = lane.encoder.windows
        async for some in parts_of(windows, item, cut, self._lengths, embed, asking):
            yield some

    async def _cut(
        self,
        model: Model,
        items: Sequence[Item | Record],
        asking: Asking,
        *,
        bulk: bool,
        role: Role | None,
        truncate: bool,
    ) -> list[Outcome]:
        """Embed items of which some are to be cut: the others together, those one by one."""
        plain = [item for item in items if not _is_cut(item)]
        made = iter(
            await self.outcomes(model, plain, asking, bulk=bulk, role=role, truncate=truncate)
        )
        windows = (await self.shelf.lane(model)).encoder.windows

        async def embed(some: Sequence[Item]) -> list[Outcome]:
            return await self._bulk(model, some, asking)

        return [
            await embedded(windows, item, self._lengths, embed, asking, cost=model.cost_max)
            if _is_cut(item)
            else next(made)
            for item in items
        ]

    async def _bulk(self, model: Model, items: Sequence[Item], asking: Asking) -> list[Outcome]:
        """Embed windows, no more at once than one call may have."""
        outcomes: list[Outcome] = []
        for at in range(0, len(items), model.call_items_max):
            lane = await self.shelf.lane(model)
            some = items[at : at + model.call_items_max]
            call = await lane.embed(some, asking=asking, bulk=True, role="document")
            _time(call, asking)
            outcomes += [outcome for outcome in call.outcomes if outcome is not None]
        return outcomes

    async def embed(
        self,
        model: Model,
        items: Sequence[Item | Record],
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
        outcomes = await self.outcomes(model, items, asking, role=role, truncate=truncate)
        embedded: list[Embedded] = []
        for place, outcome in zip(places, outcomes, strict=True):
            if isinstance(outcome, LaneDead | DeadlineExceeded):
                raise outcome  # no item is at fault
            if not isinstance(outcome, Embedded):
                raise ItemFailed(place, outcome)
            embedded.append(outcome)
        costs: Counter[str] = Counter()
        for modality, cost in costs_of(items, embedded):
            costs[modality] += cost
        return Embeddings(
            rows=np.stack([one.row for one in embedded]),
            costs=costs,
            truncated=[at for at, one in enumerate(embedded) if one.truncated],
        )


def _is_cut(item: Item | Record) -> TypeGuard[Item]:
    return isinstance(item, Item) and item.cut is not None


def _time(call: Call, asking: Asking) -> None:
    """Add what each stage of a call took to what is told of the request."""
    asking.timings.add("decode", call.decoded_at - call.started_at)
    if call.taken_at:
        # Of many items the first are embedded while the last are still decoded.
        asking.timings.add("queue", max(0.0, call.taken_at - call.decoded_at))
        asking.timings.add("forward", call.passed_at - call.taken_at)
        asking.timings.add("finish", monotonic() - call.passed_at)
