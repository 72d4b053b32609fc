"""The exemplars of a gallery: enrol, read, list, remove."""

from dataclasses import asdict
from typing import Annotated, Any

import orjson
from anyio.to_thread import run_sync
from fastapi import Query, Response

from index.exemplar import StoredExemplar
from service.errors import RequestInvalid
from service.parts import AskingOf, PartsOf
from service.queries import Space, check_space
from service.replies import Json
from service.reply_schemas import EnrolReply, ExemplarOut, ExemplarsReply, RemovedReply
from service.routing import gallery_of, needs, new_router
from service.schemas import EnrolRequest, RemoveRequest

router = new_router("exemplars")
PATH = "/v1/galleries/{gallery}/exemplars"


@router.post(
    PATH,
    summary="Enrol or replace",
    dependencies=[needs("write")],
    responses={200: {"model": EnrolReply}},
)
async def enrol(gallery: str, asked: EnrolRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Enrol exemplars; the good ones are kept and fsynced, the bad ones are named."""
    found = gallery_of(parts, asking, gallery)
    check_space(asked.space, Space(found.space, found.dim, found.name))
    limit = parts.settings.exemplars_max
    if not 1 <= len(asked.exemplars) <= limit:
        raise RequestInvalid(
            f"exemplars has {len(asked.exemplars)}; send 1 to {limit} "
            "(SEMBLANCE_EXEMPLARS_MAX) in one call",
            param="exemplars",
        )
    return Json(asdict(await parts.enroller.enrol(found, asked.exemplars, asking)))


@router.get(
    PATH,
    summary="List by cursor",
    dependencies=[needs("search")],
    responses={200: {"model": ExemplarsReply}},
)
async def page(
    gallery: str,
    parts: PartsOf,
    asking: AskingOf,
    after: str | None = None,
    limit: Annotated[int, Query(ge=1)] = 100,
    filter: Annotated[str | None, Query(description="A filter as JSON.")] = None,  # noqa: A002 - the wire's own word
) -> Response:
    """List exemplars; pass ``next`` as ``after`` to go on."""
    rows_max = parts.settings.page_rows_max
    if limit > rows_max:
        raise RequestInvalid(
            f"limit is {limit}; the most is {rows_max} (SEMBLANCE_PAGE_ROWS_MAX): go on by `after`",
            param="limit",
        )
    found = gallery_of(parts, asking, gallery)
    wanted = _filter(filter)
    start = after or None  # `?after=` is the first page
    rows, cursor = await run_sync(lambda: found.page(after=start, limit=limit, filter=wanted))
    return Json({"exemplars": [rendered(row) for row in rows], "next": cursor})


@router.post(
    PATH + "/delete",
    summary="Remove by ids or filter",
    dependencies=[needs("write")],
    responses={200: {"model": RemovedReply}},
)
async def remove_many(
    gallery: str, asked: RemoveRequest, parts: PartsOf, asking: AskingOf
) -> Response:
    """Remove by ids, or all that a filter finds."""
    found = gallery_of(parts, asking, gallery)
    if (asked.ids is None) == (asked.filter is None):
        raise RequestInvalid("send `ids` or `filter`, one of the two")
    if asked.ids is not None:
        limit = parts.settings.exemplars_max
        if len(asked.ids) > limit:
            raise RequestInvalid(
                f"ids has {len(asked.ids)}; send up to {limit} (SEMBLANCE_EXEMPLARS_MAX) "
                "in one call",
                param="ids",
            )
        seq, gone = await run_sync(found.remove, asked.ids)
        return Json({"seq": seq, "removed": len(gone)})
    assert asked.filter is not None
    seq, count = await run_sync(found.remove_where, asked.filter)
    return Json({"seq": seq, "removed": count})


@router.get(
    PATH + "/{exemplar:id}",
    summary="Read one",
    dependencies=[needs("search")],
    responses={200: {"model": ExemplarOut}},
)
async def read(
    gallery: str, exemplar: str, parts: PartsOf, asking: AskingOf, vector: bool = False
) -> Response:
    """Read one exemplar by its id."""
    found = gallery_of(parts, asking, gallery)
    return Json(rendered(await run_sync(lambda: found.read(exemplar, with_vector=vector))))


@router.delete(
    PATH + "/{exemplar:id}",
    summary="Remove one",
    dependencies=[needs("write")],
    responses={200: {"model": RemovedReply}},
)
async def remove(gallery: str, exemplar: str, parts: PartsOf, asking: AskingOf) -> Response:
    """Remove one exemplar; 404 when there is none."""
    found = gallery_of(parts, asking, gallery)
    seq, gone = await run_sync(found.remove, [exemplar])
    if not gone:
        await run_sync(found.read, exemplar)  # says that it is unknown, in the index's own words
    return Json({"seq": seq, "removed": len(gone)})


def rendered(row: StoredExemplar) -> dict[str, Any]:
    """Render a stored exemplar."""
    out = {
        "id": row.id,
        "label": row.label,
        "payload": row.payload,
        "item": row.item,
        "seq": row.seq,
        "digest": row.digest,
    }
    return out if row.vector is None else out | {"vector": row.vector}


def _filter(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise RequestInvalid(f"filter is not JSON: {error}", param="filter") from None
    if not isinstance(parsed, dict):
        raise RequestInvalid("filter is a JSON object", param="filter")
    return parsed
