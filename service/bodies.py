"""The bodies of requests: read whole, bounded in bytes, in time, and all of them together."""

import asyncio
import re

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from service.errors import BodyTooLarge, BodyTooSlow, Overloaded
from service.metrics import Metrics
from service.settings import Settings

RETRY_AFTER_SECONDS = 1.0  # bodies come and go with their requests
_STREAMED = re.compile(r"/v1/galleries/[^/]+/import")


def is_streamed(scope: Scope) -> bool:
    """Tell that the application reads the body itself, part by part, and does not hold it."""
    return scope["method"] == "POST" and _STREAMED.fullmatch(scope["path"]) is not None


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
        self._kind = "body"
        self.size = 0

    async def read(self, headers: Headers, receive: Receive) -> bytes:
        """Read the body whole; what is too large is refused before it has arrived.

        Raises:
            BodyTooLarge: it declares or has more bytes than one body may.
            BodyTooSlow: it did not arrive in time.
            Overloaded: there is no room beside the bodies of others.
            ClientGone: it broke off.
        """
        self._check_declared(headers)
        seconds = self._settings.body_seconds_max
        try:
            async with asyncio.timeout(seconds):
                return await self._arriving(receive)
        except TimeoutError:
            raise self._too_slow("body", seconds) from None

    def streamed(self, headers: Headers, receive: Receive) -> Receive:
        """Bound a body that the application reads part by part: its bytes, its time, each wait.

        Raises:
            BodyTooLarge, BodyTooSlow, ClientGone: as `read` does; all but the first when parts
            are received.
        """
        self._kind = "import"
        self._check_declared(headers)
        settings, clock = self._settings, asyncio.get_running_loop().time
        end = clock() + settings.import_seconds_max

        async def receiving() -> Message:
            silent = clock() + settings.body_seconds_max
            try:
                async with asyncio.timeout_at(min(end, silent)):
                    message = await receive()
            except TimeoutError:
                if silent < end:
                    raise self._too_slow("body", settings.body_seconds_max) from None
                raise self._too_slow("import", settings.import_seconds_max) from None
            if message["type"] == "http.disconnect":
                raise ClientGone
            self.size += len(message.get("body", b""))
            self._check_size(self.size)
            return message

        return receiving

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

    def _check_declared(self, headers: Headers) -> None:
        declared = headers.get("content-length", "0")
        if declared.isdigit():
            self._check_size(int(declared))

    def _check_size(self, size: int) -> None:
        most: int = getattr(self._settings, f"{self._kind}_bytes_max")
        if size > most:
            raise BodyTooLarge(
                f"the body has more than {most} bytes; send less in one call "
                f"or raise SEMBLANCE_{self._kind.upper()}_BYTES_MAX"
            )

    def _too_slow(self, kind: str, seconds: float) -> BodyTooSlow:
        return BodyTooSlow(
            f"the body did not arrive in {seconds:g} s (SEMBLANCE_{kind.upper()}_SECONDS_MAX); "
            f"{self.size} bytes did: send less in one call, or faster"
        )
