"""Callers that cost little themselves: on two cores, a load that is heavy slows what it loads."""

import asyncio
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import httpx

WORDS = ("whose", "mark", "is", "this", "the", "gallery", "tells", "or", "says", "unknown")


@dataclass(frozen=True, slots=True)
class Reply:
    """What a caller saw: the status, and the seconds from when it should have been sent."""

    status: int
    seconds: float


class Connection:
    """One kept-alive connection; asks the embedding of one text at a time."""

    def __init__(self, url: str) -> None:
        parsed = httpx.URL(url)
        self._host, self._port = parsed.host, parsed.port or 80
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, text: str) -> int:
        """Send one text and read the whole reply; return the status.

        A connection that the server closed for being idle is opened anew, as any client does.
        """
        try:
            return await self._ask(text)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.close()
            return await self._ask(text)

    async def _ask(self, text: str) -> int:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        body = json.dumps({"model": "minilm", "input": text, "encoding_format": "base64"}).encode()
        head = (
            "POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(answer.split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        return int(answer.split(b" ", 2)[1])

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


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
