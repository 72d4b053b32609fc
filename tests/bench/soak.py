"""Ten minutes of mixed lengths: what the server's memory does. Asked for by name only."""

import os
import random
import tempfile
from pathlib import Path
from time import monotonic

import httpx
from rich.progress import Progress

from tests.bench.callers import WORDS
from tests.bench.figures import Figure, resident_bytes
from tests.server import Server

ON_REQUEST = True  # it takes ten minutes
SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
GROWTH_MAX = 0.05


def figures() -> list[Figure]:
    """Send texts of 1 to 400 words in calls of 1 to 128, and read the memory every second."""
    rng = random.Random(0)
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder), "--cache-bytes-max", str(8 << 20)) as server,
        httpx.Client(base_url=server.url, timeout=120) as http,
        Progress() as progress,
    ):
        read: list[int] = []
        started, task = monotonic(), progress.add_task("soak", total=SECONDS)
        while (spent := monotonic() - started) < SECONDS:
            longest = rng.choice((4, 20, 60, 400))
            texts = [
                " ".join(rng.choices(WORDS, k=rng.randint(1, longest)))
                for _ in range(rng.choice((1, 1, 8, 32, 128)) if longest < 400 else 8)
            ]
            http.post("/v1/embeddings", json={"model": "minilm", "input": texts}).raise_for_status()
            read.append(resident_bytes(server.process.pid))
            progress.update(task, completed=spent)
    warm = read[len(read) // 5 :]  # the first fifth warms up
    half = len(warm) // 2
    early, late = max(warm[:half]), max(warm[half:])
    growth = late / early - 1
    return [
        Figure(
            f"{SECONDS / 60:.0f} min of mixed lengths: memory",
            f"{late / 1e6:.0f} MB", f"{early / 1e6:.0f} MB before", late / early,
            "<= 1.05", growth <= GROWTH_MAX,
        )
    ]  # fmt: skip
