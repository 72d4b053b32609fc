"""Callers that cost little themselves: on two cores, a load that is heavy slows what it loads."""

import asyncio
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import cast

import httpx

WORDS = ("whose", "mark", "is", "this", "the", "gallery", "tells", "or", "says", "unknown")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a caller saw: the status, and the seconds from when it should have been sent."""

    status: int
    seconds: float


class Connection(asyncio.Protocol):
    """One kept-alive connection; asks the embedding of one text at a time."""

    def __init__(self, url: str) -> None:
        parsed = httpx.URL(url)
        self._host, self._port = parsed.host, parsed.port or 80
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[int] | None = None
        self._arrived = b""

    async def ask(self, text: str) -> int:
        """Send one text and read the whole reply; return the status.

        A connection that the server closed for being idle is opened anew, as any client does.
        """
        try:
            return await self._ask(text)
        except ConnectionError:
            self.close()
            return await self._ask(text)

    async def _ask(self, text: str) -> int:
        loop = asyncio.get_running_loop()
        if self._transport is None:
            await loop.create_connection(lambda: self, self._host, self._port)
        assert self._transport is not None
        body = json.dumps({"model": "minilm", "input": text, "encoding_format": "base64"}).encode()
        head = (
            "POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self._arrived, self._answer = b"", loop.create_future()
        self._transport.write(head.encode() + body)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note where to write."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        """Tell the status once the reply is here whole."""
        self._arrived += data
        head, parted, body = self._arrived.partition(b"\r\n\r\n")
        if parted and self._answer is not None:
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            if len(body) >= length and not self._answer.done():
                self._answer.set_result(int(head.split(b" ", 2)[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None


def mixed_texts(seed: int) -> Iterator[str]:
    """Make texts of 4 to 64 words, no two alike."""
    rng = random.Random(seed)
    for number in itertools.count():
        yield f"{seed} {number} " + " ".join(rng.choices(WORDS, k=rng.randint(2, 62)))


async def closed_loop(url: str, callers: int, texts: Iterator[str], seconds: float) -> list[Reply]:
    """Let callers ask one text after another, each as soon as it has its answer."""
    replies: list[Reply] = []
    until = perf_counter() + seconds

    async def caller() -> None:
        connection = Connection(url)
        while (started := perf_counter()) < until:
            status = await connection.ask(next(texts))
            replies.append(Reply(status, perf_counter() - started))
        connection.close()

    await asyncio.gather(*(caller() for _ in range(callers)))
    return replies


async def open_loop(url: str, rate: float, texts: Iterator[str], seconds: float) -> list[Reply]:
    """Ask so many texts a second at random moments, whether earlier ones are answered or not."""
    rng = random.Random(0)
    free: list[Connection] = []
    replies: list[Reply] = []

    async def one(due: float) -> None:
        connection = free.pop() if free else Connection(url)
        status = await connection.ask(next(texts))
        replies.append(Reply(status, perf_counter() - due))
        free.append(connection)

    started = due = perf_counter()
    async with asyncio.TaskGroup() as group:
        while due - started < seconds:
            await asyncio.sleep(max(0.0, due - perf_counter()))
            group.create_task(one(due))
            due += rng.expovariate(rate)
    for connection in free:
        connection.close()
    return replies


def percentile(values: list[float], share: float) -> float:
    """Return the value below which that share lies; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
