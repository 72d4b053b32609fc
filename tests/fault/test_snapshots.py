"""Snapshots at a real server: killed in the middle, fed with what is hostile, slow or huge."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import apsw
import httpx
import numpy as np
import pytest

from index.exemplar import Exemplar
from index.frames import END, MAGIC
from index.galleries import Galleries
from tests.bench.figures import resident_bytes
from tests.pace import PACE
from tests.server import Server
from tests.unit.index.test_snapshots import UNIT, head, line, rows_frame, signed
from tests.wire import address, request, said, until

pytestmark = pytest.mark.slow
DIM, N = 64, 60_000
RESTORE = "/v1/galleries/g/restore?replace=true"


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot that takes seconds to restore."""
    folder = tmp_path_factory.mktemp("large")
    galleries = Galleries.open(folder, index_rows_min=1_000_000)
    gallery, _ = galleries.create("g", space="s", dim=DIM)
    rows = np.random.default_rng(0).standard_normal((N, DIM)).astype(np.float32)
    for start in range(0, N, 10_000):
        some = range(start, start + 10_000)
        gallery.enrol([Exemplar(f"e{n}", rows[n], f"L{n % 9}", {"n": n}) for n in some])
    path = folder / "g.snapshot"
    with path.open("wb") as file:
        galleries.snapshots.take(gallery, file, bytes_max=1 << 40, go_on=lambda: None)
    galleries.close()
    return path


def counted(folder: Path, what: str) -> int:
    """Count as another process sees it."""
    connection = apsw.Connection(str(folder / "semblance.db"), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(5000)
    count: int = connection.execute(f"SELECT count(*) FROM {what}").get
    connection.close()
    return count


def small(server: Server) -> None:
    """Let a gallery `g` of three exemplars stand."""
    rows = [{"id": f"old{n}", "item": {"vector": [1.0, float(n)]}} for n in range(3)]
    httpx.put(f"{server.url}/v1/galleries/g", json={"space": "t", "dim": 2}).raise_for_status()
    put = httpx.post(f"{server.url}/v1/galleries/g/exemplars", json={"exemplars": rows})
    put.raise_for_status()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, "--models=", "--idle-seconds-max=2") as server:
        small(server)
        yield server


def test_kill_in_the_middle_of_a_restoration_leaves_the_old_gallery(
    tmp_path: Path, large: Path
) -> None:
    for rows in (100, 20_000, 50_000):
        server = Server(tmp_path, "--models=")
        small(server)

        def restore(url: str = server.url) -> None:
            with pytest.raises(httpx.HTTPError):
                httpx.post(url + RESTORE, content=large.read_bytes(), timeout=60 * PACE)

        caller = threading.Thread(target=restore)
        caller.start()
        until(lambda rows=rows: counted(tmp_path, "exemplars") > rows, 60, "it should be staged")
        assert counted(tmp_path, "staged") == 1
        server.kill()
        caller.join()
        stood = counted(tmp_path, "exemplars")
        assert 3 < stood < N
        with Server(tmp_path, "--models=") as again:
            state = httpx.get(f"{again.url}/v1/galleries/g").json()
            assert (state["count"], state["dim"], state["space"]) == (3, 2, "t")
            assert len(httpx.get(f"{again.url}/v1/galleries").json()["galleries"]) == 1
            assert counted(tmp_path, "staged") == 0
            until(lambda: counted(tmp_path, "exemplars") == 3, 30, "the rest should go")
            assert counted(tmp_path, "contents") == 3
            until(lambda: counted(tmp_path, "doomed") == 0, 30, "nothing should be left")
            assert {one.name.split(".")[0] for one in tmp_path.iterdir()} == {"semblance"}


def test_searches_and_writes_go_on_while_one_is_restored_and_taken(
    server: Server, large: Path, tmp_path: Path
) -> None:
    done = threading.Event()
    replies: list[httpx.Response] = []

    def restore() -> None:
        with httpx.Client(base_url=server.url, timeout=60 * PACE) as http:
            replies.append(http.post(RESTORE, content=large.read_bytes()))
            replies.append(http.post("/v1/galleries/g/snapshot"))
        done.set()

    caller = threading.Thread(target=restore)
    caller.start()
    waits, dims = [], []
    with httpx.Client(base_url=server.url, timeout=60 * PACE) as http:
        http.put("/v1/galleries/beside", json={"space": "t", "dim": 2}).raise_for_status()
        while not done.is_set():
            started = time.monotonic()
            one = {"id": f"{len(waits)}", "item": {"vector": [1.0, 0.0]}}
            put = http.post("/v1/galleries/beside/exemplars", json={"exemplars": [one]})
            waits.append(time.monotonic() - started)
            assert put.status_code == 200
            dim = http.get("/v1/galleries/g").json()["dim"]
            query = {"query": {"vector": [1.0] * dim}, "k": 1}
            found = http.post("/v1/galleries/g/search", json=query)
            if found.status_code != 200:  # it was replaced between the two calls
                assert found.json()["error"]["code"] == "rows_invalid", found.text
                dim = DIM
            dims.append(dim)
        beside = http.get("/v1/galleries/beside").json()
    caller.join()
    restored, snapshot = replies
    assert (restored.status_code, restored.json()["count"]) == (200, N)
    assert len(snapshot.content) == large.stat().st_size
    assert beside["count"] == len(waits) > 20
    assert dims == sorted(dims), "the old one until the step, the new one from then on"
    assert set(dims) == {2, DIM}
    assert sorted(waits)[len(waits) // 2] < 0.25 * PACE


def test_what_is_huge_and_hostile_takes_little_memory_and_a_bounded_file(
    server: Server, tmp_path: Path
) -> None:
    """The worst that a frame can hold: values without end, characters of four bytes."""
    before = resident_bytes(server.process.pid)
    most = before
    stop = threading.Event()

    def watch() -> None:
        nonlocal most
        while not stop.wait(0.01):
            most = max(most, resident_bytes(server.process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    values = json.dumps(line(item={"a": "X"})).replace('"X"', "[" + "[]," * 1_600_000 + "1]")
    text = json.dumps(line(item={"a": "\U0001f600" + "x" * (48 << 20)}), ensure_ascii=False)
    garbage = np.random.default_rng(0).bytes(200 << 20)
    try:
        for content, status in (
            (MAGIC + struct.pack("<cI", b"H", 2**32 - 1) + garbage, 422),
            (signed([head(), rows_frame([values, line(id="")], [UNIT, UNIT]), (END, b"")]), 422),
            (signed([head(), rows_frame([text], [[2.0, 0, 0, 0]]), (END, b"")]), 422),
        ):
            reply = httpx.post(server.url + RESTORE, content=content, timeout=120 * PACE)
            assert reply.status_code == status, reply.text
            assert reply.json()["error"]["code"] == "snapshot_corrupt"
    finally:
        stop.set()
        watcher.join()
    assert most - before < 800 << 20, f"{(most - before) >> 20} MB"
    assert httpx.get(f"{server.url}/v1/galleries/g").json()["count"] == 3
    assert {one.name.split(".")[0] for one in tmp_path.iterdir()} == {"semblance"}
    with httpx.stream("POST", f"{server.url}/v1/galleries/g/snapshot") as reply:
        assert reply.status_code == 200, "the place was given back"


def test_a_body_that_stalls_is_told_and_gives_its_place_back(server: Server) -> None:
    for _ in range(3):  # there are two places
        (answer,), took = said(server, request(RESTORE, MAGIC, length=1000))
        assert (answer.status, answer.error["code"]) == (408, "body_too_slow")
        assert "SEMBLANCE_IDLE_SECONDS_MAX" in answer.error["message"]
        assert 1.9 < took < 8 * PACE


def test_a_caller_who_does_not_read_gives_the_place_back(server: Server, large: Path) -> None:
    with httpx.Client(base_url=server.url, timeout=60 * PACE) as http:
        restored = http.post("/v1/galleries/h/restore", content=large.read_bytes())
        assert restored.status_code == 201
    with ExitStack() as stack:
        http = stack.enter_context(httpx.Client(base_url=server.url, timeout=60 * PACE))
        for _ in range(2):
            one = stack.enter_context(socket.create_connection(address(server)))
            one.sendall(b"POST /v1/galleries/h/snapshot HTTP/1.1\r\nhost: x\r\n\r\n")
            assert one.recv(100).startswith(b"HTTP/1.1 200")
        told = http.post("/v1/galleries/g/snapshot")
        assert (told.status_code, told.headers["retry-after"]) == (503, "5")
        until(
            lambda: httpx.post(f"{server.url}/v1/galleries/g/snapshot").status_code == 200,
            20,
            "they should be let go",
        )
