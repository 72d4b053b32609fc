"""Encoders of a service that is called, as records are embedded by them."""

import asyncio
import base64
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from index.vectors import Rows
from service.client import CallFailed, Client, patiently
from service.errors import SchemaInvalid
from service.records.pooling import Reasons, Update

ITEMS_AT_ONCE = 512
CALLS_AT_ONCE = 3  # the next are read and written while one is embedded
PLACE = re.compile(r"^input\[(\d+)\]$")


class Called:
    """Embeds by `POST /v1/embeddings`; what a call names as bad is left out of the next try."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[str, int]] = {}
        self._turns = asyncio.Semaphore(CALLS_AT_ONCE)

    async def space(self, encoder: str) -> tuple[str, int]:
        """Return the space of a model's rows, and their dimension.

        Raises:
            SchemaInvalid: there is no such model.
        """
        if not self._known:
            listed = (await self._client.call("GET", "/v1/models"))["data"]
            self._known = {one["id"]: (one["space"], one["dim"]) for one in listed}
        if encoder not in self._known:
            raise SchemaInvalid(
                f"no model {encoder!r} is loaded; loaded: {', '.join(self._known) or 'none'}",
                param="fields",
            )
        return self._known[encoder]

    async def rows(
        self, encoder: str, items: Sequence[object], update: Update
    ) -> tuple[Rows, Reasons]:
        """Embed items, several calls at a time; those that fail, fail each for itself.

        Raises:
            CallFailed: no item is at fault.
        """
        rows = np.zeros((len(items), (await self.space(encoder))[1]), np.float32)
        reasons: Reasons = {}

        async def embed(start: int) -> None:
            places = list(range(start, min(start + ITEMS_AT_ONCE, len(items))))
            some = len(places)
            async with self._turns:
                while places:
                    made = await self._embed(encoder, [items[at] for at in places])
                    if isinstance(made, CallFailed):
                        reasons[places.pop(_place_of(made))] = str(made)
                        continue
                    rows[places] = made
                    break
            update(some)

        starts = range(0, len(items), ITEMS_AT_ONCE)
        tasks = [asyncio.create_task(embed(start)) for start in starts]
        try:
            await asyncio.gather(*tasks)
        finally:  # one that fails ends the others
            for task in tasks:
                task.cancel()
        return rows, reasons

    async def _embed(self, encoder: str, items: Sequence[object]) -> Rows | CallFailed:
        """Embed items in one call; return what it has against one of them."""
        body: dict[str, Any] = {"model": encoder, "input": items, "encoding_format": "base64"}
        try:
            call = partial(self._client.call, "POST", "/v1/embeddings", body)
            reply = await patiently(call)
        except CallFailed as error:
            if PLACE.match(error.param or ""):
                return error
            raise
        packed = b"".join(base64.b64decode(one["embedding"]) for one in reply["data"])
        return np.frombuffer(packed, "<f4").reshape(len(items), -1)


def _place_of(error: CallFailed) -> int:
    found = PLACE.match(error.param or "")
    assert found is not None
    return int(found[1])
