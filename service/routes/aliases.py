"""Aliases: names that point at galleries, moved in one step and back."""

from typing import Any

from anyio.to_thread import run_sync
from fastapi import Response

from index.aliases import Alias, Permit
from service.access import check_gallery, check_target, sees
from service.asking import Asking
from service.errors import RequestInvalid
from service.keys import Key
from service.parts import AskingOf, PartsOf
from service.replies import Json
from service.reply_schemas import AliasDeletedReply, AliasesReply, AliasOut
from service.routing import needs, new_router
from service.schemas import AliasRequest

router = new_router("aliases")
PATH = "/v1/aliases/{alias}"


@router.put(
    PATH,
    summary="Point a name at a gallery",
    dependencies=[needs("write")],
    responses={200: {"model": AliasOut}, 201: {"model": AliasOut}},
)
async def point(alias: str, asked: AliasRequest, parts: PartsOf, asking: AskingOf) -> Response:
    """Point a name at a gallery, or back at the one before; 201 when it is new.

    The key must be for the name and for every gallery that the change is about.
    """
    gallery = asked.gallery
    if (gallery is None) != asked.rollback:
        raise RequestInvalid("send `gallery`, or `rollback` as true, one of the two")
    aliases, permit = parts.galleries.aliases, _permit(asking, alias)
    if gallery is None:
        return Json(rendered(await run_sync(aliases.roll_back, alias, permit), asking.key))
    check_gallery(asking.key, gallery)
    made, new = await run_sync(aliases.point, alias, gallery, permit)
    return Json(rendered(made, asking.key), status_code=201 if new else 200)


@router.get(
    "/v1/aliases",
    summary="All aliases",
    dependencies=[needs("search")],
    responses={200: {"model": AliasesReply}},
)
async def list_aliases(parts: PartsOf, asking: AskingOf) -> Response:
    """List every alias that the key is for, as it is for the gallery that it points at."""
    key = asking.key
    shown = [
        rendered(one, key)
        for one in parts.galleries.aliases.all()
        if sees(key, one.alias) and sees(key, one.gallery.name)
    ]
    return Json({"aliases": shown})


@router.get(
    PATH,
    summary="Where a name points",
    dependencies=[needs("search")],
    responses={200: {"model": AliasOut}},
)
async def show(alias: str, parts: PartsOf, asking: AskingOf) -> Response:
    """Show one alias."""
    found = parts.galleries.aliases.get(alias)
    check_target(asking.key, found.gallery.name, alias)
    return Json(rendered(found, asking.key))


@router.delete(
    PATH,
    summary="Delete an alias",
    dependencies=[needs("write")],
    responses={200: {"model": AliasDeletedReply}},
)
async def delete(alias: str, parts: PartsOf, asking: AskingOf) -> Response:
    """Delete an alias; its gallery stays."""
    await run_sync(parts.galleries.aliases.delete, alias, _permit(asking, alias))
    return Json({"alias": alias, "deleted": True})


def rendered(alias: Alias, key: Key | None) -> dict[str, Any]:
    """Render an alias; the gallery before is named to a key that is for it."""
    previous = None if alias.previous is None else alias.previous.name
    if previous is not None and not sees(key, previous):
        previous = None
    return {"alias": alias.alias, "gallery": alias.gallery.name, "previous": previous}


def _permit(asking: Asking, alias: str) -> Permit:
    return lambda gallery: check_target(asking.key, gallery, alias)
