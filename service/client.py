"""The command line as a client of the REST surface: one path for a server and a local folder."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from service.settings import Settings

SECONDS_MAX = 600.0
TRIES_MAX = 8


class CallFailed(Exception):
    """The service refused a call, or could not be reached.

    Args:
        status: HTTP status; 0 when there was no answer.
        code: the error's code.
        retry_after_seconds: when to try again, where the service said so.
        param: the field at fault, where the service named one.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str,
        retry_after_seconds: float | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message)
        self.param = param
        self.status = status
        self.code = code
        self.retry_after_seconds = retry_after_seconds


class Client:
    """Calls the REST surface and turns its refusals into exceptions."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one call.

        Raises:
            CallFailed: refused, or no answer.
        """
        at = self._http.base_url
        try:
            response = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise self._unanswered(error) from error
        except (ValueError, RecursionError) as error:  # NaN, bytes that are no UTF-8, too deep
            raise CallFailed(f"this cannot be sent to {at}: {error}", status=0, code="") from error
        return self._answer(response)

    async def download(self, method: str, path: str, file: BinaryIO) -> None:
        """Make a call whose answer goes to a file as it comes.

        Raises:
            CallFailed: refused, or broken off.
            OSError: the file takes no more.
        """
        try:
            async with self._http.stream(method, path) as response:
                if not response.is_success:
                    await response.aread()
                    raise refusal(response)
                async for part in response.aiter_bytes():
                    file.write(part)
        except httpx.HTTPError as error:
            raise self._unanswered(error) from error

    async def upload(
        self, path: str, parts: AsyncIterator[bytes], media_type: str = "application/octet-stream"
    ) -> Any:
        """Make a call whose body goes out as it is read.

        Raises:
            CallFailed: refused, or no answer.
        """
        try:
            headers = {"content-type": media_type}
            response = await self._http.post(path, content=parts, headers=headers)
        except httpx.HTTPError as error:
            raise self._unanswered(error) from error
        return self._answer(response)

    def _unanswered(self, error: httpx.HTTPError) -> CallFailed:
        return CallFailed(f"no answer from {self._http.base_url}: {error!r}", status=0, code="")

    def _answer(self, response: httpx.Response) -> Any:
        if not response.is_success:
            raise refusal(response)
        try:
            return response.json()
        except ValueError:
            message = f"{self._http.base_url} answers, and not as Semblance does; see the address"
            raise CallFailed(message, status=response.status_code, code="") from None

    async def gallery(self, method: str, name: str, rest: str = "", body: object = None) -> Any:
        """Make a call about one gallery."""
        return await self.call(method, gallery_path(name) + rest, body)

    async def alias(self, method: str, name: str, body: object = None) -> Any:
        """Make a call about one alias."""
        quoted = quote(name, safe="", errors="surrogatepass")
        return await self.call(method, f"/v1/aliases/{quoted}", body)


async def patiently(call: Callable[[], Awaitable[Any]]) -> Any:
    """Call, and call again when the service asks for patience.

    Raises:
        CallFailed: refused for another reason, or once too often.
    """
    for attempt in range(TRIES_MAX):
        try:
            return await call()
        except CallFailed as error:
            if error.retry_after_seconds is None or attempt == TRIES_MAX - 1:
                raise
            await asyncio.sleep(error.retry_after_seconds)
    raise AssertionError("unreachable")


def gallery_path(name: str) -> str:
    """Return the path of a gallery."""
    return f"/v1/galleries/{quote(name, safe='', errors='surrogatepass')}"


def refusal(response: httpx.Response) -> CallFailed:
    """Read the one error shape out of a reply."""
    try:
        error = response.json()["error"]
        message, code = str(error["message"]), str(error["code"])
        param = error.get("param")
    except (ValueError, KeyError, TypeError, AttributeError):
        param = None
        message, code = f"the server answered {response.status_code}, not as Semblance does", ""
    after = response.headers.get("retry-after")
    seconds = float(after) if after and after.isdigit() else None
    return CallFailed(
        message,
        status=response.status_code,
        code=code,
        retry_after_seconds=seconds,
        param=param if isinstance(param, str) else None,
    )


@asynccontextmanager
async def open_client(
    server: str | None, key: str | None, settings: Settings
) -> AsyncIterator[Client]:
    """Connect to a running server, or run the service in this process on the local data folder.

    Raises:
        GalleryError, BundleError: the local folder or its encoders cannot be used.
        CallFailed: the address or the key cannot be one.
    """
    if server is not None:
        try:
            headers = {} if key is None else {"authorization": f"Bearer {key}"}
            http = httpx.AsyncClient(base_url=server, headers=headers, timeout=SECONDS_MAX)
        except (httpx.InvalidURL, ValueError) as error:
            message = f"--server {server!r} or --key cannot be used: {error}"
            raise CallFailed(message, status=0, code="") from error
        async with http:
            yield Client(http)
        return
    # Imported here: a client of a running server needs no encoder, no index, no web framework.
    from service.app import create_app  # noqa: PLC0415
    from service.assembly import assemble  # noqa: PLC0415
    from service.in_process import InProcess  # noqa: PLC0415

    # One caller, and no event loop of its own: neither keys nor a cache to share would serve it.
    alone = {"keys_file": None, "redis_url": None}
    parts = assemble(settings.model_copy(update=alone), asleep=True)
    try:
        transport = InProcess(create_app(parts))
        async with (
            parts.imports.running(),
            httpx.AsyncClient(transport=transport, base_url="http://local") as http,
        ):
            yield Client(http)
    finally:
        parts.close()
