"""Around every request: its id, its key, its bounded body, its time, its last-resort answer."""

import logging
from time import perf_counter
from typing import Any
from uuid import uuid4

import orjson
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import BodyMalformed, BodyTooLarge, ContentUnsupported, KeyRefused
from service.keys import Keys
from service.metrics import Metrics
from service.replies import refuse_error
from service.timings import Timings

log = logging.getLogger("semblance.access")
OPEN_PATHS = ("/livez", "/readyz")  # probes carry no key


class Edge:
    """The outermost middleware, pure ASGI.

    Args:
        body_bytes_max: bytes of a body; more are refused before they are read whole.
        keys: who may call; None lets everybody, which the service allows on loopback only.
    """

    def __init__(
        self, app: ASGIApp, *, body_bytes_max: int, keys: Keys | None, metrics: Metrics
    ) -> None:
        self._app = app
        self._body_bytes_max = body_bytes_max
        self._keys = keys
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; nothing that happens inside leaves it unanswered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        headers = Headers(scope=scope)
        request_id = clean_id(headers.get("x-request-id"))
        timings = Timings()
        scope.setdefault("state", {}).update(request_id=request_id, timings=timings)
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                timings.add("total", perf_counter() - started)
                out["server-timing"] = timings.header()
            await send(message)

        try:
            self._check_key(scope, headers)
            body = await self._read(headers, receive)
            await self._app(scope, replay(body, receive), sending)
        except Exception as error:
            if status:
                log.exception("request %s failed while its reply was being sent", request_id)
                raise
            await refuse_error(error, request_id=request_id)(scope, receive, sending)
        finally:
            self._record(scope, status, perf_counter() - started, request_id, timings)

    def _check_key(self, scope: Scope, headers: Headers) -> None:
        if self._keys is None or scope["path"] in OPEN_PATHS:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self._keys.name_of(token.strip()) is None:
            raise KeyRefused("send a valid key as `authorization: Bearer KEY`")

    async def _read(self, headers: Headers, receive: Receive) -> bytes:
        declared = headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > self._body_bytes_max:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return b"".join(parts)
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
        self, scope: Scope, status: int, seconds: float, request_id: str, timings: Timings
    ) -> None:
        route = getattr(scope.get("route"), "path", "unrouted")
        self._metrics.request(scope["method"], route, status, seconds)
        for stage, spent in timings.seconds.items():
            if stage != "total":
                self._metrics.stage(stage, spent)
        fields = {"method": scope["method"], "path": scope["path"], "status": status}
        fields |= {"seconds": round(seconds, 6), "request_id": request_id}
        log.info("request", extra={"fields": fields})


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


class StrictRequest(Request):
    """Reads JSON strictly: no NaN, no lone surrogates, bounded depth."""

    async def json(self) -> Any:
        """Parse the body.

        Raises:
            BodyMalformed: naming the offset.
        """
        if not hasattr(self, "_json"):
            try:
                self._json = orjson.loads(await self.body())
            except orjson.JSONDecodeError as error:
                raise BodyMalformed(f"the body is not valid JSON: {error}") from None
        return self._json


class StrictRoute(APIRoute):
    """A route whose JSON body is read strictly, and that says so when it is no JSON."""

    def get_route_handler(self) -> Any:
        """Wrap FastAPI's own handler."""
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if self.body_field is not None:
                kind = request.headers.get("content-type")
                if kind is None:  # curl --data-binary with an emptied header, and old clients
                    headers = [*request.scope["headers"], (b"content-type", b"application/json")]
                    request.scope["headers"] = headers
                elif not _is_json(kind):
                    raise ContentUnsupported(
                        f"content-type {kind!r} is not read here; "
                        "send `content-type: application/json`"
                    )
            request = StrictRequest(request.scope, request.receive)
            if self.body_field is not None and await request.body():
                await request.json()  # here, because FastAPI would hide why it failed
            response: Response = await handler(request)
            return response

        return strict


def _is_json(kind: str) -> bool:
    media = kind.split(";", maxsplit=1)[0].strip().lower()
    return media == "application/json" or (
        media.startswith("application/") and media.endswith("+json")
    )
