"""An item alone gets all threads; a queue gets passes of one thread, side by side."""

import asyncio
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from service.call import Embedded
from service.errors import LaneDead
from service.lane import Lane
from tests.builders import until
from tests.fakes import FakeEncoder, row_of
from tests.fault.test_lane import embed, lane_of


class TwoDoors(FakeEncoder):
    """Counts who is inside, through the door of all threads and through that of one thread."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow = 0, 0
        self.wide_batches: list[list[str]] = []
        self.most, self.beside_wide = 0, False
        self.opened = threading.Event()
        self.refuses, self.opens_in = False, 0.0
        self._lock = threading.Lock()

    def run(self, feeds: list[str]) -> NDArray[np.float32]:
        self.wide_batches.append(feeds)
        with self._lock:
            self.wide += 1
            self.beside_wide |= self.wide > 1 or self.narrow > 0
        rows = super().run(feeds)
        with self._lock:
            self.wide -= 1
        return rows

    def on_one_thread(self) -> Callable[[list[str]], NDArray[np.float32]]:
        self.opened.set()
        time.sleep(self.opens_in)
        if self.refuses:
            raise MemoryError

        def run(feeds: list[str]) -> NDArray[np.float32]:
            with self._lock:
                self.narrow += 1
                self.most = max(self.most, self.narrow)
                self.beside_wide |= self.wide > 0
            try:
                return FakeEncoder.run(self, feeds)
            finally:
                with self._lock:
                    self.narrow -= 1

        return run


async def warm(lane: Lane, encoder: TwoDoors) -> None:
    """Let a queue stand once, so that the encoder is opened beside itself."""
    await embed(lane, *(f"text {at}" for at in range(40)))
    if not encoder.refuses:
        await until(lambda: lane._runners._turns.narrow)


def test_a_queue_gets_passes_side_by_side_and_each_its_share() -> None:
    encoder = TwoDoors()

    async def scene(lane: Lane) -> None:
        await embed(lane, "alone")
        assert not encoder.opened.is_set(), "an item alone needs no second session"
        await warm(lane, encoder)
        encoder.batches.clear()
        encoder.gate.clear()
        call = embed(lane, *(f"text {at}" for at in range(6)))
        await until(lambda: encoder.narrow == 2)
        encoder.gate.set()
        outcomes = (await call).outcomes
        assert [len(batch) for batch in encoder.batches] == [3, 3]
        for at, outcome in enumerate(outcomes):
            assert isinstance(outcome, Embedded)
            np.testing.assert_array_equal(outcome.row, row_of(f"text {at}", 8))
        encoder.wide_batches.clear()
        await embed(lane, "alone again")
        assert encoder.wide_batches == [["alone again"]]

    with lane_of(encoder, threads=2) as lane:
        asyncio.run(scene(lane))
    assert encoder.most == 2
    assert not encoder.beside_wide


def test_many_callers_never_meet_a_pass_of_all_threads() -> None:
    encoder = TwoDoors()

    async def caller(lane: Lane, number: int) -> None:
        for turn in range(30):
            texts = [f"text {number} {turn} {at}" for at in range(1 + (number + turn) % 5)]
            outcomes = (await embed(lane, *texts)).outcomes
            for text, outcome in zip(texts, outcomes, strict=True):
                assert isinstance(outcome, Embedded)
                np.testing.assert_array_equal(outcome.row, row_of(text, 8))

    async def scene(lane: Lane) -> None:
        await asyncio.gather(*(caller(lane, number) for number in range(8)))
        assert lane.idle

    with lane_of(encoder, threads=3) as lane:
        asyncio.run(scene(lane))
    assert 1 < encoder.most <= 3
    assert not encoder.beside_wide


def test_a_runner_that_dies_beside_another_fails_only_its_own() -> None:
    encoder = TwoDoors()

    async def scene(lane: Lane) -> None:
        await warm(lane, encoder)
        for _ in range(3):
            encoder.gate.clear()
            doomed, beside = embed(lane, "deadly"), embed(lane, "beside it", "and this")
            await until(lambda: encoder.narrow + encoder.wide > 0)
            encoder.gate.set()
            assert isinstance((await doomed).outcomes[0], LaneDead)
            for outcome in (await beside).outcomes:
                assert isinstance(outcome, Embedded | LaneDead)
            await until(lambda: lane.alive and not lane._runners._crew._resting)
            assert isinstance((await embed(lane, "after")).outcomes[0], Embedded)

    with lane_of(encoder, threads=2) as lane:
        asyncio.run(scene(lane))


def test_a_lane_ends_only_when_nothing_is_being_opened() -> None:
    encoder = TwoDoors()
    encoder.opens_in = 0.3

    async def scene(lane: Lane) -> None:
        await embed(lane, *(f"text {at}" for at in range(40)))
        await until(encoder.opened.is_set)

    with lane_of(encoder, threads=2) as lane:
        asyncio.run(scene(lane))
        lane.close()
        assert lane._runners._turns.narrow


@pytest.mark.parametrize("passes", [0, 1])
def test_what_cannot_be_opened_beside_itself_goes_one_by_one(passes: int) -> None:
    encoder = TwoDoors()
    encoder.refuses = True

    async def scene(lane: Lane) -> None:
        await warm(lane, encoder)
        for outcome in (await embed(lane, *(f"more {at}" for at in range(40)))).outcomes:
            assert isinstance(outcome, Embedded)

    with lane_of(encoder, threads=2, passes=passes) as lane:
        asyncio.run(scene(lane))
    assert encoder.most == 0
    assert encoder.opened.is_set() == (passes == 0)
    assert not encoder.beside_wide
