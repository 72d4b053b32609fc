"""Encoders on this process's own shelf, as records are embedded by them."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from index.vectors import Rows
from models.errors import InputError
from models.modality import Item
from service.asking import Asking
from service.call import Embedded
from service.embedder import Embedder
from service.errors import EncodeFailed, ModelUnknown, SchemaInvalid
from service.intake import parse_part
from service.queries import INLINE_ITEMS
from service.records.pooling import Reasons, Update
from service.shelf import Model
from service.threads import off_loop

ITEMS_AT_ONCE = 1024  # so that a lane always has some to go on with, and other callers a turn


class Shelved:
    """Embeds by the models of a shelf, behind what others ask.

    Args:
        bulk: whether others go first, however few the items.
    """

    def __init__(self, embedder: Embedder, asking: Asking, *, bulk: bool = True) -> None:
        self._embedder, self._asking, self._bulk = embedder, asking, bulk

    async def space(self, encoder: str) -> tuple[str, int]:
        """Return the space of a model's rows, and their dimension."""
        model = self._model(encoder)
        return model.space, model.dim

    async def rows(
        self, encoder: str, items: Sequence[object], update: Update
    ) -> tuple[Rows, Reasons]:
        """Embed items; those that fail, fail each for itself.

        Raises:
            ServiceError: no item is at fault.
        """
        model = self._model(encoder)
        rows = np.zeros((len(items), model.dim), np.float32)
        reasons: Reasons = {}
        at_once = min(ITEMS_AT_ONCE, model.call_items_max)
        for start in range(0, len(items), at_once):
            some = items[start : start + at_once]
            parsed = await off_loop(partial(_parsed, some), long=len(some) > INLINE_ITEMS)
            good = [(at, one) for at, one in enumerate(parsed) if isinstance(one, Item)]
            outcomes = await self._embedder.outcomes(
                model, [one for _, one in good], self._asking, bulk=self._bulk
            )
            told = [(at, one) for at, one in enumerate(parsed) if isinstance(one, InputError)]
            for at, outcome in [*told, *zip([at for at, _ in good], outcomes, strict=True)]:
                if isinstance(outcome, Embedded):
                    rows[start + at] = outcome.row
                elif isinstance(outcome, InputError | EncodeFailed):
                    reasons[start + at] = str(outcome)
                else:
                    raise outcome
            update(len(some))
        return rows, reasons

    def _model(self, encoder: str) -> Model:
        try:
            return self._embedder.shelf.model(encoder)
        except ModelUnknown as error:
            raise SchemaInvalid(str(error), param="fields") from error


def _parsed(items: Sequence[object]) -> list[Item | InputError]:
    parsed: list[Item | InputError] = []
    for item in items:
        try:
            parsed.append(parse_part(item))
        except InputError as error:
            parsed.append(error)
    return parsed
