"""The command line as a client of the REST surface: one path for a server and a local folder."""

from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Any
from urllib.parse import quote

import httpx

from service.settings import Settings

SECONDS_MAX = 600.0


class CallFailed(Exception):
    """The service refused a call, or could not be reached.

    Args:
        status: HTTP status; 0 when there was no answer.
        code: the error's code.
        retry_after_seconds: when to try again, where the service said so.
    """

    def __init__(
        self, message: str, *, status: int, code: str, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
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
        return await self._answered(method, path, json=body)

    async def gallery(self, method: str, name: str, rest: str = "", body: object = None) -> Any:
        """Make a call about one gallery."""
        return await self.call(method, _path("galleries", name, rest), body)

    async def upload(
        self, name: str, media_type: str, parts: AsyncIterator[bytes], columns: dict[str, str]
    ) -> Any:
        """Send a file to be imported into a gallery; the answer is its job."""
        path = _path("galleries", name, "/import")
        headers = {"content-type": media_type}
        return await self._answered("POST", path, params=columns, headers=headers, content=parts)

    async def export(self, name: str, file: IO[bytes]) -> None:
        """Write a gallery to a file, part by part, as Parquet.

        Raises:
            CallFailed: refused, no answer, or one that broke off.
        """
        try:
            async with self._http.stream("GET", _path("galleries", name, "/export")) as response:
                if not response.is_success:
                    await response.aread()
                    raise refusal(response)
                async for part in response.aiter_bytes():
                    await to_thread(file.write, part)
        except httpx.HTTPError as error:
            message = f"no whole answer from {self._http.base_url}: {error!r}"
            raise CallFailed(message, status=0, code="") from error

    async def alias(self, method: str, name: str, body: object = None) -> Any:
        """Make a call about one alias."""
        return await self.call(method, _path("aliases", name), body)

    async def _answered(self, method: str, path: str, **sent: Any) -> Any:
        at = self._http.base_url
        try:
            response = await self._http.request(method, path, **sent)
        except httpx.HTTPError as error:
            raise CallFailed(f"no answer from {at}: {error!r}", status=0, code="") from error
        except (ValueError, RecursionError) as error:  # NaN, bytes that are no UTF-8, too deep
            raise CallFailed(f"this cannot be sent to {at}: {error}", status=0, code="") from error
        if not response.is_success:
            raise refusal(response)
        try:
            return response.json()
        except ValueError:
            message = f"{at} answers, and not as Semblance does; see the address"
            raise CallFailed(message, status=response.status_code, code="") from None


def _path(kind: str, name: str, rest: str = "") -> str:
    return f"/v1/{kind}/{quote(name, safe='', errors='surrogatepass')}{rest}"


def refusal(response: httpx.Response) -> CallFailed:
    """Read the one error shape out of a reply."""
    try:
        error = response.json()["error"]
        message, code = str(error["message"]), str(error["code"])
    except (ValueError, KeyError, TypeError):
        message, code = f"the server answered {response.status_code}, not as Semblance does", ""
    after = response.headers.get("retry-after")
    seconds = float(after) if after and after.isdigit() else None
    return CallFailed(message, status=response.status_code, code=code, retry_after_seconds=seconds)


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

    # One caller, and no event loop of its own: neither keys nor a cache to share would serve it.
    alone = {"keys_file": None, "redis_url": None}
    parts = assemble(settings.model_copy(update=alone))
    try:
        transport = httpx.ASGITransport(create_app(parts))
        async with (
            parts.imports.running(),
            httpx.AsyncClient(transport=transport, base_url="http://local") as http,
        ):
            yield Client(http)
    finally:
        parts.close()
