"""A failing item fails alone; a dead thread is replaced; a full queue says when to come back."""

import asyncio
import gc
import math
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.modality import Item
from service.asking import Asking
from service.batching import Batching
from service.call import Call, Embedded
from service.errors import (
    CallTooLarge,
    DeadlineExceeded,
    EncodeFailed,
    LaneDead,
    Overloaded,
    OverShare,
)
from service.lane import Lane
from service.metrics import Metrics
from service.settings import Settings
from tests.builders import calling, running, until
from tests.fakes import FakeEncoder, row_of
from tests.pace import PACE


@contextmanager
def lane_of(
    encoder: FakeEncoder, *, rate: float = 1e5, threads: int = 1, **settings: Any
) -> Iterator[Lane]:
    made = Settings(**{"batch_items_max": 8, "pass_cost": 1000, **settings})
    batching = Batching.of(made, on_gpu=False, threads=threads)
    lane = Lane(encoder, Metrics(), made, rate=rate, batching=batching)
    try:
        yield lane
    finally:
        encoder.gate.set()
        lane.close()


def embed(lane: Lane, *texts: str, **asked: Any) -> Awaitable[Call]:
    asking = Asking(asked.pop("caller", "anyone"), deadline=asked.pop("deadline", math.inf))
    items = [Item("text", text) for text in texts]
    return asyncio.ensure_future(lane.embed(items, asking=asking, **asked))


def holding(lane: Lane, encoder: FakeEncoder) -> Callable[[], bool]:
    """Tell whether a runner is inside a forward pass that the gate holds back."""
    return lambda: encoder.inside and not len(lane._runners._batcher)


def waiting(lane: Lane, items: int) -> Callable[[], bool]:
    return lambda: len(lane._runners._batcher) == items


@pytest.mark.parametrize("position", range(8))
@pytest.mark.parametrize("bad", ["poison", "nan"])
def test_one_bad_item_fails_alone_wherever_it_stands(position: int, bad: str) -> None:
    texts = [f"word {at}" for at in range(8)]
    texts[position] = f"{bad} {position}"

    async def scene(lane: Lane) -> Call:
        return await embed(lane, *texts)

    with lane_of(FakeEncoder()) as lane:
        call = asyncio.run(scene(lane))
    for at, (text, outcome) in enumerate(zip(texts, call.outcomes, strict=True)):
        if at == position:
            assert isinstance(outcome, EncodeFailed)
        else:
            assert isinstance(outcome, Embedded)
            np.testing.assert_array_equal(outcome.row, row_of(text, 8))


def test_an_undecodable_item_fails_alone_and_in_place() -> None:
    async def scene(lane: Lane) -> Call:
        return await embed(lane, "a", " ", "b")

    with lane_of(FakeEncoder()) as lane:
        call = asyncio.run(scene(lane))
    assert [type(outcome).__name__ for outcome in call.outcomes] == [
        "Embedded", "ItemEmpty", "Embedded",
    ]  # fmt: skip


def test_what_breaks_the_decoder_fails_alone_too() -> None:
    async def scene(lane: Lane) -> Call:
        return await embed(lane, "a", "undecodable", "b")

    with lane_of(FakeEncoder()) as lane:
        call = asyncio.run(scene(lane))
    assert [type(outcome).__name__ for outcome in call.outcomes] == [
        "Embedded", "EncodeFailed", "Embedded",
    ]  # fmt: skip


def test_a_dead_thread_fails_its_waiters_and_is_replaced() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        for _ in range(3):
            encoder.gate.clear()
            doomed = embed(lane, "deadly")
            await until(holding(lane, encoder))
            behind = embed(lane, "behind", "it")
            await until(waiting(lane, 2))
            encoder.gate.set()
            call = await asyncio.wait_for(doomed, 5 * PACE)
            assert isinstance(call.outcomes[0], LaneDead)
            call = await asyncio.wait_for(behind, 5 * PACE)
            assert all(isinstance(outcome, Embedded) for outcome in call.outcomes)
        await until(lambda: len(lane._runners._crew._threads) == 2)
        call = await embed(lane, "afterwards")
        assert isinstance(call.outcomes[0], Embedded)

    with lane_of(encoder) as lane:
        asyncio.run(scene(lane))


def test_a_runner_that_dies_of_the_queue_fails_what_waits_and_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene(lane: Lane) -> None:
        def broken() -> list[Any]:
            raise SystemExit

        with monkeypatch.context() as patched:
            patched.setattr(lane._runners._batcher, "take", broken)
            call = await asyncio.wait_for(embed(lane, "lost"), 5 * PACE)
            assert isinstance(call.outcomes[0], LaneDead)
        call = await asyncio.wait_for(embed(lane, "found"), 5 * PACE)
        assert isinstance(call.outcomes[0], Embedded)

    with lane_of(FakeEncoder()) as lane:
        asyncio.run(scene(lane))


@pytest.mark.parametrize("place", ["batch", "queue", "dropped"])
def test_a_runner_that_dies_of_the_series_leaves_nobody_without_an_answer(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever raises where nothing should: every caller is answered, and the lane goes on."""

    async def scene(lane: Lane) -> None:
        def broken(*_: Any, **__: Any) -> None:
            monkeypatch.undo()
            raise SystemExit

        monkeypatch.setattr(lane._metrics, place, broken)
        calls = [embed(lane, f"text {n}") for n in range(4)]
        for call in await asyncio.wait_for(
            asyncio.gather(*calls, return_exceptions=True), 5 * PACE
        ):
            assert isinstance(call, Call | EncodeFailed)
        call = await asyncio.wait_for(embed(lane, "afterwards"), 5 * PACE)
        assert isinstance(call.outcomes[0], Embedded)

    with lane_of(FakeEncoder()) as lane:
        asyncio.run(scene(lane))


def test_a_decoder_that_breaks_down_ends_its_call_and_no_other() -> None:
    async def scene(lane: Lane) -> None:
        with pytest.raises(EncodeFailed):
            await asyncio.wait_for(embed(lane, "a", "panic"), 5 * PACE)
        call = await asyncio.wait_for(embed(lane, "afterwards"), 5 * PACE)
        assert isinstance(call.outcomes[0], Embedded)
        assert lane.idle

    with lane_of(FakeEncoder()) as lane:
        asyncio.run(scene(lane))


def test_a_thread_that_cannot_be_started_is_started_when_there_is_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", none_left)
        batching = Batching.of(Settings(), on_gpu=False)
        lane = Lane(FakeEncoder(), Metrics(), Settings(), batching=batching)
        assert not lane.alive

    async def scene() -> None:
        call = await asyncio.wait_for(embed(lane, "now there is"), 5 * PACE)
        assert isinstance(call.outcomes[0], Embedded)

    asyncio.run(scene())
    lane.close()


def test_callers_who_leave_beside_others_take_only_themselves_along() -> None:
    """Two calls of the same size, both half embedded, in one batch with one who has gone."""
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        held = embed(lane, "holds the session")
        await until(holding(lane, encoder))
        calls = [embed(lane, "one", "two words", f"and three {n}") for n in range(2)]
        gone = embed(lane, "one")
        await until(waiting(lane, 7))
        assert isinstance(gone, asyncio.Future)
        gone.cancel()
        encoder.gate.set()
        for call in await asyncio.wait_for(asyncio.gather(held, *calls), 5 * PACE):
            assert all(isinstance(outcome, Embedded) for outcome in call.outcomes)
        assert not lane._runners._crew._deaths
        for series in ("queue_cost", "queue_seconds", "interactive_queue_seconds"):
            assert f'semblance_{series}{{model="fake"}} 0.0' in lane._metrics.text().decode()

    with lane_of(encoder, pass_cost=0) as lane:
        asyncio.run(scene(lane))


def test_long_decoding_of_one_call_does_not_hold_up_another() -> None:
    encoder = FakeEncoder()
    encoder.decode_seconds = 0.002

    async def scene(lane: Lane) -> None:
        bulk = [embed(lane, *["a bulk text"] * 1000, bulk=True) for _ in range(2)]
        await asyncio.sleep(0.1)
        started = time.monotonic()
        await embed(lane, "asked beside it")
        assert time.monotonic() - started < 0.5 * PACE
        await asyncio.gather(*bulk)

    with lane_of(encoder) as lane:
        asyncio.run(scene(lane))


def test_what_was_answered_is_not_kept() -> None:
    async def scene(lane: Lane) -> None:
        for n in range(200):
            await embed(lane, f"text {n}", deadline=time.monotonic() + 300)

    before = calls_kept()
    with lane_of(FakeEncoder()) as lane:
        asyncio.run(scene(lane))
        assert calls_kept() - before < 50


def calls_kept() -> int:
    gc.collect()
    return sum(type(one) is Call for one in gc.get_objects())


def test_readiness_tells_of_a_lane_that_has_died(tmp_path: Path) -> None:
    async def scene() -> None:
        encoder = FakeEncoder()
        with running(tmp_path, [encoder]) as parts:
            lane = parts.embedder.shelf.models["fake"].lane
            assert lane is not None
            async with calling(parts) as client:
                assert (await client.get("/readyz")).status_code == 200
                await embed(lane, "deadly")
                encoder.fails = True  # it is replaced, and cannot embed
                reply = await client.get("/readyz")
                assert (reply.status_code, reply.json()["encoders"]) == (503, {"fake": False})
                encoder.fails = False
                assert (await client.get("/readyz")).status_code == 200
                assert "semblance_lane_restarts_total" in (await client.get("/metrics")).text
                lane.close()
                reply = await client.get("/readyz")
                assert (reply.status_code, reply.json()["encoders"]) == (503, {"fake": False})
                assert (await client.get("/livez")).status_code == 200

    asyncio.run(scene())


def test_callers_share_batches() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        calls = [embed(lane, "holds the session")]
        await until(holding(lane, encoder))
        calls += [embed(lane, f"text {n}") for n in range(7)]
        await until(waiting(lane, 7))
        encoder.gate.set()
        await asyncio.gather(*calls)

    with lane_of(encoder) as lane:
        asyncio.run(scene(lane))
    assert list(map(len, encoder.batches)) == [1, 7]


def test_exactly_one_whole_batch_is_prepared_ahead() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        calls = [embed(lane, "holds the session")]
        await until(holding(lane, encoder))
        calls += [embed(lane, f"text {n}") for n in range(20)]
        await until(
            lambda: lane._runners._batcher._orders == 21 and len(lane._runners._in_hand) == 2
        )
        await asyncio.sleep(0.05)
        assert len(lane._runners._batcher) == 12, "a second batch was prepared"
        encoder.gate.set()
        await asyncio.gather(*calls)

    with lane_of(encoder) as lane:
        asyncio.run(scene(lane))
    assert list(map(len, encoder.batches)) == [1, 8, 8, 4]


def test_interactive_goes_before_bulk_and_bulk_is_not_starved() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        calls = [embed(lane, "holds the session")]
        await until(holding(lane, encoder))
        calls += [embed(lane, "bulk", bulk=True)]
        await until(waiting(lane, 1))
        calls += [embed(lane, "asked at once")]
        await until(waiting(lane, 2))
        await asyncio.sleep(0.1)
        calls += [embed(lane, "asked so very much later")]
        await until(waiting(lane, 3))
        encoder.gate.set()
        await asyncio.gather(*calls)

    with lane_of(encoder, pass_cost=0, bulk_handicap_seconds=0.05) as lane:
        asyncio.run(scene(lane))
    order = [batch[0] for batch in encoder.batches]
    assert order == ["holds the session", "asked at once", "bulk", "asked so very much later"]


def test_a_full_queue_refuses_and_says_when() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        calls = [embed(lane, *["one two three four"] * 4)]  # 1.6 s of work
        await until(lambda: encoder.inside)
        with pytest.raises(Overloaded) as caught:
            await embed(lane, "one too many")
        assert not isinstance(caught.value, OverShare)
        assert caught.value.retry_after_seconds == pytest.approx(1.1)
        with pytest.raises(Overloaded):
            await embed(lane, *["a batch is refused by the same rule"] * 3)
        encoder.gate.set()
        await asyncio.gather(*calls)
        await embed(lane, *["whatever it brings itself"] * 100)
        assert lane.idle

    with lane_of(encoder, rate=10, queue_seconds_max=1.0) as lane:
        asyncio.run(scene(lane))


def test_bulk_does_not_fill_the_queue_of_the_others() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        calls = [embed(lane, *["one two three four"] * 4, bulk=True)]
        await until(lambda: encoder.inside)
        with pytest.raises(Overloaded):
            await embed(lane, "as bulk", bulk=True)
        calls += [embed(lane, "as one who waits")]
        encoder.gate.set()
        await asyncio.gather(*calls)

    with lane_of(encoder, rate=10, bulk_queue_seconds_max=1.0) as lane:
        asyncio.run(scene(lane))


def test_a_caller_over_its_share_is_refused_and_others_are_not() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        calls = [embed(lane, *["one two three"] * 2, caller="greedy")]  # 0.6 s
        await until(lambda: encoder.inside)
        with pytest.raises(OverShare):
            await embed(lane, "more", caller="greedy")
        calls += [embed(lane, "a word", caller="modest")]
        encoder.gate.set()
        await asyncio.gather(*calls)

    with lane_of(encoder, rate=10, queue_seconds_max=1.0, caller_share=0.5) as lane:
        asyncio.run(scene(lane))


def test_a_deadline_that_cannot_be_met_is_refused_and_one_that_passed_is_dropped() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        held = embed(lane, "holds the session")
        await until(holding(lane, encoder))
        with pytest.raises(DeadlineExceeded):
            await embed(lane, "in time?", deadline=time.monotonic())
        late = embed(lane, "too late", deadline=time.monotonic() + 0.05)
        await until(waiting(lane, 1))
        await asyncio.sleep(0.06)
        encoder.gate.set()
        call = await asyncio.wait_for(late, 5 * PACE)
        assert isinstance(call.outcomes[0], DeadlineExceeded)
        await held

    with lane_of(encoder) as lane:
        asyncio.run(scene(lane))
    assert not any("too late" in batch for batch in encoder.batches)


def test_a_call_that_costs_too_much_is_refused_whole() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        with pytest.raises(CallTooLarge):
            await embed(lane, *["one two three"] * 4)
        assert lane.idle
        await embed(lane, *["one two three"] * 3)

    with lane_of(encoder, call_cost_max=10) as lane:
        asyncio.run(scene(lane))


def test_a_caller_who_leaves_takes_its_work_along() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        first = embed(lane, "holds the session")
        await until(holding(lane, encoder))
        prepared = embed(lane, *["in the batch that is prepared"] * 8)
        await until(lambda: len(lane._runners._in_hand) == 2)
        queued = embed(lane, "never embedded")
        await until(waiting(lane, 1))
        for gone in (prepared, queued):
            assert isinstance(gone, asyncio.Future)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
        encoder.gate.set()
        await first
        await embed(lane, "after")
        assert lane.idle
        assert b'semblance_dropped_total{model="fake",reason="gone"} 9.0' in lane._metrics.text()

    with lane_of(encoder) as lane:
        asyncio.run(scene(lane))
    assert encoder.batches == [["holds the session"], ["after"]]


def test_a_lane_that_closes_finishes_what_it_has() -> None:
    encoder = FakeEncoder()

    async def scene(lane: Lane) -> None:
        encoder.gate.clear()
        calls = [embed(lane, f"text {n}") for n in range(30)]
        await until(lambda: encoder.inside)
        closing = asyncio.get_running_loop().run_in_executor(None, lane.close)
        await until(lambda: lane._closing)
        with pytest.raises(LaneDead):
            await embed(lane, "too late")
        encoder.gate.set()
        for call in await asyncio.gather(*calls):
            assert isinstance(call.outcomes[0], Embedded)
        await closing

    with lane_of(encoder) as lane:
        asyncio.run(scene(lane))
