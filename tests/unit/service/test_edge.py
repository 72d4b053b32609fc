"""The edge answers whatever happens inside, and ends what nobody waits for."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import orjson
import pytest
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.types import Message, Receive, Scope, Send

from service.bodies import Bodies
from service.edge import Edge
from service.gate import Gate
from service.metrics import Metrics
from service.settings import Settings
from tests.pace import PACE

SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "headers": []}


class Caller:
    """A client at the end of an ASGI connection; ``leaves`` says when it hangs up."""

    def __init__(self, body: bytes = b"{}", *, whole: bool = True) -> None:
        self.coming: list[Message] = [
            {"type": "http.request", "body": body, "more_body": not whole}
        ]
        self.leaves = asyncio.Event()
        self.sent: list[Message] = []
        if not whole:
            self.leaves.set()

    async def receive(self) -> Message:
        if self.coming:
            return self.coming.pop()
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


class App:
    """An application that answers when it is let, and notes how it ended."""

    def __init__(self) -> None:
        self.started, self.let = asyncio.Event(), asyncio.Event()
        self.ended = "not begun"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.started.set()
        self.ended = "cancelled"
        await self.let.wait()
        self.ended = "answered"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})


def served(
    app: Any, caller: Caller, deadline: bytes | None = None, seconds: float = 60
) -> Coroutine[Any, Any, None]:
    """The edge around the application, serving the caller's one request."""
    metrics = Metrics()
    edge = Edge(
        app,
        bodies=Bodies(Settings(body_bytes_max=1024, request_seconds_max=seconds), metrics),
        gate=Gate(None, None),
        metrics=metrics,
    )
    scope = SCOPE | {"headers": [] if deadline is None else [(b"x-deadline-ms", deadline)]}
    return edge(scope, caller.receive, caller.send)


def test_an_answer_goes_through_with_its_headers() -> None:
    async def scene() -> None:
        app, caller = App(), Caller()
        app.let.set()
        await served(app, caller)
        start, body = caller.sent
        assert (start["status"], body["body"]) == (200, b"ok")
        assert {name for name, _ in start["headers"]} == {b"x-request-id", b"server-timing"}

    asyncio.run(scene())


def test_a_caller_who_leaves_ends_the_work() -> None:
    async def scene() -> None:
        app, caller = App(), Caller()
        request = asyncio.create_task(served(app, caller))
        await app.started.wait()
        caller.leaves.set()
        await request
        assert (app.ended, caller.sent) == ("cancelled", [])

    asyncio.run(scene())


@pytest.mark.parametrize(("deadline", "seconds"), [(b"20", 60), (None, 0.02), (b"60000", 0.02)])
def test_an_answer_that_comes_too_late_is_given_up(deadline: bytes | None, seconds: float) -> None:
    async def scene() -> None:
        app, caller = App(), Caller()
        await asyncio.wait_for(served(app, caller, deadline, seconds), 5 * PACE)
        start, body = caller.sent
        error = orjson.loads(body["body"])["error"]
        assert (start["status"], error["code"]) == (504, "deadline_exceeded")
        assert app.ended == "cancelled"

    asyncio.run(scene())


@pytest.mark.parametrize("deadline", [b"", b"0", b"-1", b"1.5", b"soon", b"\xb2", b"9" * 5000])
def test_a_deadline_that_is_none_is_refused(deadline: bytes) -> None:
    async def scene() -> None:
        app, caller = App(), Caller()
        app.let.set()
        await served(app, caller, deadline)
        start, body = caller.sent
        if deadline.startswith(b"9"):  # beyond what the service waits: the service's own counts
            assert start["status"] == 200
            return
        error = orjson.loads(body["body"])["error"]
        assert (start["status"], error["param"]) == (422, "x-deadline-ms")
        assert len(error["message"]) < 200

    asyncio.run(scene())


def test_a_body_that_breaks_off_is_not_worked_on() -> None:
    async def scene() -> None:
        app, caller = App(), Caller(b'{"half', whole=False)
        await served(app, caller)
        assert (app.ended, caller.sent) == ("not begun", [])

    asyncio.run(scene())


def test_a_fault_inside_is_answered_in_the_one_shape_and_tells_nothing() -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    async def scene() -> None:
        caller = Caller()
        await served(broken, caller)
        start, body = caller.sent
        error = orjson.loads(body["body"])["error"]
        assert (start["status"], error["code"]) == (500, "internal")
        assert "secret" not in error["message"]

    asyncio.run(scene())


def test_a_request_that_is_cut_at_a_stop_is_told_so_at_once() -> None:
    async def scene() -> None:
        app, caller = App(), Caller()
        request = asyncio.create_task(served(app, caller))
        await app.started.wait()
        request.cancel()
        await asyncio.sleep(0)  # one turn is what a loop that ends has left
        start, body = caller.sent
        error = orjson.loads(body["body"])["error"]
        assert (start["status"], error["code"]) == (503, "draining")
        assert (b"retry-after", b"5") in start["headers"]
        with pytest.raises(asyncio.CancelledError):
            await request
        assert app.ended == "cancelled"

    asyncio.run(scene())


def test_a_thread_under_way_keeps_its_place_when_the_caller_leaves() -> None:
    """Else callers who leave could start threads without end."""
    go_on = threading.Event()

    async def scene() -> None:
        limiter = CapacityLimiter(1)
        started = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            loop.call_soon_threadsafe(started.set)
            go_on.wait(10 * PACE)

        async def app(*_: object) -> None:
            await run_sync(work, limiter=limiter)
            await asyncio.sleep(0)
            raise AssertionError("it goes no further")

        caller = Caller()
        request = asyncio.create_task(served(app, caller))
        await started.wait()
        caller.leaves.set()
        await asyncio.sleep(0.05)
        assert (limiter.borrowed_tokens, request.done()) == (1, False)
        go_on.set()
        await request
        assert (limiter.borrowed_tokens, caller.sent) == (0, [])

    asyncio.run(scene())
