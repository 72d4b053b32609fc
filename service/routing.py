"""How routes are declared and found: a file under ``service/routes`` is the registration."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Security
from fastapi.security import HTTPBearer
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.routing import BaseRoute

from index.gallery import Gallery
from service import routes
from service.access import check_target
from service.asking import Asking
from service.keys import ScopeName
from service.parts import Parts
from service.reply_schemas import ProblemReply
from service.strict import StrictRoute


def gallery_of(parts: Parts, asking: Asking, named: str) -> Gallery:
    """Return the gallery of a name, or of an alias where the key is for what it points at too.

    Raises:
        GalleryUnknown, ScopeRefused.
    """
    found = parts.galleries.get(named)
    check_target(asking.key, found.name, named)
    return found


# A path is compared with one route after the other, and each comparison counts.
ASKED_MOST = ("embeddings", "questions")
_REFUSALS = {
    400: "Malformed or empty",
    401: "No valid key",
    403: "A key that is not for this call, or not for this gallery",
    404: "No such path, model, gallery, alias or exemplar",
    409: "Stands otherwise: a gallery, a space, a sequence number",
    413: "Too large",
    415: "Not a kind that is read here",
    422: "Well formed, and impossible",
    429: "More than the key may ask; see `retry-after`",
    503: "Not now; see `retry-after`",
}


_BEARER = HTTPBearer(
    scheme_name="key",
    description="A key made by `semblance keys add`; not asked for where no key file is set.",
    auto_error=False,  # the edge has refused already, before it read the body
)


def needs(*scopes: ScopeName) -> Any:
    """Declare, among a route's `dependencies`, the scope that its callers need.

    Any one of several opens the route, which then asks for the one that the body calls for. It is
    :class:`StrictRoute` that looks at the key, and at the gallery or alias of the path, before
    the body is parsed; a route that declares none is for `admin` alone.
    """
    return Security(_BEARER, scopes=scopes)


class IdConvertor(PathConvertor):
    """An exemplar's id in a path, by the letter: `path` ends at a line end, so `a%0A` meant `a`."""

    regex = r"[\s\S]*"


# A path is compiled where its route is declared, so its words must be known by then.
register_url_convertor("id", IdConvertor())


def new_router(tag: str) -> APIRouter:
    """Make a router whose bodies are read strictly and whose refusals are documented."""
    responses: dict[int | str, dict[str, Any]] = {
        status: {"model": ProblemReply, "description": words} for status, words in _REFUSALS.items()
    }
    return APIRouter(route_class=StrictRoute, tags=[tag], responses=responses)


def found_routes() -> Iterator[BaseRoute]:
    """Import every file of ``service/routes`` and yield its routes, what is asked most first."""
    names = (module.name for module in pkgutil.iter_modules(routes.__path__))
    for name in sorted(names, key=lambda name: (name not in ASKED_MOST, name)):
        router: APIRouter = importlib.import_module(f"{routes.__name__}.{name}").router
        yield from router.routes
