"""The command line's own way to the service: parts come as they are sent, failures as they are."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from service.in_process import PARTS_HELD, InProcess

START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}


def calling(app: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=InProcess(app), base_url="http://here")


def test_bodies_and_replies_go_through_in_parts() -> None:
    ahead = 0

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        nonlocal ahead
        assert (scope["method"], scope["path"], scope["query_string"]) == ("POST", "/a b", b"c=d")
        await send(START)
        while (message := await receive())["more_body"]:
            ahead += 1
            await send({"type": "http.response.body", "body": message["body"], "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})

    async def parts() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%d" % number

    async def scene() -> None:
        nonlocal ahead
        seen = []
        async with calling(echo) as http, http.stream("POST", "/a b?c=d", content=parts()) as reply:
            assert (reply.status_code, reply.headers["a"]) == (200, "b")
            async for part in reply.aiter_raw():
                ahead -= 1
                seen.append(part)
                assert ahead <= PARTS_HELD + 2
        assert seen == [*(b"%d" % number for number in range(100)), b"end"]

    asyncio.run(scene())


def test_a_reply_that_is_not_read_to_its_end_ends_the_request() -> None:
    ended = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(START)
            while True:
                await send({"type": "http.response.body", "body": b"x", "more_body": True})
        finally:
            ended.set()

    async def scene() -> None:
        async with calling(endless) as http, http.stream("GET", "/") as reply:
            async for part in reply.aiter_raw():
                assert part == b"x"
                break
        assert ended.is_set()

    asyncio.run(scene())


@pytest.mark.parametrize("sent", [[], [START]])
def test_what_the_application_dies_of_is_raised(sent: list[Any]) -> None:
    async def dying(scope: Any, receive: Any, send: Any) -> None:
        for message in sent:
            await send(message)
        raise LookupError("died")

    async def scene() -> None:
        async with calling(dying) as http:
            await http.get("/")

    with pytest.raises(LookupError, match="died"):
        asyncio.run(scene())


def test_a_wait_for_a_part_that_was_given_up_loses_no_part() -> None:
    """As `service.bodies.Coming` gives up, and comes again, when nothing came for too long."""

    async def patient(scope: Any, receive: Any, send: Any) -> None:
        heard, more, given_up = b"", True, 0
        while more:
            try:
                async with asyncio.timeout(0.01):
                    message = await receive()
            except TimeoutError:
                given_up += 1
                continue
            heard, more = heard + message["body"], message["more_body"]
        await send(START)
        await send({"type": "http.response.body", "body": b"%b %d" % (heard, bool(given_up))})

    async def parts() -> AsyncIterator[bytes]:
        for part in (b"one ", b"two ", b"three"):
            await asyncio.sleep(0.05)
            yield part

    async def scene() -> None:
        async with calling(patient) as http:
            reply = await http.post("/", content=parts())
        assert reply.content == b"one two three 1"

    asyncio.run(scene())
