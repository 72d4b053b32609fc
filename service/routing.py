"""How routes are declared and found: a file under ``service/routes`` is the registration."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.convertors import PathConvertor, register_url_convertor

from service import routes
from service.asking import Asking
from service.parts import Parts, asking_of, parts_of
from service.reply_schemas import ProblemReply
from service.strict import StrictRoute

PartsOf = Annotated[Parts, Depends(parts_of)]
AskingOf = Annotated[Asking, Depends(asking_of)]

_REFUSALS = {
    400: "Malformed or empty",
    401: "No valid key",
    404: "No such path, model, gallery or exemplar",
    409: "Stands otherwise: a gallery, a space, a sequence number",
    413: "Too large",
    415: "Not a kind that is read here",
    422: "Well formed, and impossible",
    503: "Not now; see `retry-after`",
}


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


def found_routers() -> Iterator[APIRouter]:
    """Import every file of ``service/routes`` and yield its router, in the order of names."""
    for module in sorted(pkgutil.iter_modules(routes.__path__), key=lambda m: m.name):
        yield importlib.import_module(f"{routes.__name__}.{module.name}").router
