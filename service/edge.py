"""Around every request: its id, its key, its bounded body, its time, its last-resort answer."""

import asyncio
import logging
from collections.abc import Awaitable
from time import monotonic
from uuid import uuid4

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.allowance import Allowance
from service.asking import Asking
from service.errors import BodyTooLarge, DeadlineExceeded, Draining, RequestInvalid
from service.gate import Gate, nothing
from service.keys import Keys
from service.metrics import Metrics
from service.problems import row_of
from service.replies import refuse_error

log = logging.getLogger("semblance.access")
CLIENT_GONE = 499  # as proxies count a request whose caller left; nobody is sent it


class ClientGone(Exception):
    """The caller closed the connection before it had its answer."""


class Edge:
    """The outermost middleware, pure ASGI.

    Args:
        body_bytes_max: bytes of a body; more are refused before they are read whole.
        request_seconds_max: seconds that any request may take.
        keys: who may call; None lets everybody, which the service allows on loopback only.
        allowance: how often each key may; None is any number.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        body_bytes_max: int,
        request_seconds_max: float,
        keys: Keys | None,
        metrics: Metrics,
        allowance: Allowance | None = None,
    ) -> None:
        self._app = app
        self._body_bytes_max = body_bytes_max
        self._request_seconds_max = request_seconds_max
        self._gate = Gate(keys, allowance)
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing that happens inside leaves it unanswered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = monotonic()
        headers = Headers(scope=scope)
        request_id = clean_id(headers.get("x-request-id"))
        asking = Asking()
        scope.setdefault("state", {}).update(request_id=request_id, asking=asking)
        status = 0
        leave = nothing

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                asking.timings.add("total", monotonic() - started)
                out["server-timing"] = asking.timings.header()
            await send(message)

        try:
            leave = await self._gate.enter(scope["path"], headers.get("authorization", ""), asking)
            asking.deadline = started + self._patience(headers)
            body = await self._read(headers, receive)
            await unless_gone(
                self._app(scope, replay(body, receive), sending),
                receive,
                seconds=asking.deadline - monotonic(),
            )
        except ClientGone:
            status = status or CLIENT_GONE
        except asyncio.CancelledError:  # the time that open requests get at a stop is over
            if not status:
                stopping = Draining("the service is stopping; send it again in a moment")
                await refuse_error(stopping, request_id=request_id)(scope, receive, sending)
            raise
        except Exception as error:
            if (row := row_of(error)).kind == "overloaded":
                self._metrics.refused(row.code)
            if status:
                log.exception("request %s failed while its reply was being sent", request_id)
                raise
            await refuse_error(error, request_id=request_id)(scope, receive, sending)
        finally:
            leave()
            self._record(scope, status, monotonic() - started, request_id, asking)

    def _patience(self, headers: Headers) -> float:
        """Tell how many seconds the answer may take: the caller's word, within the service's."""
        asked = headers.get("x-deadline-ms")
        if asked is None:
            return self._request_seconds_max
        if not (asked.isascii() and asked.isdigit() and int(asked[:18])):
            raise RequestInvalid(
                f"x-deadline-ms is {asked[:40]!r}; send the milliseconds that you wait, as a "
                "whole number above 0",
                param="x-deadline-ms",
            )
        return min(self._request_seconds_max, int(asked[:18]) / 1000)

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self._body_bytes_max:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size > self._body_bytes_max:
                raise self._too_large()
            parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the body has more than {self._body_bytes_max} bytes; send less in one call "
            "or raise SEMBLANCE_BODY_BYTES_MAX"
        )

    def _record(
        self, scope: Scope, status: int, seconds: float, request_id: str, asking: Asking
    ) -> None:
        route = getattr(scope.get("route"), "path", "unrouted")
        self._metrics.request(scope["method"], route, status, seconds)
        for stage, spent in asking.timings.seconds.items():
            if stage != "total":
                self._metrics.stage(stage, spent)
        fields = {"method": scope["method"], "path": scope["path"], "status": status}
        fields |= {"seconds": round(seconds, 6), "request_id": request_id}
        fields["key"] = asking.caller
        log.info("request", extra={"fields": fields})


async def unless_gone(work: Awaitable[None], receive: Receive, *, seconds: float) -> None:
    """Do the work of a request whose body has been read; end it when the caller goes, or in time.

    It ends at its next wait for anything but a thread: a thread cannot be ended, and one that
    nobody waited for would leave its place among the few to the next.

    Raises:
        ClientGone: the caller went first.
        DeadlineExceeded: the time was over first.
    """
    scope = anyio.CancelScope(deadline=anyio.current_time() + seconds)
    gone = False

    async def watch() -> None:
        # After the body, the next thing to be received is that the caller has gone.
        nonlocal gone
        while (await receive())["type"] != "http.disconnect":
            pass
        gone = True
        scope.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        with scope:
            await work
    finally:
        watching.cancel()
    if scope.cancelled_caught:
        if gone:
            raise ClientGone
        raise DeadlineExceeded(
            "the request's deadline passed before its answer was ready: wait longer "
            "(x-deadline-ms), or ask less at once"
        )


def replay(body: bytes, receive: Receive) -> Receive:
    """Give the application a body that has been read already, then what comes after it."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def clean_id(given: str | None) -> str:
    """Keep a caller's request id when it is short and printable, else make one.

    >>> clean_id("abc-1")
    'abc-1'
    """
    if given and len(given) <= 128 and given.isascii() and given.isprintable():
        return given
    return uuid4().hex
