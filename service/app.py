"""The application: routes, the edge around them, and the parts' lifetime; no globals."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service import replies
from service.edge import Edge
from service.parts import Parts
from service.routing import found_routers


def create_app(parts: Parts) -> FastAPI:
    """Make the application around running parts; it closes them when it ends."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        parts.close()

    app = FastAPI(
        title="Semblance",
        summary="Embeds what you send it, and tells you what it is, what it is like, or that it "
        "does not know.",
        version="1",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.parts = parts
    for router in found_routers():
        app.include_router(router)
    replies.install(app)
    app.add_middleware(
        Edge,
        body_bytes_max=parts.settings.body_bytes_max,
        keys=parts.keys,
        metrics=parts.metrics,
    )
    return app
