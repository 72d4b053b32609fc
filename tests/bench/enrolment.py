"""Enrolment of vectors made elsewhere, over HTTP: a reply means that they are on disk."""

import base64
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx
import numpy as np
import orjson

from tests.bench.figures import Figure, seconds_of
from tests.server import Server

DIM, CALL_ROWS, CALLS, CALLERS, ROUNDS = 384, 1000, 10, 2, 3


def figures() -> list[Figure]:
    """Measure acknowledged vectors a second, written as base64 and as JSON numbers."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((CALL_ROWS * CALLS, DIM), np.float32)
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder)) as server,
        httpx.Client(base_url=server.url, timeout=120) as http,
    ):
        return [
            enrolled(http, "enrolment of vectors, base64", rows, as_base64),
            enrolled(http, "enrolment of vectors, JSON numbers", rows, np.ndarray.tolist),
        ]


def enrolled(
    http: httpx.Client, what: str, rows: np.ndarray, written: Callable[[np.ndarray], object]
) -> Figure:
    """Enrol all rows from two callers into a new gallery, several times."""
    bodies = []
    for at in range(0, len(rows), CALL_ROWS):
        some = enumerate(rows[at : at + CALL_ROWS], start=at)
        exemplars = [{"id": f"v{i}", "item": {"vector": written(row)}} for i, row in some]
        bodies.append(orjson.dumps({"exemplars": exemplars}))

    def send(body: bytes) -> None:
        reply = http.post("/v1/galleries/bench/exemplars", content=body, headers=JSON)
        assert reply.raise_for_status().json()["enrolled"] == CALL_ROWS

    seconds = []
    with ThreadPoolExecutor(CALLERS) as callers:
        for _ in range(ROUNDS):
            made = http.put(
                "/v1/galleries/bench", json={"space": "bench", "dim": DIM, "index": "scan"}
            )
            made.raise_for_status()
            seconds.append(seconds_of(lambda: list(callers.map(send, bodies))))
            http.delete("/v1/galleries/bench").raise_for_status()
    rate = len(rows) / median(seconds)
    return Figure(what, f"{rate:.0f}/s", "fsynced, 2 callers", None, ">= 5000/s", rate >= 5000)


def as_base64(row: np.ndarray) -> str:
    """Write a row as base64 of little-endian float32."""
    return base64.b64encode(row.astype("<f4").tobytes()).decode()


JSON = {"content-type": "application/json"}
