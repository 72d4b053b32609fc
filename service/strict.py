"""JSON bodies read strictly: no NaN, no lone surrogates, bounded depth, bounded values."""

from collections.abc import Callable
from typing import Any

import orjson
from fastapi import Request, Response, params
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from service.access import check_gallery, check_scope
from service.direct import Call, direct
from service.errors import BodyMalformed, BodyTooLarge, ContentUnsupported
from service.parts import asking_of, parts_of


class StrictRequest(Request):
    """A request whose JSON is read strictly."""

    async def json(self) -> Any:
        """Parse the body; None where there is none.

        Raises:
            BodyTooLarge: it holds too many values.
            BodyMalformed: naming the offset.
        """
        if not hasattr(self, "_json"):
            body = await self.body()
            check_values(body, parts_of(self).settings.json_values_max)
            try:
                self._json = orjson.loads(body) if body else None
            except orjson.JSONDecodeError as error:
                raise BodyMalformed(f"the body is not valid JSON: {error}") from None
        return self._json


class StrictRoute(APIRoute):
    """A route that looks at the key first, and reads its JSON body strictly."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **declared: Any) -> None:
        super().__init__(path, endpoint, **declared)
        call = direct(endpoint, words=self.param_convertors)
        if call is not None:
            self.app = self._directly(call)

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that open it: see :func:`service.routing.needs`."""
        declared = (one for one in self.dependencies if isinstance(one, params.Security))
        return tuple(scope for one in declared for scope in one.scopes or ())

    def get_route_handler(self) -> Any:
        """Wrap FastAPI's own handler."""
        handler = super().get_route_handler()
        scopes = self.scopes

        async def strict(request: Request) -> Response:
            response: Response = await handler(await self._let_in(request, scopes))
            return response

        return strict

    def _directly(self, call: Call) -> ASGIApp:
        scopes = self.scopes

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            request = await self._let_in(Request(scope, receive), scopes)
            response = await call(request)
            await response(scope, receive, send)

        return app

    async def _let_in(self, request: Request, scopes: tuple[str, ...]) -> StrictRequest:
        """Look at the key and what it is for, then at the body."""
        key = asking_of(request).key
        check_scope(key, scopes)
        for named in ("gallery", "alias"):
            if (name := request.path_params.get(named)) is not None:
                check_gallery(key, name)
        if self.body_field is not None:
            kind = request.headers.get("content-type")
            if kind is None:  # curl --data-binary with an emptied header, and old clients
                headers = [*request.scope["headers"], (b"content-type", b"application/json")]
                request.scope["headers"] = headers
            elif not _is_json(kind):
                raise ContentUnsupported(
                    f"content-type {kind!r} is not read here; send `content-type: application/json`"
                )
        request = StrictRequest(request.scope, request.receive)
        if self.body_field is not None:
            await request.json()  # here, because FastAPI would hide why it failed
        return request


def check_values(body: bytes, values_max: int) -> None:
    """Refuse a body of so many values that to parse it would take the memory of many such bodies.

    Counted are the signs that come with values, those inside strings too: at memory speed.

    Raises:
        BodyTooLarge: naming the limit.
    """
    if len(body) <= values_max:
        return
    values = sum(map(body.count, (b",", b":", b"[", b"{")))
    if values > values_max:
        raise BodyTooLarge(
            f"the body has some {values} values; the limit is {values_max} "
            "(SEMBLANCE_JSON_VALUES_MAX): send less in one call, vectors as base64"
        )


def _is_json(kind: str) -> bool:
    media = kind.split(";", maxsplit=1)[0].strip().lower()
    return media == "application/json" or (
        media.startswith("application/") and media.endswith("+json")
    )
