"""Is it alive, is it ready, what does it count."""

import asyncio
from time import monotonic

from fastapi import Response

from index.errors import GalleryError
from index.galleries import Galleries
from service.asking import Asking
from service.call import Embedded
from service.errors import Overloaded, ServiceError
from service.lane import Lane
from service.parts import PartsOf
from service.replies import Json
from service.routing import needs, new_router

router = new_router("health")
FORWARD_SECONDS_FRESH = 10.0  # a forward pass this recent proves the encoder
FORWARD_SECONDS_MAX = 5.0
LOOK_SECONDS = 0.05


@router.get("/livez", summary="The process answers")
async def livez() -> Response:
    """Answer as long as the event loop turns."""
    return Json({"status": "alive"})


@router.get("/readyz", summary="Every loaded encoder embeds, and writes are taken")
async def readyz(parts: PartsOf) -> Response:
    """Answer 200 where every encoder embedded something lately and writes are taken, else 503."""
    lanes = {m.name: m.lane for m in parts.embedder.shelf.models.values() if m.lane is not None}
    proven = await asyncio.gather(*(_embeds(lane) for lane in lanes.values()))
    states = dict(zip(lanes, proven, strict=True))
    writes = _takes_writes(parts.galleries)
    ready = writes and all(states.values())
    body = {"status": "ready" if ready else "not ready", "encoders": states, "writes": writes}
    return Json(body, status_code=200 if ready else 503)


@router.get(
    "/metrics",
    summary="Prometheus series",
    dependencies=[needs("metrics")],
    response_class=Response,
)
async def metrics(parts: PartsOf) -> Response:
    """Render every series."""
    return Response(parts.metrics.text(), media_type="text/plain; version=0.0.4")


def _takes_writes(galleries: Galleries) -> bool:
    try:
        galleries.check()
    except GalleryError:
        return False
    return True


async def _embeds(lane: Lane) -> bool:
    """Tell whether a lane has embedded something lately, or does when it is asked to."""
    try:
        async with asyncio.timeout(FORWARD_SECONDS_MAX):
            while lane.alive and monotonic() - lane.forward_at >= FORWARD_SECONDS_FRESH:
                try:
                    call = await lane.embed([lane.encoder.sample], asking=Asking())
                except Overloaded:  # what fills the queue must pass soon, or nothing does
                    await asyncio.sleep(LOOK_SECONDS)
                    continue
                return all(isinstance(outcome, Embedded) for outcome in call.outcomes)
    except (TimeoutError, ServiceError):
        return False
    return lane.alive
