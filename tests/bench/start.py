"""From the command to the first answer, with the shipped bundle and an empty data folder."""

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx

from tests.bench.figures import Figure
from tests.server import Server

ROUNDS = 5


def figures() -> list[Figure]:
    """Measure starts."""
    seconds = [started() for _ in range(ROUNDS)]
    took = median(seconds)
    beside = f"slowest {max(seconds):.2f} s"
    return [Figure("start to first answer", f"{took:.2f} s", beside, None, "< 3 s", took < 3)]


def started() -> float:
    """Start a server, ask it one text, stop it."""
    with tempfile.TemporaryDirectory() as folder:
        at = perf_counter()
        with Server(Path(folder)) as server:
            body = {"model": "minilm", "input": "is anybody there?"}
            httpx.post(f"{server.url}/v1/embeddings", json=body, timeout=60).raise_for_status()
            return perf_counter() - at
