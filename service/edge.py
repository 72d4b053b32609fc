"""Around every request: its id, its key, its bounded body and time, its last-resort answer."""

import asyncio
import logging
from time import monotonic
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.answered import Answered, answered
from service.asking import Asking
from service.bodies import Bodies, Body, ClientGone, is_streamed
from service.errors import Draining
from service.gate import Gate, nothing
from service.metrics import Metrics
from service.patience import never, patience_seconds, unless_gone
from service.problems import row_of
from service.replies import refuse_error
from service.traces import Traces

log = logging.getLogger("semblance.access")
CLIENT_GONE = 499  # as proxies count a request whose caller left; nobody is sent it


class Edge:
    """The outermost middleware, pure ASGI.

    Args:
        bodies: reads bodies, each and all of them bounded.
        gate: lets callers in by their keys.
        request_seconds_max: seconds that any request may take.
        import_seconds_max: seconds that a body may take which is streamed, before those.
        traces: where a span of each request goes; None makes none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        bodies: Bodies,
        gate: Gate,
        metrics: Metrics,
        request_seconds_max: float,
        import_seconds_max: float,
        traces: Traces | None = None,
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._gate = gate
        self._metrics = metrics
        self._request_seconds_max = request_seconds_max
        self._import_seconds_max = import_seconds_max
        self._traces = traces

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
        body = self._bodies.one()
        status = sent = 0
        leave = nothing

        async def sending(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                asking.timings.add("total", monotonic() - started)
                out["server-timing"] = asking.timings.header()
            sent += len(message.get("body", b""))
            await send(message)

        try:
            leave = await self._gate.enter(scope["path"], headers.get("authorization", ""), asking)
            streamed = is_streamed(scope)
            seconds_max = self._request_seconds_max + streamed * self._import_seconds_max
            asking.deadline = started + patience_seconds(headers, seconds_max)
            begin = self._streaming if streamed else self._whole
            await begin(scope, body, headers, receive, sending)
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
            body.let_go()
            told = answered(
                scope,
                asking,
                status=status,
                seconds=monotonic() - started,
                request_id=request_id,
                bytes_in=body.size,
                bytes_out=sent,
            )
            self._record(told, headers)

    async def _whole(
        self, scope: Scope, body: Body, headers: Headers, receive: Receive, send: Send
    ) -> None:
        """Read the body, then call the application; see whether its caller stays."""
        whole = await body.read(headers, receive)
        await self._call(scope, replay(whole, receive), send, watched=receive)

    async def _streaming(
        self, scope: Scope, body: Body, headers: Headers, receive: Receive, send: Send
    ) -> None:
        """Call the application, which reads the body itself, and notices a caller who goes."""
        await self._call(scope, body.streamed(headers, receive), send, watched=never)

    async def _call(self, scope: Scope, receive: Receive, send: Send, *, watched: Receive) -> None:
        left = scope["state"]["asking"].deadline - monotonic()
        await unless_gone(self._app(scope, receive, send), watched, seconds=left)

    def _record(self, told: Answered, headers: Headers) -> None:
        self._metrics.request(told.method, told.route, told.status, told.seconds)
        for stage, spent in told.stages.items():
            self._metrics.stage(stage, spent)
        log.info("request", extra={"fields": told.fields()})
        if self._traces is not None:
            self._traces.record(told, headers)


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
