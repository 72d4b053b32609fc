"""Around every request: its id, its key, its bounded body and time, its last-resort answer."""

import asyncio
import logging
from time import monotonic
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.answered import Answered, answered
from service.asking import Asking
from service.bodies import Bodies, ClientGone
from service.errors import Draining
from service.gate import Gate, nothing
from service.metrics import Metrics
from service.patience import patience_seconds, unless_gone
from service.problems import row_of
from service.replies import refuse_error
from service.traces import Traces

log = logging.getLogger("semblance.access")
CLIENT_GONE = 499  # as proxies count a request whose caller left; nobody is sent it


class Edge:
    """The outermost middleware, pure ASGI.

    Args:
        bodies: reads bodies, each and all of them bounded, and knows how long a request may take.
        gate: lets callers in by their keys.
        traces: where a span of each request goes; None makes none.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        bodies: Bodies,
        gate: Gate,
        metrics: Metrics,
        traces: Traces | None = None,
    ) -> None:
        self._app = app
        self._bodies = bodies
        self._gate = gate
        self._metrics = metrics
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
        body, call = self._bodies.one(), f"{scope['method']} {scope['path']}"
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
            leave = await self._gate.enter(scope["path"], headers, asking)
            seconds_max = self._bodies.seconds_max(scope["path"])
            asking.deadline = started + patience_seconds(headers, seconds_max)
            coming, after = await body.handed_on(scope["path"], headers, receive)
            left = asking.deadline - monotonic()
            await unless_gone(self._app(scope, coming, sending), after, seconds=left)
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
            await refuse_error(error, request_id=request_id, call=call)(scope, receive, sending)
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

    def _record(self, told: Answered, headers: Headers) -> None:
        self._metrics.request(told.method, told.route, told.status, told.seconds)
        for stage, spent in told.stages.items():
            self._metrics.stage(stage, spent)
        log.info("request", extra={"fields": told.fields()})
        if self._traces is not None:
            self._traces.record(told, headers)


def clean_id(given: str | None) -> str:
    """Keep a caller's request id when it is short and printable, else make one.

    >>> clean_id("abc-1")
    'abc-1'
    """
    if given and len(given) <= 128 and given.isascii() and given.isprintable():
        return given
    return uuid4().hex
