"""Snapshots: a gallery as one stream of bytes, and back."""

from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import Query, Request, Response

from index.snapshot import checked
from service.parts import AskingOf, PartsOf
from service.replies import FileReply, Json
from service.reply_schemas import GalleryOut
from service.routing import gallery_of, needs, new_router
from service.spool import check_declared, open_spool, spool

router = new_router("snapshots")
PATH = "/v1/galleries/{gallery}"
SETTING = "SEMBLANCE_SNAPSHOT_BYTES_MAX"
CONTENT = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


@router.post(
    PATH + "/snapshot",
    summary="Take a snapshot",
    dependencies=[needs("admin")],
    response_class=Response,
    responses={200: {"description": "The snapshot.", "content": CONTENT}},
)
async def take(gallery: str, parts: PartsOf, asking: AskingOf) -> Response:
    """Send a gallery whole, as it stands at one moment; writes go on meanwhile."""
    found = gallery_of(parts, asking, gallery)
    snapshots, bytes_max = parts.galleries.snapshots, parts.settings.snapshot_bytes_max
    with ExitStack() as held:
        held.enter_context(snapshots.room())
        file = held.enter_context(open_spool(parts.settings.data_dir))
        await run_sync(
            lambda: snapshots.take(found, file, bytes_max=bytes_max, go_on=asking.check_time)
        )
        return FileReply(file, f"{found.name}.snapshot", held.pop_all().close)


@router.post(
    PATH + "/restore",
    summary="Make a gallery of a snapshot",
    dependencies=[needs("write")],
    responses={200: {"model": GalleryOut}, 201: {"model": GalleryOut}},
    openapi_extra={"requestBody": {"required": True, "content": CONTENT}},
)
async def restore(
    gallery: str,
    request: Request,
    parts: PartsOf,
    asking: AskingOf,
    replace: Annotated[bool, Query(description="In the place of one that stands.")] = False,
) -> Response:
    """Restore the snapshot in the body, all of it or nothing; 201 when the gallery is new."""
    snapshots = parts.galleries.snapshots
    stood = await run_sync(lambda: snapshots.check_place(gallery, replace=replace))
    bytes_max = parts.settings.snapshot_bytes_max
    check_declared(request.headers, bytes_max, SETTING)
    go_on = asking.check_time
    with snapshots.room(), open_spool(parts.settings.data_dir) as file:
        await spool(request.stream(), file, bytes_max, SETTING)
        head = await run_sync(lambda: checked(file, go_on))
        parts.embedder.shelf.check_dim(head.space, head.dim)
        made = await run_sync(
            lambda: snapshots.restore(gallery, file, head, replace=replace, go_on=go_on)
        )
    return Json(asdict(made.state()), status_code=200 if stood else 201)
