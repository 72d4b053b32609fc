"""Bodies count by what has arrived, and are given back."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Message

from service.bodies import Bodies, Body, ClientGone
from service.errors import BodyTooLarge, BodyTooSlow, Overloaded
from service.metrics import Metrics
from service.settings import Settings
from tests.pace import PACE


def bodies(**settings: Any) -> tuple[Bodies, Callable[[], float | None]]:
    """Bodies of 1024 bytes, 2048 in all; and what the series says of them."""
    metrics = Metrics()
    limits = {"body_bytes_max": 1024, "bodies_bytes_max": 2048} | settings
    series = "semblance_bodies_bytes"
    return Bodies(Settings(**limits), metrics), lambda: metrics.registry.get_sample_value(series)


def coming(*parts: bytes, last: bool = True) -> Callable[[], Awaitable[Message]]:
    """Receive these parts; after them the end, or nothing ever."""
    messages = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    if last:
        messages[-1]["more_body"] = False

    async def receive() -> Message:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return receive


def read(body: Body, receive: Callable[[], Awaitable[Message]], declared: str = "") -> bytes:
    headers = Headers({"content-length": declared} if declared else {})
    return asyncio.run(body.read(headers, receive))


def test_a_body_is_whole_counted_and_given_back_once() -> None:
    room, held = bodies()
    body = room.one()
    assert read(body, coming(b"ab", b"", b"c")) == b"abc"
    assert (body.size, held()) == (3, 3)
    body.let_go()
    body.let_go()
    assert (body.size, held()) == (3, 0)


@pytest.mark.parametrize("declared", ["1025", "99999999999999999999"])
def test_too_large_a_length_is_refused_unread(declared: str) -> None:
    room, held = bodies()
    with pytest.raises(BodyTooLarge, match="SEMBLANCE_BODY_BYTES_MAX"):
        read(room.one(), coming(last=False), declared)
    assert held() == 0


def test_a_length_that_lies_is_found_by_counting() -> None:
    room, held = bodies()
    body = room.one()
    with pytest.raises(BodyTooLarge):
        read(body, coming(b"x" * 1000, b"x" * 25), "10")
    assert held() == 1000
    body.let_go()
    assert held() == 0


def test_one_that_finds_no_room_is_refused_and_others_keep_theirs() -> None:
    room, held = bodies()
    first, second, third = room.one(), room.one(), room.one()
    read(first, coming(b"x" * 1024))
    read(second, coming(b"x" * 1000))
    with pytest.raises(Overloaded, match="SEMBLANCE_BODIES_BYTES_MAX") as refused:
        read(third, coming(b"x" * 20, b"x" * 20))
    assert refused.value.retry_after_seconds > 0
    assert held() == 2044
    third.let_go()
    second.let_go()
    assert held() == 1024
    assert read(room.one(), coming(b"x" * 1024))


def test_a_slow_body_is_given_up() -> None:
    room, _ = bodies(body_seconds_max=0.01)
    with pytest.raises(BodyTooSlow, match="2 bytes did"):
        read(room.one(), coming(b"ab", last=False))


def test_a_body_that_breaks_off_is_none() -> None:
    async def gone() -> Message:
        return {"type": "http.disconnect"}

    room, _ = bodies()
    with pytest.raises(ClientGone):
        read(room.one(), gone)


def test_a_body_handed_on_is_counted_not_held_and_what_comes_behind_it_is_told() -> None:
    room, held = bodies()
    body = room.one()
    arriving = coming(b"ab", b"c")

    async def receive() -> Message:
        return await arriving() if body.size < 3 else {"type": "http.disconnect"}

    async def scene() -> None:
        taken, behind = await body.handed_on("/v1/galleries/g/restore", Headers({}), receive)
        watching = asyncio.ensure_future(behind())
        await asyncio.sleep(0)
        assert [(await taken())["body"] for _ in range(2)] == [b"ab", b"c"]
        assert (await asyncio.wait_for(watching, 5 * PACE))["type"] == "http.disconnect"
        assert (body.size, held()) == (3, 0)

    asyncio.run(scene())


@pytest.mark.parametrize("held_up", [True, False])
def test_what_came_while_the_loop_was_held_up_is_no_silence(held_up: bool) -> None:
    room, _ = bodies(idle_seconds_max=0.05)

    async def scene() -> bytes:
        came = asyncio.Event()

        async def receive() -> Message:
            await came.wait()
            return {"type": "http.request", "body": b"heard", "more_body": False}

        taken, _ = await room.one().handed_on("/v1/galleries/g/restore", Headers({}), receive)
        loop = asyncio.get_running_loop()
        loop.call_later(0.1 if held_up else 5, came.set)
        if held_up:
            loop.call_soon(time.sleep, 0.6)
        part: bytes = (await taken())["body"]
        return part

    if held_up:
        assert asyncio.run(scene()) == b"heard"
    else:
        with pytest.raises(BodyTooSlow, match="SEMBLANCE_IDLE_SECONDS_MAX"):
            asyncio.run(scene())


def test_who_breaks_off_a_body_handed_on_is_gone() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def scene() -> None:
        room, _ = bodies()
        taken, _ = await room.one().handed_on("/v1/galleries/g/restore", Headers({}), receive)
        await taken()

    with pytest.raises(ClientGone):
        asyncio.run(scene())
