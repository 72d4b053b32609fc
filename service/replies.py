"""Rendering replies: strict fast JSON, and every error in the one shape."""

import logging
from collections.abc import Callable, Mapping
from os import SEEK_END
from typing import BinaryIO

import orjson
from anyio.to_thread import run_sync
from fastapi import Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from service.complaints import first_complaint
from service.embedder import ItemFailed
from service.problems import BY_STATUS, Row, problem, retry_after_seconds, row_of

log = logging.getLogger("semblance.problem")
CALL_CHARACTERS_TOLD = 210
FILE_PART_BYTES = 1 << 20


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


def refuse_error(error: Exception, *, request_id: str, call: str = "") -> Json:
    """Build the reply to an error; one that nobody planned for tells no detail.

    Args:
        call: the method and the path, which the web framework's own refusals do not name.
    """
    if isinstance(error, HTTPException | RequestValidationError):
        return _refuse_of_framework(error, request_id=request_id, call=call)
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


def _refuse_of_framework(
    error: HTTPException | RequestValidationError, *, request_id: str, call: str
) -> Json:
    """Give the web framework's own refusals the one shape too."""
    if isinstance(error, RequestValidationError):
        param, message = first_complaint(error.errors())
        return refuse(BY_STATUS[422], message, request_id=request_id, param=param)
    unnamed = Row(error.status_code, "invalid_request_error", "request_invalid")
    row = BY_STATUS.get(error.status_code, unnamed)
    message = f"{call[:CALL_CHARACTERS_TOLD]}: {error.detail}; /docs lists every call"
    return refuse(row, message, request_id=request_id, headers=error.headers)
