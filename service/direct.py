"""Calling an endpoint with what it declares, where that is a body, words of the path and our parts.

FastAPI finds out anew at each request what an endpoint takes, and opens two stacks for what might
have to be closed after it: seven times what a remembered answer costs itself. Its declarations
stay, and with them the schema; what asks for more than is known here goes its way.
"""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, get_type_hints

from fastapi import Request, Response
from pydantic import ValidationError

from service.complaints import first_complaint
from service.errors import RequestInvalid
from service.parts import AskingOf, PartsOf, asking_of, parts_of
from service.schemas import Wire

Call = Callable[[Request], Awaitable[Response]]
CARRIED: dict[Any, Callable[[Request], Any]] = {PartsOf: parts_of, AskingOf: asking_of}


def direct(endpoint: Callable[..., Awaitable[Response]], words: Collection[str]) -> Call | None:
    """Prepare the call of an endpoint; None where it takes what only FastAPI finds.

    Args:
        words: the parameters of the path.
    """
    kinds = get_type_hints(endpoint, include_extras=True)
    kinds.pop("return", None)
    carried = {name: CARRIED[kind] for name, kind in kinds.items() if kind in CARRIED}
    bodies = {name: kind for name, kind in kinds.items() if _is_wire(kind)}
    named = [name for name, kind in kinds.items() if name in words and kind is str]
    if len(carried) + len(bodies) + len(named) < len(kinds) or len(bodies) > 1:
        return None

    async def call(request: Request) -> Response:
        given = {name: find(request) for name, find in carried.items()}
        given |= {name: request.path_params[name] for name in named}
        if bodies and not await request.body():
            raise RequestInvalid("body: required field is missing")
        for name, kind in bodies.items():
            given[name] = read(kind, await request.json())
        return await endpoint(**given)

    return call


def read(kind: type[Wire], value: object) -> Wire:
    """Read a body that was parsed.

    Raises:
        RequestInvalid: naming the first thing that is wrong with it.
    """
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        complaints = [{**one, "loc": ("body", *one["loc"])} for one in found]
        param, message = first_complaint(complaints)
        raise RequestInvalid(message, param=param) from None


def _is_wire(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Wire)
