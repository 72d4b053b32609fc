"""What a gallery holds of a repository, and what of a new look at it is another."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import orjson

from service.client import Client, gallery_path

PAGE_ROWS = 1000
REMOVED_AT_ONCE = 500

Change = Literal["added", "changed", "moved", "unchanged"]
"""Of an exemplar: it is new; its code is another; only what is told of it is; or nothing is."""


@dataclass(frozen=True, slots=True)
class Stands:
    """An exemplar that stands: in which file, and prints of its item and of its payload."""

    path: str
    item: bytes
    payload: bytes


async def standing(client: Client, gallery: str, repository: str) -> dict[str, Stands]:
    """List what a gallery holds of a repository, by id.

    Raises:
        CallFailed: the service refused.
    """
    wanted = quote(json.dumps({"payload.repository": repository}))
    found: dict[str, Stands] = {}
    after: str | None = ""
    while after is not None:
        path = f"{gallery_path(gallery)}/exemplars?limit={PAGE_ROWS}&after={after}&filter={wanted}"
        page = await client.call("GET", path)
        for one in page["exemplars"]:
            found[one["id"]] = Stands(one["payload"]["path"], *_prints(one))
        after = page["next"]
    return found


def change_of(exemplar: Mapping[str, Any], stands: Stands | None) -> Change:
    """Tell what an exemplar is beside the one that stands."""
    if stands is None:
        return "added"
    item, payload = _prints(exemplar)
    if item != stands.item:
        return "changed"
    return "unchanged" if payload == stands.payload else "moved"


async def remove(client: Client, gallery: str, ids: list[str]) -> int:
    """Remove exemplars; return how many stood.

    Raises:
        CallFailed: the service refused.
    """
    removed = 0
    for at in range(0, len(ids), REMOVED_AT_ONCE):
        body = {"ids": ids[at : at + REMOVED_AT_ONCE]}
        removed += (await client.gallery("POST", gallery, "/exemplars/delete", body))["removed"]
    return removed


def _prints(exemplar: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Hash an exemplar's item, and its payload but the commit: that is when it was first so."""
    payload = {name: v for name, v in exemplar["payload"].items() if name != "commit"}
    return _print(exemplar["item"]), _print([exemplar["label"], payload])


def _print(value: object) -> bytes:
    spoken = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(spoken, digest_size=16).digest()
