"""Connections, each bounded: their number, a request's head, silence, and a reply that waits."""

import asyncio
import logging
import math
import struct
import sys
from contextlib import suppress
from socket import SO_LINGER, SOL_SOCKET
from typing import Any
from uuid import uuid4

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from service.errors import (
    BodyTooLarge,
    HeadTooLarge,
    HeadTooSlow,
    HttpMalformed,
    Overloaded,
    ServiceError,
)
from service.metrics import Metrics
from service.replies import refuse_error
from service.settings import Settings

log = logging.getLogger("semblance.access")
# No settings: what a head needs is known (proxies and peers allow 8 to 32 KB and 100 fields), and
# its memory is paid by every connection: a list of fields takes up to 30 times its bytes.
HEAD_BYTES_MAX = 32 << 10
HEAD_FIELDS_MAX = 200
PIPELINED_MAX = 16  # requests that wait on one connection; what comes after them is not read
FRAMING_FACTOR = 16  # bytes that come around a byte of a chunked body: one-byte chunks need five
REFUSED_MAX = 1024  # connections beyond the limit that are being told so; others are just closed
LINGER_SECONDS = 3.0  # for a caller to read a refusal before its connection ends
RESET = struct.pack("ii", 1, 0)  # to linger for no time is to reset
TICK_SECONDS = 0.25  # how often every connection is looked at: 4096 take a millisecond or two


class Door:
    """What uvicorn is given to make connections with; it looks after all of them.

    One look at all of them in turn, instead of timers for each, costs a request nothing.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.admitted: set[Connection] = set()
        self.refused: set[Connection] = set()
        self._looking = False
        self._due = math.inf  # when all are looked at next

    def __call__(self, **given: Any) -> "Connection":
        """Make the protocol of one connection, as uvicorn asks for it."""
        return Connection(self, **given)

    def admits(self, connection: "Connection") -> bool:
        """Take a connection in, unless there are too many."""
        room = len(self.admitted) < self.settings.connections_max
        (self.admitted if room else self.refused).add(connection)
        self.metrics.connections(len(self.admitted))
        if not self._looking:
            self._look(connection.loop)
        return room

    def forget(self, connection: "Connection") -> None:
        """Strike a connection off that has ended."""
        self.admitted.discard(connection)
        self.refused.discard(connection)
        self.metrics.connections(len(self.admitted))

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looking = bool(self.admitted or self.refused)
        now = loop.time()
        # Where the loop, or the machine, was held up, what came meanwhile is still to be read:
        # callers are not silent, they were not heard. The look after that one is not put off.
        held_up = now > self._due + TICK_SECONDS
        self._due = math.inf if held_up else now + TICK_SECONDS
        if self._looking:
            loop.call_later(TICK_SECONDS, self._look, loop)
        if not held_up:
            for connection in [*self.admitted, *self.refused]:
                connection.look(now)


class Connection(HttpToolsProtocol):
    """uvicorn's own protocol, that waits for nobody without end and keeps nothing without bound."""

    def __init__(self, door: Door, **given: Any) -> None:
        super().__init__(**given)
        self._door = door
        self._opened_at = self.loop.time()
        self._close_by = math.inf
        self._deaf = False  # nothing that still comes is read
        # The head under way, or the one to come; between two of them a body may be under way.
        self._in_head, self._begun = True, False
        self._heads = 0
        self._head_since: float | None = None
        self._head_bytes = 0
        self._body_bytes = self._framed_bytes = 0
        # The reply that the caller has not read yet.
        self._unread_bytes = 0
        self._unread_since = self._moved_at = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection, or tell that there are too many."""
        super().connection_made(transport)
        if self._door.admits(self):
            return
        self.connections.discard(self)  # a stop does not wait for it
        if len(self._door.refused) > REFUSED_MAX:
            self._cut()
            return
        self._door.metrics.refused("overloaded")
        most = self._door.settings.connections_max
        words = f"{most} connections are open, the most there may be (SEMBLANCE_CONNECTIONS_MAX)"
        self._refuse(Overloaded(f"{words}: try again later", retry_after_seconds=1))

    def connection_lost(self, exc: Exception | None) -> None:
        """End a connection, whoever ended it."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._door.forget(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came; a head piece by piece, so that it is refused before it is held whole."""
        while data and not (self._deaf or self.transport.is_closing()):
            in_head, heads = self._in_head, self._heads
            size = HEAD_BYTES_MAX if in_head else len(data)
            piece, data = data[:size], data[size:]
            super().data_received(piece)
            if not in_head:
                self._framed_bytes += len(piece)
            if not self._in_head:
                self._check_framing()
            elif self._begun or (in_head and heads == self._heads):
                self._head_goes_on(len(piece) if heads == self._heads else 0)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, in the one shape too."""
        wrong = HttpMalformed("this is no request of HTTP/1.1: its line, a field or a length")
        if self._in_head:
            self._refuse(wrong)
        else:
            self._break_off(wrong)

    def on_message_begin(self) -> None:
        """Note that a head begins."""
        super().on_message_begin()
        self._begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field of a head; those after a chunked body say nothing that is used."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request, unless its head is too large or too many wait before it."""
        self._heads += 1
        self._in_head = self._begun = False
        self._head_since, self._head_bytes = None, 0
        self._body_bytes = self._framed_bytes = 0
        if self._deaf:
            return
        if len(self.headers) > HEAD_FIELDS_MAX:
            self._refuse(_too_large())
        elif len(self.pipeline) >= PIPELINED_MAX:
            self._end_after_replies()
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of a body for the application."""
        self._body_bytes += len(body)
        if not self._deaf:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Note that a request is here whole; the next may follow."""
        self._in_head = True
        if not self._deaf:
            self._close_by = math.inf
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request; of one that was answered early, the rest may still come."""
        super().on_response_complete()
        if self.cycle.response_complete and not self._in_head:
            self._close_by = self.loop.time() + LINGER_SECONDS

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: a caller who asks for another protocol is served by this one."""

    def look(self, now: float) -> None:
        """End the connection if the time for what it is about has passed."""
        limits = self._door.settings
        if now >= self._close_by or self._unread_too_long(now):
            self._cut()
        elif self._deaf:
            pass
        elif self._head_since is not None:
            if now - self._head_since >= limits.header_seconds_max:
                self._refuse(
                    HeadTooSlow(
                        f"the request's head did not arrive in {limits.header_seconds_max:g} s "
                        "(SEMBLANCE_HEADER_SECONDS_MAX): send it at once"
                    )
                )
        elif self._heads == 0:  # nothing has come yet; later silences are uvicorn's own timer
            silent = min(limits.header_seconds_max, limits.idle_seconds_max)
            if now - self._opened_at >= silent:
                self.transport.close()

    def _unread_too_long(self, now: float) -> bool:
        """Tell that what was written is not taken, or taken drop by drop."""
        left = self.transport.get_write_buffer_size()
        if left:  # the kernel takes more in lumps of a megabyte: how much it holds tells sooner
            left += _in_kernel(self.transport.get_extra_info("socket"))
        if left == 0 or self._unread_bytes == 0:
            self._unread_since = self._moved_at = now
        elif left < self._unread_bytes:
            self._moved_at = now
        self._unread_bytes = left
        limits = self._door.settings
        return (
            now - self._moved_at >= limits.idle_seconds_max
            or now - self._unread_since >= limits.request_seconds_max
        )

    def _head_goes_on(self, size: int) -> None:
        """Hold a head that is not whole yet against its bounds; its clock starts with it."""
        if self._head_since is None:
            self._head_since = self._opened_at if self._heads == 0 else self.loop.time()
        self._head_bytes += size
        fields = len(self.headers) if self._begun else 0
        if self._head_bytes >= HEAD_BYTES_MAX or fields > HEAD_FIELDS_MAX:
            self._refuse(_too_large())

    def _check_framing(self) -> None:
        """Refuse a body that is all chunk extensions and trailers: they have no bound."""
        if self._framed_bytes > HEAD_BYTES_MAX + FRAMING_FACTOR * self._body_bytes:
            self._break_off(BodyTooLarge("the body's chunks are mostly extensions or trailers"))

    def _break_off(self, error: ServiceError) -> None:
        """Refuse a request in the middle of its body, which the application waits for."""
        due = bool(self.pipeline) or self.cycle.response_started
        self.cycle.disconnected = True
        self.cycle.message_event.set()
        if due:
            self._end_after_replies()
        else:
            self._tell(error)

    def _refuse(self, error: ServiceError) -> None:
        """Refuse a request in its head; the replies to those before it go first, and alone."""
        if self._deaf or self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self._end_after_replies()  # a refusal would be taken for the reply to what came before
        else:
            self._tell(error)

    def _tell(self, error: ServiceError) -> None:
        """Answer with a refusal and end the connection, when it has been read or after a while."""
        self._deaf = True
        self._close_by = self.loop.time() + LINGER_SECONDS
        self._unset_keepalive_if_required()
        request_id = uuid4().hex
        reply = refuse_error(error, request_id=request_id)
        fields = [*self.server_state.default_headers, *reply.raw_headers]
        fields += [(b"x-request-id", request_id.encode()), (b"connection", b"close")]
        lines = [b"%s: %s\r\n" % field for field in fields]
        head = [STATUS_LINE[reply.status_code], *lines, b"\r\n"]
        self.transport.write(b"".join([*head, bytes(reply.body)]))
        if self.transport.can_write_eof():
            self.transport.write_eof()  # closed outright, it would lose the reply to a reset
        client = None if self.client is None else self.client[0]
        told = {"status": reply.status_code, "request_id": request_id, "client": client}
        log.info("refused before its request: %s", error, extra={"fields": told})

    def _cut(self) -> None:
        """End the connection at once: nor does the kernel keep what it has not sent."""
        with suppress(OSError):  # closed already, by the other side
            self.transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, RESET)
        self.transport.abort()

    def _end_after_replies(self) -> None:
        """Read no more; the replies that are due are the last on this connection."""
        self._deaf = True
        self._close_by = self.loop.time() + self._door.settings.request_seconds_max
        self.cycle.keep_alive = False


def _in_kernel(connection: Any) -> int:
    """Count the bytes that the kernel holds until the caller has acknowledged them."""
    if sys.platform != "linux" or connection.fileno() < 0:
        return 0
    import fcntl  # noqa: PLC0415 - of Unix, as the next
    import termios  # noqa: PLC0415

    held: int = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return held


def _too_large() -> HeadTooLarge:
    return HeadTooLarge(
        f"the request's head has more than {HEAD_BYTES_MAX} bytes or {HEAD_FIELDS_MAX} fields; "
        "send less, long things in the body"
    )
