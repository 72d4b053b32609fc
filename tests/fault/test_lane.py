"""A failing item fails alone; a dying lane answers all; a full queue says when to come back."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.modality import Item
from service.errors import EncodeFailed, LaneDead, Overloaded
from service.lane import Embedded, Lane
from service.metrics import Metrics
from tests.builders import calling, running
from tests.fakes import FakeEncoder, row_of


def lane_of(encoder: FakeEncoder, queue_seconds_max: float = 30.0) -> Lane:
    return Lane(
        encoder,
        Metrics(),
        batch_items_max=8,
        batch_cost_max=1000,
        pass_cost=1000,
        queue_seconds_max=queue_seconds_max,
    )


async def until(true: Callable[[], bool]) -> None:
    """Wait for another thread, for five seconds at most."""
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0.001)


def holding(lane: Lane, encoder: FakeEncoder) -> Callable[[], bool]:
    """Tell whether the lane's thread is inside a forward pass that the gate holds back."""
    return lambda: encoder.inside and not len(lane._batcher)


def items(*texts: str) -> list[Item]:
    return [Item("text", text) for text in texts]


@pytest.mark.parametrize("position", range(8))
@pytest.mark.parametrize("bad", ["poison", "nan"])
def test_one_bad_item_fails_alone_wherever_it_stands(position: int, bad: str) -> None:
    texts = [f"word {at}" for at in range(8)]
    texts[position] = f"{bad} {position}"
    lane = lane_of(FakeEncoder())
    call = asyncio.run(lane.embed(items(*texts)))
    for at, (text, outcome) in enumerate(zip(texts, call.outcomes, strict=True)):
        if at == position:
            assert isinstance(outcome, EncodeFailed)
        else:
            assert isinstance(outcome, Embedded)
            np.testing.assert_array_equal(outcome.row, row_of(text, 8))
    lane.close()


def test_an_undecodable_item_fails_alone_and_in_place() -> None:
    lane = lane_of(FakeEncoder())
    call = asyncio.run(lane.embed(items("a", " ", "b")))
    assert [type(outcome).__name__ for outcome in call.outcomes] == [
        "Embedded", "ItemEmpty", "Embedded",
    ]  # fmt: skip
    lane.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_lane_answers_those_who_wait_and_those_who_come() -> None:
    encoder = FakeEncoder()
    lane = lane_of(encoder)

    async def scene() -> None:
        encoder.gate.clear()
        first = asyncio.create_task(lane.embed(items("deadly")))
        await until(holding(lane, encoder))
        second = asyncio.create_task(lane.embed(items("behind", "it")))
        await until(lambda: len(lane._batcher) == 2)
        encoder.gate.set()
        for task in (first, second):
            call = await asyncio.wait_for(task, 5)
            assert all(isinstance(outcome, LaneDead) for outcome in call.outcomes)
        assert not lane.alive
        with pytest.raises(LaneDead):
            await lane.embed(items("late"))

    asyncio.run(scene())
    lane.close()


def test_a_dead_lane_shows_in_readiness(tmp_path: Path) -> None:
    async def scene() -> None:
        with running(tmp_path) as parts:
            async with calling(parts) as client:
                assert (await client.get("/readyz")).status_code == 200
                parts.embedder.lanes["fake"].close()
                parts.embedder.lanes["fake"]._thread.join()
                reply = await client.get("/readyz")
                assert (reply.status_code, reply.json()["encoders"]) == (503, {"fake": False})
                assert (await client.get("/livez")).status_code == 200

    asyncio.run(scene())


def test_callers_share_batches() -> None:
    encoder = FakeEncoder()
    lane = lane_of(encoder)

    async def scene() -> None:
        encoder.gate.clear()
        tasks = [asyncio.create_task(lane.embed(items("holds the thread")))]
        await until(holding(lane, encoder))
        tasks += [asyncio.create_task(lane.embed(items(f"text {n}"))) for n in range(8)]
        await until(lambda: len(lane._batcher) == 8)
        encoder.gate.set()
        await asyncio.gather(*tasks)

    asyncio.run(scene())
    assert list(map(len, encoder.batches)) == [1, 8]
    lane.close()


def test_a_full_queue_refuses_and_says_when() -> None:
    encoder = FakeEncoder()
    lane = lane_of(encoder, queue_seconds_max=1e-9)

    async def scene() -> None:
        await lane.embed(items("measures the rate"))
        encoder.gate.clear()
        waiting = [asyncio.create_task(lane.embed(items("a b c")))]
        await until(holding(lane, encoder))
        waiting += [asyncio.create_task(lane.embed(items("a b c")))]
        await until(lambda: len(lane._batcher) == 1)
        with pytest.raises(Overloaded) as caught:
            await lane.embed(items("one too many"))
        assert caught.value.retry_after_seconds > 0
        encoder.gate.set()
        await asyncio.gather(*waiting)

    asyncio.run(scene())
    lane.close()


def test_a_caller_who_leaves_takes_its_work_along() -> None:
    encoder = FakeEncoder()
    lane = lane_of(encoder)

    async def scene() -> None:
        encoder.gate.clear()
        first = asyncio.create_task(lane.embed(items("holds the thread")))
        await until(holding(lane, encoder))
        gone = asyncio.create_task(lane.embed(items("never embedded")))
        await until(lambda: len(lane._batcher) == 1)
        gone.cancel()
        await asyncio.sleep(0)
        encoder.gate.set()
        await first
        with pytest.raises(asyncio.CancelledError):
            await gone
        await lane.embed(items("after"))

    asyncio.run(scene())
    assert not any("never embedded" in batch for batch in encoder.batches)
    lane.close()
