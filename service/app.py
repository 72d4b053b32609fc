"""The application: routes, the edge around them, and the parts' lifetime; no globals."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from anyio.to_thread import run_sync
from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi_offline import FastAPIOffline

from service.bodies import Bodies
from service.edge import Edge
from service.gate import Gate
from service.parts import Parts
from service.routing import found_routes


def create_app(
    parts: Parts, beside: Callable[[], Coroutine[Any, Any, None]] | None = None
) -> FastAPI:
    """Make the application around running parts; it closes them when it ends.

    Args:
        beside: what runs while the application does, and ends before the parts are closed.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(one()) for one in (parts.embedder.shelf.watch, parts.imports.run)
        ]
        if beside is not None:
            tasks.append(asyncio.create_task(beside()))
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await parts.leave()
        # In a thread: requests that were cut at the stop are still being told so.
        await run_sync(parts.close)

    app = FastAPIOffline(
        docs_url="/docs",
        redoc_url=None,
        static_url="/docs/static",
        favicon_url="data:,",
        title="Semblance",
        summary="Embeds what you send it, and tells you what it is, what it is like, or that it "
        "does not know.",
        version="1",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.router.routes[:0] = found_routes()  # before those of the pages
    # The edge is all that stands around the routes: it bounds, times, counts and answers what goes
    # wrong. FastAPI's own layers would do so once more, and cost more than most answers.
    app.middleware_stack = Edge(
        AsyncExitStackMiddleware(app.router),
        bodies=Bodies(parts.settings, parts.metrics),
        gate=Gate(parts.keys, parts.allowance),
        metrics=parts.metrics,
        traces=parts.traces,
    )
    return app
