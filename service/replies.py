"""Rendering replies: strict fast JSON, and every error in the one shape."""

import logging
from collections.abc import Callable, Mapping, Sequence
from os import SEEK_END
from typing import Any, BinaryIO

import orjson
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from service.embedder import ItemFailed
from service.problems import BY_STATUS, Row, problem, retry_after_seconds, row_of

log = logging.getLogger("semblance.problem")
PATH_CHARACTERS_TOLD = 200
FILE_PART_BYTES = 1 << 20
_WORDS = {
    "extra_forbidden": "unknown field",
    "missing": "required field is missing",
    "model_type": "this is not a JSON object",
    "model_attributes_type": "this is not a JSON object",
}


class Json(Response):
    """A JSON reply; numpy arrays become lists."""

    media_type = "application/json"

    def render(self, content: object) -> bytes:
        """Render the body."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


class FileReply(Response):
    """The bytes of an open file, sent as they are read; `close` is called in any case."""

    media_type = "application/octet-stream"

    def __init__(self, file: BinaryIO, name: str, close: Callable[[], None]) -> None:
        super().__init__(headers={"content-disposition": f'attachment; filename="{name}"'})
        self._file, self._close = file, close
        self.headers["content-length"] = str(file.seek(0, SEEK_END))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; no more of it is in memory than one part."""
        try:
            self._file.seek(0)
            start = {"type": "http.response.start", "status": self.status_code}
            await send(start | {"headers": self.raw_headers})
            while part := await run_sync(self._file.read, FILE_PART_BYTES):
                await send({"type": "http.response.body", "body": part, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._close()


def refuse(
    row: Row,
    message: str,
    *,
    request_id: str,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Json:
    """Build an error reply."""
    body = problem(row, message, param=param, request_id=request_id)
    return Json(body, status_code=row.status, headers=dict(headers or {}))


def refuse_error(error: Exception, *, request_id: str) -> Json:
    """Build the reply to an error; one that nobody planned for tells no detail."""
    param = None
    if isinstance(error, ItemFailed):
        param, message, error = error.where, f"{error.where}: {error}", error.cause
    else:
        message = str(error)
        param = getattr(error, "param", None)
    row = row_of(error)
    if not row.told:
        log.error("%s in request %s", row.code, request_id, exc_info=error)
        message = "the service failed on this request; its log has the reason by request id"
    seconds = retry_after_seconds(error)
    headers = {} if seconds is None else {"retry-after": str(seconds)}
    return refuse(row, message, request_id=request_id, param=param, headers=headers)


def install(app: FastAPI) -> None:
    """Make the web framework's own refusals take the one shape too."""

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        param, message = first_complaint(error.errors())
        row = BY_STATUS[422]
        return refuse(row, message, request_id=request.state.request_id, param=param)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        row = BY_STATUS.get(error.status_code)
        if row is None:
            row = Row(error.status_code, "invalid_request_error", "request_invalid")
        path = request.url.path[:PATH_CHARACTERS_TOLD]
        message = f"{request.method} {path}: {error.detail}; /docs lists every call"
        headers = error.headers
        return refuse(row, message, request_id=request.state.request_id, headers=headers)

    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def first_complaint(errors: Sequence[Any], whole: str = "body") -> tuple[str | None, str]:
    """Word the first of a validation's complaints, and count the rest.

    >>> first_complaint([{"loc": ("body", "k"), "type": "int_type", "msg": "Input should be ..."}])
    ('k', 'k: Input should be ...')
    """
    first = errors[0]
    param = path_of(first["loc"])
    message = _WORDS.get(first["type"], first["msg"]).removeprefix("Value error, ")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return param or None, f"{param or whole}: {message}{more}"


def path_of(loc: Sequence[int | str]) -> str:
    """Write a location as a caller would.

    >>> path_of(("body", "queries", 3, "label"))
    'queries[3].label'
    """
    path = ""
    for part in loc[1:] if loc and loc[0] in ("body", "query", "path", "header") else loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
