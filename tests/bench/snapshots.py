"""A snapshot of 100 000 exemplars and its restoration, over HTTP, with a writer beside."""

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, sleep

import httpx
import numpy as np

from tests.bench.figures import Figure, seconds_of
from tests.bench.search import DIM, fill
from tests.server import Server

ROWS, PAUSE_SECONDS = 100_000, 0.01


def figures() -> list[Figure]:
    """Measure both once: they take seconds, and write hundreds of megabytes."""
    rows = np.random.default_rng(0).standard_normal((ROWS, DIM), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    contents: list[bytes] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder), "--models=") as server,
        httpx.Client(base_url=server.url, timeout=300) as http,
    ):
        fill(http, rows)

        def take() -> None:
            contents.append(http.post("/v1/galleries/bench/snapshot").raise_for_status().content)

        def restore() -> None:
            again = http.post("/v1/galleries/again/restore", content=contents[0])
            assert again.raise_for_status().json()["count"] == ROWS

        idle = with_writer(server, lambda: sleep(3))[1]
        taking, beside_taking = with_writer(server, take)
        restoring, beside_restoring = with_writer(server, restore)
    usual = f"{idle * 1e3:.1f} ms when idle"
    size = len(contents[0]) / ROWS
    return [
        Figure("snapshot, 100 K x 384: taken", f"{ROWS / taking:.0f}/s", f"{taking:.1f} s"),
        Figure("snapshot: restored", f"{ROWS / restoring:.0f}/s", f"{restoring:.1f} s"),
        Figure("a write meanwhile, p99: taken", f"{beside_taking * 1e3:.0f} ms", usual),
        Figure("a write meanwhile, p99: restored", f"{beside_restoring * 1e3:.0f} ms", usual),
        Figure("snapshot: of one exemplar", f"{size:.0f} B", f"a row has {4 * DIM} B"),
    ]


def with_writer(server: Server, call: Callable[[], object]) -> tuple[float, float]:
    """Time a call, and the writes of another caller to another gallery meanwhile, at the 99th."""
    waits: list[float] = []
    over = threading.Event()

    def write() -> None:
        with httpx.Client(base_url=server.url, timeout=60) as http:
            http.put("/v1/galleries/beside", json={"space": "s", "dim": 2}).raise_for_status()
            while not over.is_set():
                one = {"id": str(len(waits)), "item": {"vector": [1.0, 0.0]}}
                started = perf_counter()
                reply = http.post("/v1/galleries/beside/exemplars", json={"exemplars": [one]})
                reply.raise_for_status()
                waits.append(perf_counter() - started)
                sleep(PAUSE_SECONDS)

    writer = threading.Thread(target=write)
    writer.start()
    seconds = seconds_of(call)
    over.set()
    writer.join()
    return seconds, float(np.percentile(waits, 99))
