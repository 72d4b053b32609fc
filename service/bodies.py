"""The bodies of requests: read whole, bounded in bytes, in time, and all of them together.

Those that may be larger than memory are handed on piece by piece instead.
"""

import asyncio
import re

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from service.errors import BodyTooLarge, BodyTooSlow, Overloaded
from service.metrics import Metrics
from service.settings import Settings

# Calls whose routes read the body as it comes, and bound its bytes themselves.
STREAMED = re.compile(r"/v1/galleries/[^/]+/(import|restore)")
MOMENT_SECONDS = 0.25  # beyond a silence
RETRY_AFTER_SECONDS = 1.0  # bodies come and go with their requests


class ClientGone(Exception):
    """The caller closed the connection before it had its answer."""


class Bodies:
    """The bytes of all bodies that are held at once; they count as they arrive, not as declared."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._held = 0

    def one(self) -> "Body":
        """Begin the body of a request, which must be let go when the request ends."""
        return Body(self, self._settings)

    def seconds_max(self, path: str) -> float:
        """Tell how long a request may take, the time for a body that is streamed added."""
        streamed = STREAMED.fullmatch(path) is not None
        settings = self._settings
        return settings.request_seconds_max + streamed * settings.upload_seconds_max

    def take(self, size: int) -> None:
        """Count bytes that have arrived.

        Raises:
            Overloaded: they would be too many.
        """
        most = self._settings.bodies_bytes_max
        if self._held + size > most:
            raise Overloaded(
                f"requests hold {self._held} bytes of bodies; the limit is {most} "
                "(SEMBLANCE_BODIES_BYTES_MAX): try again later",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            )
        self.give(-size)

    def give(self, size: int) -> None:
        """Count bytes that are held no more."""
        self._held -= size
        self._metrics.bodies(self._held)


class Body:
    """The body of one request."""

    def __init__(self, bodies: Bodies, settings: Settings) -> None:
        self._bodies = bodies
        self._settings = settings
        self._held = 0
        self.size = 0

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """Read the body whole; what is too large is refused before it has arrived.

        Raises:
            BodyTooLarge: it declares or has more bytes than one body may.
            BodyTooSlow: it did not arrive in time.
            Overloaded: there is no room beside the bodies of others.
            ClientGone: it broke off.
        """
        declared = headers.get("content-length", "0")
        if declared.isdigit():
            self._check_size(int(declared))
        seconds = self._settings.body_seconds_max
        try:
            async with asyncio.timeout(seconds):
                return await self._arriving(receive)
        except TimeoutError:
            raise BodyTooSlow(
                f"the body did not arrive in {seconds:g} s (SEMBLANCE_BODY_SECONDS_MAX); "
                f"{self.size} bytes did: send less in one call, or faster"
            ) from None

    async def handed_on(
        self, path: str, headers: Headers, receive: Receive
    ) -> tuple[Receive, Receive]:
        """Return what gives the application its body, and what tells what comes behind the body.

        Raises:
            BodyTooLarge, BodyTooSlow, Overloaded, ClientGone: as `read` does, where it is read.
        """
        if STREAMED.fullmatch(path):
            coming = Coming(self, receive, self._settings)
            return coming, coming.after
        return replay(await self.read(headers, receive), receive), receive

    def let_go(self) -> None:
        """Give the bytes back; at a second call there are none."""
        if self._held:
            self._bodies.give(self._held)
            self._held = 0

    async def _arriving(self, receive: Receive) -> bytes:
        parts: list[bytes] = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            if part:
                self.size += len(part)
                self._check_size(self.size)
                self._bodies.take(len(part))
                self._held += len(part)
                parts.append(part)
            if not message.get("more_body", False):
                return b"".join(parts)

    def _check_size(self, size: int) -> None:
        most = self._settings.body_bytes_max
        if size > most:
            raise BodyTooLarge(
                f"the body has more than {most} bytes; send less in one call "
                "or raise SEMBLANCE_BODY_BYTES_MAX"
            )


class Coming:
    """A body as it comes: counted and not kept, each part of it waited for a bounded time.

    It is called as the application receives; `after` is what there is to receive behind the body.
    """

    def __init__(self, body: Body, receive: Receive, settings: Settings) -> None:
        self._body, self._receive, self._settings = body, receive, settings
        self._end = asyncio.get_running_loop().time() + settings.upload_seconds_max
        self._whole = asyncio.Event()

    async def __call__(self) -> Message:
        """Receive a part.

        Raises:
            BodyTooSlow: it did not come in time.
            ClientGone: the caller broke off.
        """
        if self._whole.is_set():
            return await self._receive()
        message = await self._heard()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._body.size += len(message.get("body", b""))
        if not message.get("more_body", False):
            self._whole.set()
        return message

    async def _heard(self) -> Message:
        """Receive, unless nothing comes for too long.

        Then a moment more: while the loop was held up, by the machine or by a thread that kept the
        others waiting, what came could not be heard, and is still to be read.
        """
        loop = asyncio.get_running_loop()
        for seconds in (self._settings.idle_seconds_max, MOMENT_SECONDS):
            silent = loop.time() + seconds
            try:
                async with asyncio.timeout_at(min(silent, self._end)):
                    return await self._receive()
            except TimeoutError:
                if self._end <= silent:
                    raise self._too_slow(silent=False) from None
        raise self._too_slow(silent=True)

    def _too_slow(self, *, silent: bool) -> BodyTooSlow:
        if silent:
            what = f"nothing of the body came for {self._settings.idle_seconds_max:g} s"
            name = "IDLE"
        else:
            what = f"the body did not arrive in {self._settings.upload_seconds_max:g} s"
            name = "UPLOAD"
        return BodyTooSlow(
            f"{what} (SEMBLANCE_{name}_SECONDS_MAX); {self._body.size} bytes did before: "
            "send it again"
        )

    async def after(self) -> Message:
        """Receive what comes behind the body, once that is here."""
        await self._whole.wait()
        return await self._receive()


def replay(body: bytes, receive: Receive) -> Receive:
    """Give the application a body that has been read already, then what comes after it."""
    given = False

    async def receiving() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving
