"""Redis killed, frozen, full, locked and lying: answers stay right, and cost one wait at most."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import httpx
import numpy as np
import pytest
import redis

from models.modality import Item
from service.asking import Asking
from service.cache_keys import Form
from service.call import Embedded, Outcome
from service.metrics import Metrics
from service.recall import Recall
from service.redis_cache import PREFIX, RedisCache
from service.redis_door import CONNECTIONS_MAX, RedisDoor
from tests.fakes import row_of
from tests.pace import PACE
from tests.redis_server import RedisServer, free_port
from tests.server import Server

FORM = Form("space", 8, None, True)
TIMEOUT = 0.5  # long, so that a busy machine is not taken for a second wait


class Process:
    """What one serving process has of the cache, on a Redis."""

    def __init__(self, url: str, timeout_seconds: float = TIMEOUT) -> None:
        self.metrics = Metrics()
        self.door = RedisDoor(url, timeout_seconds=timeout_seconds, metrics=self.metrics)
        self.shared = RedisCache(self.door, self.metrics, seconds_max=60)
        self.recall = Recall(self.metrics, bytes_max=1 << 20, redis=self.shared)
        self.made: list[str] = []

    async def ask(self, *texts: str) -> float:
        """Ask for the embeddings of texts, hold them against the truth, return the seconds."""

        async def make(items: Sequence[Item]) -> list[Outcome]:
            self.made += [str(item.content) for item in items]
            return [
                Embedded(row_of(str(item.content), 8), len(str(item.content)), False)
                for item in items
            ]

        started = time.monotonic()
        items = [Item("text", text) for text in texts]
        outcomes = await self.recall.outcomes(items, FORM, Asking(), make, bulk=len(items) > 32)
        seconds = time.monotonic() - started
        for outcome, text in zip(outcomes, texts, strict=True):
            assert isinstance(outcome, Embedded)
            np.testing.assert_array_equal(outcome.row, row_of(text, 8))
            assert outcome.cost == len(text)
        return seconds

    async def written(self) -> None:
        """Wait until nothing waits to be written."""
        async with asyncio.timeout(5 * PACE):
            while self.shared._writer is not None and not self.shared._writer.done():
                await asyncio.sleep(0.001)

    async def close(self) -> None:
        await self.recall.close()
        await self.door.close()

    def count(self, series: str) -> float:
        return counted(self.metrics.text().decode(), series)


def counted(metrics: str, series: str) -> float:
    """Read one series."""
    for line in metrics.splitlines():
        name, _, value = line.rpartition(" ")
        if name == f"semblance_{series}":
            return float(value)
    raise KeyError(series)


HITS, MISSES, ERRORS = (
    f'cache_{what}_total{{tier="redis"}}' for what in ("hits", "misses", "errors")
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture
def plain(server: RedisServer) -> Iterator["redis.Redis"]:
    with redis.Redis(port=server.port) as client:
        yield client


def test_what_one_process_embedded_another_finds(server: RedisServer, plain: "redis.Redis") -> None:
    async def scene() -> None:
        one, two = Process(server.url), Process(server.url)
        texts = [f"text {n}" for n in range(300)]
        await one.ask(*texts)
        await one.written()
        await two.ask("new", *texts)
        assert two.made == ["new"]
        assert (two.count(HITS), two.count(MISSES), two.count(ERRORS)) == (300, 1, 0)
        await two.ask(*texts)  # its own by now
        assert two.count('cache_hits_total{tier="process"}') == 300
        for process in (one, two):
            await process.close()

    asyncio.run(scene())
    keys = plain.keys(PREFIX + b"*")
    assert isinstance(keys, list)
    assert len(keys) == 301
    ages = [plain.ttl(key) for key in keys]
    assert all(isinstance(age, int) and 50 < age <= 60 for age in ages)


def test_what_stands_wrong_in_redis_is_embedded_again_and_put_right(
    server: RedisServer, plain: "redis.Redis"
) -> None:
    async def scene() -> None:
        one, two, three = (Process(server.url) for _ in range(3))
        texts = [f"text {n}" for n in range(8)]
        await one.ask(*texts)
        await one.written()
        keys = sorted(plain.keys(PREFIX + b"*"))  # type: ignore[type-var, arg-type]
        values: list[bytes] = plain.mget(keys)  # type: ignore[assignment]
        plain.set(keys[0], b"garbage")
        plain.set(keys[1], values[2])  # another's
        plain.set(keys[2], values[2][:-1])
        plain.set(keys[3], b"\xff" * len(values[3]))
        plain.set(keys[4], b"")
        plain.delete(keys[5], keys[6])
        plain.rpush(keys[5], "a list")  # what Redis itself does not give for a value
        await two.ask(*texts)
        assert len(two.made) == 7
        assert (two.count(HITS), two.count(MISSES), two.count(ERRORS)) == (1, 7, 5)
        await two.written()
        await three.ask(*texts)
        assert (three.made, three.count(HITS)) == ([], 8)
        for process in (one, two, three):
            await process.close()

    asyncio.run(scene())


def test_a_frozen_redis_costs_one_wait_and_is_found_again(server: RedisServer) -> None:
    async def scene() -> None:
        process = Process(server.url)
        await process.ask("before")
        await process.written()
        server.pause()
        at_once = await asyncio.gather(*(process.ask(f"frozen {n}") for n in range(50)))
        assert TIMEOUT * 0.9 < max(at_once) < TIMEOUT * 1.9
        after = [await process.ask(f"after {n}") for n in range(20)]
        assert max(after) < TIMEOUT / 2
        assert process.count("redis_away") == 1
        assert process.count(ERRORS) >= 50
        server.resume()
        async with asyncio.timeout(10 * PACE):
            while process.count("redis_away"):
                await process.ask(f"again {time.monotonic()}")
                await asyncio.sleep(0.05)
        other = Process(server.url)
        await other.ask("before")
        assert (other.made, other.count(HITS)) == ([], 1)
        await process.close()
        await other.close()

    asyncio.run(scene())


def test_a_full_redis_is_still_read(server: RedisServer, plain: "redis.Redis") -> None:
    async def scene() -> None:
        one, two = Process(server.url), Process(server.url)
        await one.ask("before")
        await one.written()
        plain.config_set("maxmemory", "1mb")  # less than it has of its own
        await one.ask(*(f"text {n}" for n in range(200)))
        await one.written()
        assert (one.count(ERRORS), one.count("redis_away")) == (200, 0)
        await two.ask("before", "text 1")
        assert (two.made, two.count(HITS)) == (["text 1"], 1)
        await one.close()
        await two.close()

    asyncio.run(scene())


@pytest.mark.parametrize("password", ["", "us3r:wr0ng@", ":wr0ng@"])
def test_a_wrong_password_is_as_good_as_no_redis(
    tmp_path: Path, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(server: RedisServer) -> None:
        wrong = Process(server.url.replace("//", f"//{password}"))
        right = Process(server.url.replace("//", "//:r1ght@"))
        for _ in range(3):
            await wrong.ask(f"text {time.monotonic()}")
        assert (wrong.count("redis_away"), wrong.count(HITS)) == (1, 0)
        assert wrong.count(ERRORS) >= 3
        await right.ask("text")
        assert (right.count("redis_away"), right.count(MISSES), right.count(ERRORS)) == (0, 1, 0)
        await wrong.close()
        await right.close()

    with RedisServer(tmp_path, "--requirepass", "r1ght") as server:
        asyncio.run(scene(server))
    assert "left alone" in caplog.text
    assert "wr0ng" not in caplog.text


def test_a_burst_opens_few_connections(server: RedisServer, plain: "redis.Redis") -> None:
    async def scene() -> int:
        process = Process(server.url, timeout_seconds=10)
        await asyncio.gather(*(process.ask(f"text {n}") for n in range(2000)))
        assert (process.count(MISSES), process.count(ERRORS)) == (2000, 0)
        open_now = len(plain.client_list()) - 1
        await process.close()
        return open_now

    assert asyncio.run(scene()) <= CONNECTIONS_MAX


def test_callers_who_leave_cost_no_connection_and_mix_up_no_answers(
    server: RedisServer, plain: "redis.Redis"
) -> None:
    plain.mset({f"k{n}": f"v{n}" for n in range(100)})
    chance = random.Random(0)

    async def scene() -> None:
        process = Process(server.url, timeout_seconds=5)

        async def read(n: int) -> None:
            assert await process.door.ask(lambda r: r.get(f"k{n}")) == b"v%d" % n

        async def embed(n: int) -> None:
            await process.ask(f"text {n}")

        for at in range(30):
            calls = [asyncio.create_task(read(n)) for n in range(40)]
            calls += [asyncio.create_task(embed(100 * at + n // 2)) for n in range(20)]
            staying, leaving = calls[::2], calls[1::2]
            for call in chance.sample(leaving, len(leaving)):
                await asyncio.sleep(chance.random() / 2000)
                call.cancel()
            ends = await asyncio.gather(*leaving, return_exceptions=True)
            assert {type(end) for end in ends} <= {type(None), asyncio.CancelledError}
            await asyncio.gather(*staying)
        await asyncio.gather(*(read(n) for n in range(60)))
        assert process.count(ERRORS) == 0
        assert process.count("redis_away") == 0
        assert len(plain.client_list()) - 1 <= CONNECTIONS_MAX
        await process.written()
        await process.close()

    asyncio.run(scene())


def test_redis_is_tried_again_on_a_connection_of_its_own(
    server: RedisServer, plain: "redis.Redis"
) -> None:
    """Those that were idle may have been cut off in silence: each would cost a pause."""

    async def scene() -> None:
        process = Process(server.url, timeout_seconds=1)
        await asyncio.gather(*(process.door.ask(lambda r: r.ping()) for _ in range(10)))
        assert len(plain.client_list()) == 11
        process.door._failed(TimeoutError(), trial=False)
        await asyncio.sleep(1)
        assert await process.door.ask(lambda r: r.ping())
        assert process.count("redis_away") == 0
        assert len(plain.client_list()) == 2
        await process.close()

    asyncio.run(scene())


def test_what_waits_to_be_written_is_given_up_within_a_second(server: RedisServer) -> None:
    async def scene() -> None:
        process = Process(server.url, timeout_seconds=10)
        await process.ask("before")
        await process.written()
        server.pause()
        entries = {bytes([n]) * 32: Embedded(row_of("x", 8), 1, False) for n in range(200)}
        process.shared.put(entries)
        await asyncio.sleep(0.01)
        started = time.monotonic()
        await process.close()
        assert time.monotonic() - started < 2.5 * PACE

    asyncio.run(scene())


def test_more_than_may_wait_is_dropped_and_counted(server: RedisServer) -> None:
    async def scene() -> None:
        process = Process(server.url, timeout_seconds=10)
        row = np.zeros(1 << 20, np.float32)
        row[0] = 1
        process.shared.put({bytes([n]) * 32: Embedded(row, 1, False) for n in range(10)})
        assert process.count(ERRORS) == 2  # 4 MiB each, of 32 MiB
        await process.written()
        await process.close()

    asyncio.run(scene())


def test_no_redis_at_all() -> None:
    async def scene() -> None:
        process = Process(f"redis://127.0.0.1:{free_port()}")
        assert max([await process.ask(f"text {n}") for n in range(20)]) < TIMEOUT
        assert process.count("redis_away") == 1
        await process.close()

    asyncio.run(scene())


@contextmanager
def liar(answer: Callable[[bytes], bytes | None]) -> Iterator[str]:
    """A server that answers whatever it is asked in its own way; None closes the connection."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            while asked := self.request.recv(1 << 16):
                given = answer(asked)
                if given is None:
                    return
                try:
                    self.request.sendall(given)
                except OSError:
                    return

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        listening.daemon_threads = True
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        try:
            yield f"redis://127.0.0.1:{listening.server_address[1]}"
        finally:
            listening.shutdown()


@pytest.mark.parametrize(
    "answer",
    [
        lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n",
        lambda _: b"",
        lambda _: None,
        lambda asked: asked,
        lambda _: b":7\r\n",
        lambda _: b"+OK\r\n",
        lambda _: b"*0\r\n",
        lambda _: b"*-1\r\n",
        lambda _: b"*2\r\n:1\r\n:2\r\n",
        lambda _: b"*1\r\n$7\r\ngarbage\r\n",
        lambda _: b"*1\r\n*1\r\n$1\r\nx\r\n",
        lambda _: b"*1\r\n-ERR inside\r\n",
        lambda _: b"*1\r\n" * 20_000,
        lambda _: b"*x\r\n",
        lambda _: b"$-7\r\n",
        lambda _: b"$99999999999999999999\r\n",
        lambda _: b"*99999999999999999999\r\n",
        lambda _: b":" + b"9" * 5000 + b"\r\n",
        lambda _: b"\xff" * 100_000 + b"\r\n",
        lambda _: b"-ERR \xff\xfe\r\n",
        lambda _: b"-MOVED 1 2\r\n",
        lambda _: b"-LOADING\r\n",
    ],
)
def test_a_server_that_lies_changes_no_answer(answer: Callable[[bytes], bytes | None]) -> None:
    async def scene(url: str) -> None:
        process = Process(url)
        seconds = [await process.ask(f"text {n}") for n in range(5)]
        assert max(seconds) < TIMEOUT * 1.9
        assert sum(one > TIMEOUT / 2 for one in seconds) <= 1
        assert process.count(HITS) == 0
        await asyncio.sleep(0)
        await process.written()
        assert process.count(ERRORS) > 0
        assert len(process.made) == 5
        await process.close()

    with liar(answer) as url:
        asyncio.run(scene(url))


class Load(threading.Thread):
    """Embeds through a server, new texts and old ones, until it is told to end."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__()
        self.url, self.number = url, number
        self.ending = threading.Event()
        self.seconds: list[tuple[float, float]] = []  # when asked, and how long it took
        self.statuses: set[int] = set()

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30 * PACE) as http:
            asked = 0
            while not self.ending.is_set():
                asked += 1
                texts = [f"text {self.number} {asked}", f"text {asked % 7}"]
                begun = time.monotonic()
                reply = http.post("/v1/embeddings", json={"model": "minilm", "input": texts})
                self.seconds.append((begun, time.monotonic() - begun))
                self.statuses.add(reply.status_code)


def test_redis_killed_under_load_costs_nobody_more_than_one_wait(tmp_path: Path) -> None:
    wait = 0.5
    (tmp_path / "redis").mkdir()
    with RedisServer(tmp_path / "redis") as first:
        flags = ["--redis-url", first.url, "--redis-timeout-seconds", str(wait)]
        with Server(tmp_path / "one", *flags) as one, Server(tmp_path / "two", *flags) as two:
            body = {"model": "minilm", "input": "shared", "encoding_format": "base64"}
            rows = []
            for url in (one.url, two.url):
                reply = httpx.post(f"{url}/v1/embeddings", json=body)
                rows.append(reply.json()["data"][0]["embedding"])
                time.sleep(0.1)
            assert rows[0] == rows[1]
            assert "forward" not in reply.headers["server-timing"]
            assert counted(httpx.get(f"{two.url}/metrics").text, HITS) == 1

            load = [Load(one.url, number) for number in range(4)]
            for caller in load:
                caller.start()
            while min(len(caller.seconds) for caller in load) < 10:
                assert all(caller.is_alive() for caller in load)
                time.sleep(0.1)
            time.sleep(wait)
            killed_at = time.monotonic()
            first.kill()
            time.sleep(1)
            away = httpx.get(f"{one.url}/metrics").text
            with RedisServer(tmp_path / "redis", port=first.port):
                deadline = time.monotonic() + 20 * PACE
                while counted(httpx.get(f"{one.url}/metrics").text, "redis_away"):
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
                for caller in load:
                    caller.ending.set()
                    caller.join()
                told = [line for line in one.lines if "Redis" in line]
            assert len(told) == 2
            assert "left alone" in told[0]
            assert "answers again" in told[1]
            assert {status for caller in load for status in caller.statuses} == {200}
            took = [one for caller in load for one in caller.seconds]
            before = [seconds for begun, seconds in took if begun < killed_at - wait]
            after = [seconds for begun, seconds in took if begun >= killed_at - wait]
            assert min(len(before), len(after)) > 20
            assert max(after) < max(before) + wait + 0.3
            assert counted(away, "redis_away") == 1
            assert counted(away, ERRORS) > 0
