"""The service in this process, called as over HTTP; bodies and replies go through it in parts."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx

PARTS_HELD = 2  # of a reply, until they are read


class InProcess(httpx.AsyncBaseTransport):
    """Carries requests to an ASGI application.

    httpx's own transport holds a reply whole before it gives any of it, however large it is.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Call the application, and return its reply when that begins."""
        call = _Call(self._app, request)
        try:
            start = await call.said()
        except BaseException:
            await call.aclose()
            raise
        assert start is not None, "the application said nothing"
        return httpx.Response(start["status"], headers=start["headers"], stream=call)


class _Call(httpx.AsyncByteStream):
    """One request on its way, and the stream of its reply."""

    def __init__(self, app: Any, request: httpx.Request) -> None:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        self._body = aiter(request.stream)
        self._coming: asyncio.Future[bytes | None] | None = None
        self._sent = False
        self._over = asyncio.Event()
        self._messages: asyncio.Queue[Any] = asyncio.Queue(PARTS_HELD)
        work = app(_scope_of(request), self._receive, self._messages.put)
        self._work = asyncio.ensure_future(work)

    async def said(self) -> dict[str, Any] | None:
        """Return what the application sends next, or None when it is done; raise what it did."""
        message = asyncio.ensure_future(self._messages.get())
        await asyncio.wait({message, self._work}, return_when=asyncio.FIRST_COMPLETED)
        if message.done():
            said: dict[str, Any] = message.result()
            return said
        message.cancel()
        await self._work
        return None

    async def _receive(self) -> dict[str, Any]:
        if self._sent:
            await self._over.wait()
            return {"type": "http.disconnect"}
        # Who waits for it may give up and come again: a body whose next part was cancelled would
        # be at its end, and half of it taken for the whole.
        if self._coming is None:
            self._coming = asyncio.ensure_future(self._next())
        part = await asyncio.shield(self._coming)
        self._coming = None
        self._sent = part is None
        return {"type": "http.request", "body": part or b"", "more_body": not self._sent}

    async def _next(self) -> bytes | None:
        return await anext(self._body, None)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self.said()) is not None:
            yield message.get("body", b"")

    async def aclose(self) -> None:
        """End the request: the caller has its reply, or wants it no more."""
        self._over.set()
        self._work.cancel()
        await asyncio.wait({self._work})
        if self._coming is not None:
            self._coming.cancel()
            await asyncio.wait({self._coming})
            if not self._coming.cancelled():
                self._coming.exception()
        if not self._work.cancelled():
            self._work.exception()  # it was told, or nobody wants to know


def _scope_of(request: httpx.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": request.url.scheme,
        "path": request.url.path,
        "raw_path": request.url.raw_path.split(b"?")[0],
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "server": (request.url.host, request.url.port),
        "client": ("127.0.0.1", 0),
        "root_path": "",
    }
