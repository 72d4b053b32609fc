"""Imports at a real server: killed at any row, stopped, fed files that are made to do harm."""

import io
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.pace import PACE
from tests.server import Server
from tests.wire import address, held, until

DIM, ROWS, BAD = 64, 60_000, 7
GALLERY = "/v1/galleries/g"
BODY = {"space": "s", "dim": DIM, "index": "scan"}
PARQUET = {"content-type": "application/vnd.apache.parquet"}
VECTORS = np.random.default_rng(0).standard_normal((ROWS, DIM), np.float32)


def table() -> bytes:
    """A table whose rows in every BAD-th place are zero, and so refused."""
    vectors = VECTORS.copy()
    vectors[::BAD] = 0
    columns = {
        "id": [f"r{n}" for n in range(ROWS)],
        "label": [str(n % 10) for n in range(ROWS)],
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM),
    }
    out = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), out)
    return out.getvalue()


def sent(server: Server, content: bytes) -> int:
    made = httpx.put(server.url + GALLERY, json=BODY)
    made.raise_for_status()
    reply = httpx.post(f"{server.url}{GALLERY}/import", content=content, headers=PARQUET)
    assert reply.status_code == 202, reply.text
    number: int = reply.json()["job"]
    return number


def job(server: Server, number: int) -> dict[str, Any]:
    found: dict[str, Any] = httpx.get(f"{server.url}/v1/jobs/{number}").raise_for_status().json()
    return found


def reach(server: Server, number: int, rows: int) -> dict[str, Any]:
    """Wait until a job has so many rows behind, or has ended."""
    until(
        lambda: job(server, number)["rows"] >= rows or job(server, number)["ended_at"] is not None,
        60,
        "it does not go on",
    )
    return job(server, number)


def whole(server: Server, number: int) -> None:
    """Hold what stands against the table, row by row."""
    until(lambda: job(server, number)["state"] == "done", 60, "it does not end")
    done = job(server, number)
    failed = len(range(0, ROWS, BAD))
    assert (done["rows"], done["enrolled"], done["unchanged"]) == (ROWS, ROWS - failed, 0)
    assert done["failed"] == failed
    after, listed = -1, []
    while after is not None:
        path = f"/v1/jobs/{number}/failures?limit=1000&after={after}"
        page = httpx.get(server.url + path).json()
        listed += [one["position"] for one in page["failures"]]
        after = page["next"]
    assert listed == list(range(0, ROWS, BAD))
    assert httpx.get(server.url + GALLERY).json()["count"] == ROWS - failed
    export = httpx.get(f"{server.url}{GALLERY}/export", timeout=60 * PACE)
    stored = pyarrow.parquet.read_table(io.BytesIO(export.content))
    kept = [n for n in range(ROWS) if n % BAD]
    assert stored.column("id").to_pylist() == [f"r{n}" for n in kept], "each once, in order"
    rows = np.stack(stored.column("vector").to_numpy())
    norms = np.linalg.norm(VECTORS[kept], axis=1, keepdims=True)
    np.testing.assert_allclose(rows, VECTORS[kept] / norms, atol=1e-6)


@pytest.mark.slow
def test_kill_9_in_an_import_and_it_goes_on_at_the_row_where_it_stood(tmp_path: Path) -> None:
    chance, content = random.Random(0), table()
    number, stood = 0, 0
    for kill in range(4):
        with Server(tmp_path) as server:
            number = number or sent(server, content)
            before = job(server, number)
            assert before["rows"] >= stood, "nothing that was told is lost"
            assert before["rows"] == before["enrolled"] + before["failed"]
            stood = reach(server, number, before["rows"] + 5000 + 1000 * kill)["rows"]
            time.sleep(chance.random() / 20)
            server.kill()
    assert 20_000 < stood < ROWS, "it was killed before the end, each time"
    with Server(tmp_path) as server:
        whole(server, number)
        assert list((tmp_path / "imports").iterdir()) == []


@pytest.mark.slow
def test_a_paused_job_stays_so_over_a_kill_and_a_file_of_nobody_is_swept(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        number = sent(server, table())
        reach(server, number, 5000)
        httpx.post(f"{server.url}/v1/jobs/{number}/pause").raise_for_status()
        rows = job(server, number)["rows"]
        server.kill()
    spool = tmp_path / "imports"
    (spool / "left-over.parquet").write_bytes(b"half of a file")
    with Server(tmp_path) as server:
        until(lambda: len(list(spool.iterdir())) == 1, 5, "what nobody has should be swept")
        time.sleep(0.5)
        standing = job(server, number)
        assert (standing["state"], standing["rows"]) == ("paused", rows)
        httpx.post(f"{server.url}/v1/jobs/{number}/resume").raise_for_status()
        whole(server, number)


@pytest.mark.slow
def test_a_reader_that_is_killed_fails_its_job_alone(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        number = sent(server, table())
        reach(server, number, 3000)
        readers = subprocess.run(
            ["pgrep", "-P", str(server.process.pid), "-f", "service.imports.reading"],
            capture_output=True,
            text=True,
            check=True,
        )
        os.kill(int(readers.stdout), signal.SIGKILL)
        until(lambda: job(server, number)["state"] == "failed", 10, "it should fail")
        assert "ended with -9" in job(server, number)["reason"]
        again = sent(server, table())
        until(lambda: job(server, again)["state"] == "done", 60, "the next one should run")
        done = job(server, again)
        assert done["unchanged"] >= 3000 - 3000 // BAD - 1
        assert done["enrolled"] + done["unchanged"] == ROWS - len(range(0, ROWS, BAD))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    with Server(folder, "--import-bytes-max=20000000", "--idle-seconds-max=1") as server:
        yield server


def bomb() -> bytes:
    """A few kilobytes that say one long text ten thousand times."""
    texts = pa.DictionaryArray.from_arrays(np.zeros(10_000, np.int32), ["x" * 4_000_000])
    out = io.BytesIO()
    pyarrow.parquet.write_table(pa.table({"text": texts}), out, compression="zstd")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb(), "its rows take more than 2048 MiB of memory"),
        (table()[:-2000] + b"PAR1", "the file is not Parquet"),
        (table().replace(b"r1", b"\xff\xff"), "the file cannot be read after row"),
    ],
    ids=["bomb", "cut", "no text"],
)
def test_a_file_made_to_do_harm_fails_alone(server: Server, content: bytes, said: str) -> None:
    before = held(server).megabytes
    number, most = sent(server, content), 0.0
    end = time.monotonic() + 60 * PACE
    while job(server, number)["ended_at"] is None:
        most = max(most, held(server).megabytes - before)
        assert time.monotonic() < end
        time.sleep(0.01)
    assert job(server, number)["state"] == "failed"
    assert said in job(server, number)["reason"]
    assert most < 100, "the service holds none of it"
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def test_an_upload_that_breaks_off_or_stops_leaves_no_file(server: Server, folder: Path) -> None:
    head = f"POST {GALLERY}/import HTTP/1.1\r\nhost: x\r\ncontent-type: text/csv\r\n"
    begun = head.encode() + b"content-length: 10000000\r\n\r\n" + b"x" * 5_000_000
    httpx.put(server.url + GALLERY, json=BODY).raise_for_status()
    jobs = httpx.get(f"{server.url}/v1/jobs").json()
    with socket.create_connection(address(server)) as connection:
        connection.sendall(begun)
        until(lambda: any((folder / "imports").iterdir()), 5, "it should arrive")
    with socket.create_connection(address(server)) as connection:
        connection.sendall(begun)
        connection.settimeout(10)
        answer = b""
        while b"}}" not in answer:  # head and body come apart
            answer += connection.recv(4000)
        assert b" 408 " in answer
        assert b"SEMBLANCE_IDLE_SECONDS_MAX" in answer
    until(lambda: not any((folder / "imports").iterdir()), 5, "it should be gone")
    assert httpx.get(f"{server.url}/v1/jobs").json() == jobs


def test_a_large_upload_is_never_held_whole(server: Server) -> None:
    before, most = held(server).megabytes, 0.0
    content = b"x" * 19_000_000

    def parts() -> Iterator[bytes]:
        nonlocal most
        for at in range(0, len(content), 1 << 18):
            yield content[at : at + (1 << 18)]
            most = max(most, held(server).megabytes)

    headers = {"content-type": "text/csv"}
    httpx.put(server.url + GALLERY, json=BODY).raise_for_status()
    reply = httpx.post(f"{server.url}{GALLERY}/import", content=parts(), headers=headers)
    assert reply.status_code == 202
    assert most - before < 10
