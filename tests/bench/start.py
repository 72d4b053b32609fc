"""From the command to the first answer, with the shipped bundle and an empty data folder."""

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx

from tests.bench.figures import Figure, resident_bytes
from tests.server import Server

ROUNDS = 5


def figures() -> list[Figure]:
    """Measure starts, and what the service then holds."""
    runs = [started() for _ in range(ROUNDS)]
    seconds = [took for took, _ in runs]
    took, held = median(seconds), median(held for _, held in runs)
    beside = f"slowest {max(seconds):.2f} s"
    return [
        Figure("start to first answer", f"{took:.2f} s", beside, None, "< 3 s", took < 3),
        Figure("memory after the first answer", f"{held / 1e6:.0f} MB"),
    ]


def started() -> tuple[float, int]:
    """Start a server, ask it one text, stop it; return seconds and bytes."""
    with tempfile.TemporaryDirectory() as folder:
        at = perf_counter()
        with Server(Path(folder)) as server:
            body = {"model": "minilm", "input": "is anybody there?"}
            httpx.post(f"{server.url}/v1/embeddings", json=body, timeout=60).raise_for_status()
            return perf_counter() - at, resident_bytes(server.process.pid)
