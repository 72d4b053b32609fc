"""Around every request: its id, its key, its bounded body, its time, its last-resort answer."""

import asyncio
import logging
from collections.abc import Awaitable
from time import perf_counter
from uuid import uuid4

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.answered import Answered, answered
from service.asking import Asking
from service.bodies import Bodies, ClientGone
from service.errors import Draining, KeyRefused
from service.keys import Keys
from service.metrics import Metrics
from service.replies import refuse_error
from service.traces import Traces

log = logging.getLogger("semblance.access")
# Probes carry no key, nor does a browser that shows the pages of the surface.
OPEN_PATHS = ("/livez", "/readyz", "/docs", "/openapi.json")
OPEN_FOLDER = "/docs/"
CLIENT_GONE = 499  # as proxies count a request whose caller left; nobody is sent it


class Edge:
    """The outermost middleware, pure ASGI.

    Args:
        bodies: reads bodies, each and all of them bounded.
        keys: who may call; None lets everybody, which the service allows on loopback only.
        traces: where a span of each request goes; None makes none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        bodies: Bodies,
        keys: Keys | None,
        metrics: Metrics,
        traces: Traces | None = None,
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._keys = keys
        self._metrics = metrics
        self._traces = traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing that happens inside leaves it unanswered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        headers = Headers(scope=scope)
        request_id = clean_id(headers.get("x-request-id"))
        asking = Asking()
        scope.setdefault("state", {}).update(request_id=request_id, asking=asking)
        body = self._bodies.one()
        status = sent = 0

        async def sending(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                asking.timings.add("total", perf_counter() - started)
                out["server-timing"] = asking.timings.header()
            sent += len(message.get("body", b""))
            await send(message)

        try:
            self._check_key(scope, headers)
            whole = await body.read(headers, receive)
            await unless_gone(self._app(scope, replay(whole, receive), sending), receive)
        except ClientGone:
            status = status or CLIENT_GONE
        except asyncio.CancelledError:  # the time that open requests get at a stop is over
            if not status:
                stopping = Draining("the service is stopping; send it again in a moment")
                await refuse_error(stopping, request_id=request_id)(scope, receive, sending)
            raise
        except Exception as error:
            if status:
                log.exception("request %s failed while its reply was being sent", request_id)
                raise
            await refuse_error(error, request_id=request_id)(scope, receive, sending)
        finally:
            body.let_go()
            told = answered(
                scope,
                asking,
                status=status,
                seconds=perf_counter() - started,
                request_id=request_id,
                bytes_in=body.size,
                bytes_out=sent,
            )
            self._record(told, headers)

    def _check_key(self, scope: Scope, headers: Headers) -> None:
        path = scope["path"]
        if self._keys is None or path in OPEN_PATHS or path.startswith(OPEN_FOLDER):
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._keys.name_of(token.strip()) is None:
            raise KeyRefused("send a valid key as `authorization: Bearer KEY`")

    def _record(self, told: Answered, headers: Headers) -> None:
        self._metrics.request(told.method, told.route, told.status, told.seconds)
        for stage, spent in told.stages.items():
            self._metrics.stage(stage, spent)
        log.info("request", extra={"fields": told.fields()})
        if self._traces is not None:
            self._traces.record(told, headers)


async def unless_gone(work: Awaitable[None], receive: Receive) -> None:
    """Do the work of a request whose body has been read; end it when the caller goes.

    It ends at its next wait for anything but a thread: a thread cannot be ended, and one that
    nobody waited for would leave its place among the few to the next.

    Raises:
        ClientGone: the caller went first.
    """
    scope = anyio.CancelScope()

    async def watch() -> None:
        # After the body, the next thing to be received is that the caller has gone.
        while (await receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    watching = asyncio.ensure_future(watch())
    try:
        with scope:
            await work
    finally:
        watching.cancel()
    if scope.cancelled_caught:
        raise ClientGone


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
