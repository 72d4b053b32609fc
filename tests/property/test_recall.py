"""Calls at once, some cancelled and some refused: nobody else's answer changes, and all come."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import ItemEmpty
from models.modality import Item
from service.asking import Asking
from service.cache_keys import Form
from service.call import Embedded, Outcome
from service.errors import EncodeFailed, LaneDead, Overloaded
from service.metrics import Metrics
from service.recall import Recall
from tests.fakes import row_of
from tests.pace import PACE

FORM = Form("space", 8, None, True)


@dataclass(frozen=True)
class Caller:
    """What one caller does: when it comes, what it asks, how long that takes, how it ends."""

    comes: int
    texts: list[int]
    takes: int
    fate: Literal["answered", "leaves", "refused", "half dead"]
    leaves: int


callers = st.lists(
    st.builds(
        Caller,
        comes=st.integers(0, 6),
        texts=st.lists(st.integers(0, 5), min_size=1, max_size=5),
        takes=st.integers(0, 6),
        fate=st.sampled_from(["answered", "answered", "leaves", "refused", "half dead"]),
        leaves=st.integers(0, 8),
    ),
    min_size=1,
    max_size=12,
)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def truth(number: int) -> type[Outcome]:
    return {4: ItemEmpty, 5: EncodeFailed}.get(number, Embedded)  # type: ignore[return-value]


@settings(max_examples=300, deadline=None)
@given(callers, st.sampled_from([0, 2 * (8 * 4 + 512), 1 << 20]))
def test_nobody_pays_for_anybody_else(calls: list[Caller], bytes_max: int) -> None:
    recall = Recall(Metrics(), bytes_max=bytes_max)

    async def call(caller: Caller) -> list[Outcome]:
        async def embed(items: Sequence[Item]) -> list[Outcome]:
            assert len({item.content for item in items}) == len(items)
            await turns(caller.takes)
            if caller.fate == "refused":
                raise Overloaded("full", retry_after_seconds=1)
            if caller.fate == "half dead":
                return [LaneDead("died") for _ in items]
            return [made(str(item.content)) for item in items]

        await turns(caller.comes)
        items = [Item("text", str(number)) for number in caller.texts]
        return await recall.outcomes(items, FORM, Asking(), embed, bulk=len(items) > 2)

    async def scene() -> None:
        tasks = [asyncio.create_task(call(caller)) for caller in calls]

        async def leave(caller: Caller, task: "asyncio.Task[list[Outcome]]") -> None:
            if caller.fate == "leaves":
                await turns(caller.comes + caller.leaves)
                task.cancel()

        async with asyncio.timeout(10 * PACE):
            await asyncio.gather(*map(leave, calls, tasks))
            ends = await asyncio.gather(*tasks, return_exceptions=True)
        for caller, end in zip(calls, ends, strict=True):
            check(caller, end)
        assert len(recall._flights) == 0

    asyncio.run(scene())


def made(text: str) -> Outcome:
    kind = truth(int(text))
    return Embedded(row_of(text, 8), 1, False) if kind is Embedded else kind(text)  # type: ignore[call-arg, arg-type]


def check(caller: Caller, end: list[Outcome] | BaseException) -> None:
    """Hold what became of a call against what its own caller did, and nobody else."""
    if isinstance(end, BaseException):
        assert {"leaves": asyncio.CancelledError, "refused": Overloaded}[caller.fate] is type(end)
        return
    for number, outcome in zip(caller.texts, end, strict=True):
        if isinstance(outcome, LaneDead):
            assert caller.fate == "half dead"
            continue
        assert type(outcome) is truth(number)
        if isinstance(outcome, Embedded):
            np.testing.assert_array_equal(outcome.row, row_of(str(number), 8))
