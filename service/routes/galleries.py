"""Galleries themselves: create, list, show, delete, calibrate."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from anyio.to_thread import run_sync
from fastapi import Response

from service.access import sees
from service.errors import RequestInvalid
from service.parts import AskingOf, PartsOf
from service.photos import photos_of
from service.replies import Json
from service.reply_schemas import CalibrationOut, DeletedReply, GalleriesReply, GalleryOut
from service.routing import gallery_of, needs, new_router
from service.schemas import CalibrateRequest, GalleryRequest

router = new_router("galleries")


@router.put(
    "/v1/galleries/{gallery}",
    summary="Create a gallery",
    dependencies=[needs("write")],
    responses={200: {"model": GalleryOut}, 201: {"model": GalleryOut}},
)
async def create(gallery: str, asked: GalleryRequest, parts: PartsOf) -> Response:
    """Create a gallery; 200 when it stands the same already, 409 when it stands otherwise."""
    if asked.model is not None:
        model = parts.embedder.shelf.model(asked.model)
        space, dim = model.space, model.dim
        if asked.space not in (None, space) or asked.dim not in (None, dim):
            raise RequestInvalid(
                f"model {asked.model!r} makes space {space!r} of dimension {dim}; "
                "leave `space` and `dim` out"
            )
    elif asked.space is not None and asked.dim is not None:
        space, dim = asked.space, asked.dim
        parts.embedder.shelf.check_dim(space, dim)
    else:
        raise RequestInvalid("send `model`, or `space` and `dim` for vectors made elsewhere")
    made, created = await run_sync(
        lambda: parts.galleries.create(
            gallery,
            space=space,
            dim=dim,
            model=asked.model,
            index=asked.index,
            recall_target=asked.recall_target,
            lexical=asked.weight,
            label_score=asked.label_score,
        )
    )
    return Json(asdict(made.state()), status_code=201 if created else 200)


@router.get(
    "/v1/galleries",
    summary="All galleries",
    dependencies=[needs("search")],
    responses={200: {"model": GalleriesReply}},
)
async def list_galleries(parts: PartsOf, asking: AskingOf) -> Response:
    """List every gallery that the key is for, with its state."""
    states = await run_sync(parts.galleries.states)
    return Json({"galleries": [asdict(state) for state in states if sees(asking.key, state.name)]})


@router.get(
    "/v1/galleries/{gallery}",
    summary="A gallery's state",
    dependencies=[needs("search")],
    responses={200: {"model": GalleryOut}},
)
async def show(gallery: str, parts: PartsOf, asking: AskingOf) -> Response:
    """Show one gallery's state."""
    found = gallery_of(parts, asking, gallery)
    return Json(asdict(await run_sync(found.state)))


@router.delete(
    "/v1/galleries/{gallery}",
    summary="Delete a gallery",
    dependencies=[needs("write")],
    responses={200: {"model": DeletedReply}},
)
async def delete(gallery: str, parts: PartsOf) -> Response:
    """Delete a gallery and all its exemplars, for good; 409 while an alias points at it."""
    await run_sync(parts.galleries.delete, gallery)
    parts.imports.look()  # its jobs have ended, and left their files
    return Json({"name": gallery, "deleted": True})


@router.post(
    "/v1/galleries/{gallery}/calibrate",
    summary="Set the threshold of `identify`",
    dependencies=[needs("write")],
    responses={200: {"model": CalibrationOut}},
)
async def calibrate(
    gallery: str, asked: CalibrateRequest, parts: PartsOf, asking: AskingOf
) -> Response:
    """Set the threshold for a stated false-accept rate.

    From labelled `queries`; or from the gallery itself: its exemplars as they are, or so many
    `photos` drawn of its pictures, for one of clean pictures that is asked with photos.
    """
    found = gallery_of(parts, asking, gallery)
    queries = asked.queries
    if queries is not None and asked.photos is not None:
        raise RequestInvalid("send queries or photos, one of the two", param="photos")
    if queries is not None and not 1 <= len(queries) <= parts.settings.exemplars_max:
        raise RequestInvalid(
            f"queries has {len(queries)}; send 1 to {parts.settings.exemplars_max} "
            "(SEMBLANCE_EXEMPLARS_MAX), or none",
            param="queries",
        )
    items: Sequence[object] | None = None
    labels: Sequence[str | None] | None = None
    if queries is not None:
        items, labels = [one.query for one in queries], [one.label for one in queries]
    elif asked.photos is not None:
        most = asked.photos
        items, labels = await run_sync(lambda: photos_of(found, most, go_on=asking.check_time))
    calibration = await parts.searcher.calibrate(
        found,
        false_accept_rate=asked.false_accept_rate,
        items=items,
        labels=labels,
        asking=asking,
        label_score=asked.label_score,
    )
    rendered: dict[str, Any] = asdict(calibration)
    return Json(rendered)
