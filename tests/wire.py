"""Clients that speak HTTP by hand: no library would do what they do."""

import asyncio
import json
import resource
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.pace import PACE
from tests.server import Server


@dataclass(frozen=True)
class Reply:
    """One whole answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found


def replies(raw: bytes) -> list[Reply]:
    """Read what a connection said as whole answers; anything less fails the test."""
    found = []
    while raw:
        head, parted, raw = raw.partition(b"\r\n\r\n")
        assert parted, f"a head that breaks off: {head[-200:]!r}"
        line, *fields = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (one.split(": ", 1) for one in fields)}
        length = int(headers.get("content-length", "0"))
        assert len(raw) >= length, f"{length} bytes are promised, {len(raw)} came: {line}"
        found.append(Reply(int(line.split()[1]), headers, raw[:length]))
        raw = raw[length:]
    return found


def request(path: str, body: bytes = b"", *fields: str, length: int | None = None) -> bytes:
    """Write a request, or the beginning of one whose body will be of that length."""
    method = "POST" if body or length else "GET"
    lines = [f"{method} {path} HTTP/1.1", "host: x", "content-type: application/json", *fields]
    lines.append(f"content-length: {len(body) if length is None else length}")
    return "\r\n".join((*lines, "", "")).encode() + body


def embedding(text: str) -> bytes:
    """Write the body of a small call."""
    return json.dumps({"model": "minilm", "input": text}).encode()


def address(server: Server) -> tuple[str, int]:
    """Tell where a server listens."""
    url = httpx.URL(server.url)
    return url.host, url.port or 80


async def talk(server: Server, parts: Iterable[bytes], pause: float = 0.0) -> tuple[bytes, float]:
    """Send the parts with pauses; return what came until the end, and after how long it came."""
    started = time.monotonic()
    reader, writer = await asyncio.open_connection(*address(server), limit=1 << 26)

    async def sending() -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)

    speaking = asyncio.create_task(sending())
    said = b""
    try:
        while part := await reader.read(1 << 20):
            said += part
    except ConnectionError:
        pass
    took = time.monotonic() - started
    speaking.cancel()
    await asyncio.gather(speaking, return_exceptions=True)
    writer.transport.abort()
    with suppress(ConnectionError):
        await writer.wait_closed()
    return said, took


def said(server: Server, *parts: bytes, pause: float = 0.0) -> tuple[list[Reply], float]:
    """Send the parts on a connection of their own; return its answers, and when it ended."""
    raw, took = asyncio.run(talk(server, parts, pause))
    return replies(raw), took


@dataclass(frozen=True)
class Held:
    """What a server's process holds."""

    sockets: int
    descriptors: int
    threads: int
    megabytes: float


def held(server: Server) -> Held:
    """Look at a server's process from outside."""
    folder = Path("/proc") / str(server.process.pid)
    status = dict(line.split(":\t") for line in (folder / "status").read_text().splitlines())
    links = []
    for one in (folder / "fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(one.readlink()))
    return Held(
        sum(link.startswith("socket:") for link in links),
        len(links),
        int(status["Threads"]),
        int(status["VmRSS"].split()[0]) / 1024,
    )


def at_rest(server: Server) -> Held:
    """Look at a process when those who have just left are gone: the least of some looks."""
    looks = []
    for _ in range(6):
        looks.append(held(server))
        time.sleep(0.05 * PACE)
    return min(looks, key=lambda one: one.sockets)


def until(holds: Callable[[], bool], seconds: float, words: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds * PACE
    while not holds():
        assert time.monotonic() < end, words
        time.sleep(0.05)


def admitted(server: Server, stack: ExitStack, count: int) -> None:
    """Open connections and leave them open; each has been served once, so that it counts."""
    for _ in range(count):
        one = stack.enter_context(socket.create_connection(address(server), 10))
        one.sendall(request("/livez"))
        assert one.recv(1000).startswith(b"HTTP/1.1 200")


def settled(server: Server, before: Held, *, seconds: float = 10) -> None:
    """Wait until nothing is held any more that was not before; then it must be ready.

    A pool of forty threads, each with a connection to the database, is made as it is needed.
    """

    def back() -> bool:
        now = held(server)
        return now.sockets <= before.sockets

    until(back, seconds, f"before {before}, now {held(server)}")
    now = held(server)
    assert now.threads <= max(before.threads, 10) + 40
    assert now.descriptors <= max(before.descriptors, 20) + 80
    assert httpx.get(f"{server.url}/readyz", timeout=10 * PACE).status_code == 200

    def alone() -> bool:  # the connection of the call before may still be on its way out
        series = httpx.get(f"{server.url}/metrics").text
        return "semblance_connections 1.0\n" in series and "semblance_bodies_bytes 0.0\n" in series

    until(alone, 2, "nothing is held of connections and bodies")


def allow_many_files() -> None:
    """Let this process open as many connections as it may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
