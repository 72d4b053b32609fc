"""A stop under load: open requests are answered or told, and it ends when it said it would."""

import contextlib
import json
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.pace import PACE
from tests.server import Server
from tests.wire import address, embedding, replies, request

DRAIN_SECONDS = 2
LONG = json.dumps({"model": "minilm", "input": ["word " * 250] * 500}).encode()  # half a minute


class Caller(threading.Thread):
    """Asks again and again until the server has gone; keeps what became of each request."""

    def __init__(self, url: str, body: bytes) -> None:
        super().__init__()
        self.url, self.body = url, body
        self.answers: list[tuple[int, str]] = []
        self.broken: list[float] = []  # when each began that had no answer
        self.gone = False

    def run(self) -> None:
        headers = {"content-type": "application/json"}
        with httpx.Client(base_url=self.url, timeout=30 * PACE, headers=headers) as http:
            while not self.gone:
                began = time.monotonic()
                try:
                    reply = http.post("/v1/embeddings", content=self.body)
                except httpx.ConnectError:
                    self.gone = True
                except httpx.HTTPError:
                    self.broken.append(began)
                else:
                    code = "" if reply.is_success else reply.json()["error"]["code"]
                    self.answers.append((reply.status_code, code))


@pytest.mark.slow
@pytest.mark.parametrize("load", [embedding("short"), LONG], ids=["short", "long"])
def test_a_stop_under_load_answers_what_is_open_and_ends_in_time(
    tmp_path: Path, load: bytes
) -> None:
    with contextlib.ExitStack() as stack:
        # The forward pass under way is waited for: here a short one.
        flags = [f"--drain-seconds-max={DRAIN_SECONDS}", "--batch-items-max=2"]
        flags += ["--cache-bytes-max=0"]  # all callers send the same
        server = stack.enter_context(Server(tmp_path, *flags))
        idle = stack.enter_context(socket.create_connection(address(server)))
        dribbling = stack.enter_context(socket.create_connection(address(server)))
        dribbling.sendall(request("/v1/embeddings", b"{", length=100))
        half_a_head = stack.enter_context(socket.create_connection(address(server)))
        half_a_head.sendall(b"GET /livez")
        callers = [Caller(server.url, load) for _ in range(8)]
        for caller in callers:
            caller.start()
        time.sleep(1.5)
        asked_at = time.monotonic()
        code = server.stop()
        took = time.monotonic() - asked_at
        for caller in callers:
            caller.join(10 * PACE)
        assert (code, took < DRAIN_SECONDS + 2) == (0, True), took
        for quiet in (idle, half_a_head):
            assert quiet.recv(1000) == b""
        (told,) = replies(dribbling.recv(5000))
        assert (told.status, told.error["code"]) == (503, "draining")
        assert int(told.headers["retry-after"]) >= 1
        assert all(caller.gone for caller in callers)
        answers = [answer for caller in callers for answer in caller.answers]
        assert {status for status, _ in answers} <= {200, 429, 503}
        expected = (503, "draining") if load is LONG else (200, "")
        assert expected in answers
        # One that is sent while the connection is being closed has no answer; none before has none.
        assert all(began > asked_at - 0.02 * PACE for caller in callers for began in caller.broken)


def test_a_second_signal_does_not_cut_the_first_short(tmp_path: Path) -> None:
    with (
        Server(tmp_path, "--drain-seconds-max=1") as server,
        socket.create_connection(address(server)) as open_,
    ):
        open_.sendall(request("/v1/embeddings", b"{", length=100))
        time.sleep(0.2)
        server.process.terminate()
        time.sleep(0.3)
        assert server.stop() == 0
        (told,) = replies(open_.recv(5000))
        assert told.error["code"] == "draining"
