"""Clients that dribble, crash, come all at once, never read, or write what no client should."""

import asyncio
import contextlib
import json
import signal
import socket
import statistics
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.pace import PACE
from tests.server import Server
from tests.wire import (
    Held,
    Reply,
    address,
    admitted,
    allow_many_files,
    at_rest,
    embedding,
    held,
    replies,
    request,
    said,
    settled,
    talk,
    until,
)

EMBED = "/v1/embeddings"
G = "/v1/galleries/g"
DRIBBLERS = 500
FLAGS = (
    "--header-seconds-max=3", "--body-seconds-max=3", "--idle-seconds-max=3",
    "--request-seconds-max=8", "--body-bytes-max=1000000", "--log-level=warning",
)  # fmt: skip
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close at once, by RST
LARGE = f"{G}/exemplars?limit=200"  # an answer of 12 MB


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    allow_many_files()
    with Server(tmp_path_factory.mktemp("data"), *FLAGS) as server:
        with httpx.Client(base_url=server.url, timeout=30 * PACE) as http:
            http.put(G, json={"space": "s", "dim": 2}).raise_for_status()
            for first in range(0, 200, 10):
                rows = [
                    {"id": f"{n}", "item": {"vector": [1, n]}, "payload": {"x": "x" * 60_000}}
                    for n in range(first, first + 10)
                ]
                http.post(f"{G}/exemplars", json={"exemplars": rows}).raise_for_status()
            # Threads are made when they are first needed; all of them, before they are counted.
            asyncio.run(burst(server, 200))
        yield server


@pytest.fixture
def before(server: Server) -> Held:
    """What the server holds while nobody is there."""
    quiet = "semblance_connections 1.0\n"
    until(lambda: quiet in httpx.get(f"{server.url}/metrics").text, 10, "somebody is there")
    return at_rest(server)


async def burst(server: Server, count: int) -> list[Reply]:
    """Make so many connections at once, each with one small request; return every answer."""

    async def one(number: int) -> Reply:
        sent = request(EMBED, embedding(f"number {number}"), "connection: close")
        raw, _ = await talk(server, [sent])
        (answer,) = replies(raw)
        return answer

    return await asyncio.gather(*(one(number) for number in range(count)))


def test_who_spoke_while_the_machine_stood_still_is_answered(server: Server, before: Held) -> None:
    """Silence is what was not said, not what was not heard."""
    with contextlib.ExitStack() as stack:

        def connect() -> socket.socket:
            return stack.enter_context(socket.create_connection(address(server), timeout=30 * PACE))

        early = [connect() for _ in range(20)]
        until(lambda: held(server).sockets >= before.sockets + 20, 2, "they are accepted")
        server.process.send_signal(signal.SIGSTOP)
        try:
            late = [connect() for _ in range(20)]
            for number, one in enumerate(early + late):
                one.sendall(request(EMBED, embedding(f"still {number}"), "connection: close"))
            time.sleep(4)  # longer than a head, and a silence, may take
        finally:
            server.process.send_signal(signal.SIGCONT)
        for one in early + late:
            raw = b"".join(iter(lambda one=one: one.recv(1 << 16), b""))  # type: ignore[misc]
            (answer,) = replies(raw)
            assert answer.status == 200
    settled(server, before)


async def latencies(server: Server, until_done: asyncio.Future[object]) -> list[float]:
    """Ask as an honest caller does, again and again, until something else is done."""
    taken = []
    async with httpx.AsyncClient(base_url=server.url, timeout=30 * PACE) as http:
        while not until_done.done():
            started = time.monotonic()
            body = {"model": "minilm", "input": f"honest {started}"}
            (await http.post(EMBED, json=body)).raise_for_status()
            taken.append(time.monotonic() - started)
            await asyncio.sleep(0.02)
    return taken


@pytest.mark.slow
@pytest.mark.parametrize(
    ("whole", "code"),
    [
        (request("/livez", b"", *(f"x-{n}: y" for n in range(100))), "head_too_slow"),
        (request(EMBED, b" " * 500, length=1000), "body_too_slow"),
    ],
    ids=["heads", "bodies"],
)
def test_dribblers_are_closed_in_time_and_hold_up_nobody(
    server: Server, before: Held, whole: bytes, code: str
) -> None:
    head = len(whole) if code == "head_too_slow" else len(whole) - 500
    parts = [whole[: head - 600]] if code == "head_too_slow" else [whole[:head]]
    parts += [whole[at : at + 1] for at in range(len(parts[0]), len(whole))]

    async def scene() -> tuple[list[tuple[bytes, float]], list[float]]:
        dribbling = asyncio.gather(*(talk(server, parts, 0.25) for _ in range(DRIBBLERS)))
        taken = await latencies(server, dribbling)
        return await dribbling, taken

    ended, taken = asyncio.run(scene())
    for raw, took in ended:
        (answer,) = replies(raw)
        assert (answer.status, answer.error["code"]) == (408, code)
        assert 2.5 < took < 10 * PACE
    assert len(taken) > 20
    assert statistics.median(taken) < 0.2 * PACE
    assert max(taken) < 2 * PACE
    settled(server, before)


@pytest.mark.slow
def test_clients_that_crash_leave_nothing(server: Server, before: Held) -> None:
    embed = request(EMBED, embedding("a text"))
    stages = {
        "before a byte": b"",
        "in the head": embed[:20],
        "in the body": embed[:-5],
        "before the reply": embed,
        "in the reply": request(LARGE),
    }
    for stage, sent in stages.items():
        for number in range(40 if stage == "in the reply" else 200):
            with socket.create_connection(address(server)) as one:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                one.sendall(sent)
                if stage == "in the reply":
                    assert one.recv(1000).startswith(b"HTTP/1.1 200")
                elif number % 2:
                    time.sleep(0.002)
    settled(server, before)
    assert httpx.post(server.url + EMBED, content=embedding("after"), headers=JSON).is_success


@pytest.mark.slow
def test_a_burst_of_2000_is_answered_to_the_last(server: Server, before: Held) -> None:
    answers = asyncio.run(burst(server, 2000))
    assert len(answers) == 2000
    taken = [answer for answer in answers if answer.status == 200]
    assert taken
    for answer in taken:
        assert len(json.loads(answer.body)["data"][0]["embedding"]) == 384
    for answer in answers:
        if answer.status != 200:
            assert answer.status in (429, 503)
            assert int(answer.headers["retry-after"]) >= 1
    settled(server, before)
    assert held(server).megabytes < before.megabytes + 100


@pytest.mark.slow
def test_a_client_that_does_not_read_is_let_go(server: Server, before: Held) -> None:
    def asking(stack: contextlib.ExitStack) -> socket.socket:
        one = stack.enter_context(socket.socket())
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(address(server))
        one.sendall(request(LARGE))
        return one

    with contextlib.ExitStack() as stack:
        for _ in range(10):
            asking(stack)
        until(lambda: held(server).sockets >= before.sockets + 9, 2, "they are there")
        started = time.monotonic()
        settled(server, before)
        assert time.monotonic() - started < 6 * PACE
    with contextlib.ExitStack() as stack:  # drop by drop is no better
        slow = asking(stack)
        slow.settimeout(5)
        started = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while slow.recv(2000):
                time.sleep(0.1)
                assert time.monotonic() - started < 15 * PACE
        assert time.monotonic() - started > 7
    settled(server, before)


def test_requests_in_a_row_are_answered_in_order(server: Server, before: Held) -> None:
    rows = [request(EMBED, embedding("one"), f"x-request-id: n{n}") for n in range(10)]
    last = request("/livez", b"", "connection: close")
    answers, _ = said(server, b"".join([*rows, last]))
    assert [one.status for one in answers] == [200] * 11
    assert [one.headers["x-request-id"] for one in answers[:-1]] == [f"n{n}" for n in range(10)]
    # Of more than may wait, those taken are answered, and the connection says that it ends.
    answers, took = said(server, request("/livez") * 500)
    assert 10 < len(answers) < 30
    assert {one.status for one in answers} == {200}
    assert answers[-1].headers["connection"] == "close"
    assert took < 2 * PACE
    settled(server, before)


def test_nonsense_after_a_request_does_not_spoil_its_answer(server: Server, before: Held) -> None:
    answers, took = said(server, request(EMBED, embedding("one")) + b"\x00nonsense\r\n\r\n")
    assert (answers[0].status, took < 2 * PACE) == (200, True)
    assert [one.status for one in answers[1:]] in ([], [400])
    (answer,), _ = said(server, b"\x16\x03\x01 a TLS hello\r\n\r\n")
    assert (answer.status, answer.error["code"]) == (400, "http_malformed")
    settled(server, before)


def test_expect_100_continue(server: Server, before: Held) -> None:
    body = embedding("patient")
    head = request(EMBED, body, "expect: 100-continue", "connection: close")[: -len(body)]
    with socket.create_connection(address(server)) as one:
        one.settimeout(5)
        one.sendall(head)
        assert one.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.sendall(body)
        assert one.recv(15) == b"HTTP/1.1 200 OK"
    large = request(EMBED, b"", "expect: 100-continue", "connection: close", length=1_000_001)
    (answer,), took = said(server, large)
    assert (answer.status, answer.error["code"], took < PACE) == (413, "body_too_large", True)
    settled(server, before)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"0\r\n\r\n", 422),
        (b"ffffffffffffffffff\r\nx", 400),
        (b"-1\r\nx", 400),
        (b"7fffffffffffffff\r\n" + b" " * 1_100_000, 413),
        (b"1\r\n \r\n" * 5000 + b"0\r\n\r\n", 400),
        (b"1;" + b"e" * 10_000_000, 413),
        (b"0\r\na: " + b"t" * 10_000_000, 413),
        (b"0\r\n" + b"a: b\r\n" * 1_000_000, 413),
    ],
    ids=["none", "overflow", "negative", "huge", "tiny", "extension", "trailer", "trailers"],
)
def test_chunks_are_bounded_whatever_they_say(
    server: Server, before: Held, body: bytes, status: int
) -> None:
    head = request(EMBED, b"", "transfer-encoding: chunked", "connection: close")
    head = head.replace(b"GET", b"POST", 1).replace(b"content-length: 0\r\n", b"")
    answers, took = said(server, head, body)
    assert ([one.status for one in answers], took < 2 * PACE) == ([status], True)
    settled(server, before)
    assert held(server).megabytes < before.megabytes + 50


def test_a_caller_that_has_said_its_last_word_has_gone(server: Server, before: Held) -> None:
    """Half-closed is how a caller that leaves looks; it is not worked for, and not kept."""
    with socket.create_connection(address(server)) as one:
        one.settimeout(5)
        one.sendall(request(EMBED, embedding("half"), length=5000))
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1000) == b""
    settled(server, before)


JSON = {"content-type": "application/json"}


@pytest.fixture
def plain_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on asyncio's own loop."""
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden/uvloop.py").write_text("raise ImportError('hidden')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
    with Server(tmp_path / "data", *FLAGS, "--connections-max=5") as server:
        yield server


def test_the_bounds_hold_on_the_plain_loop_too(plain_loop: Server) -> None:
    server = plain_loop
    httpx.get(f"{server.url}/livez")
    (answer,), took = said(server, b"GET /livez")
    assert (answer.status, 2.5 < took < 5 * PACE) == (408, True)
    (answer,), _ = said(server, b"GET /livez HTTP/1.1\r\na: " + b"x" * 1_000_000)
    assert answer.status == 431
    with contextlib.ExitStack() as stack:
        admitted(server, stack, 5)
        (answer,), _ = said(server)
        assert answer.status == 503
    assert httpx.get(f"{server.url}/livez").status_code == 200
