"""Thousands of shapes, and no growth: an arena keeps what it once needed unless it is told."""

import random
from pathlib import Path

import httpx
import pytest

from tests.bench.callers import WORDS
from tests.bench.figures import resident_bytes
from tests.pace import PACE
from tests.server import Server

CALLS, WARM = 1500, 300
CEILING_BYTES = 500 << 20  # stated in docs/serving.md
GROWTH_BYTES_MAX = 40 << 20


@pytest.mark.slow
def test_memory_does_not_grow_over_thousands_of_shapes(tmp_path: Path) -> None:
    rng = random.Random(0)
    read: list[int] = []
    with (
        Server(tmp_path, "--cache-bytes-max", "0") as server,
        httpx.Client(base_url=server.url, timeout=60 * PACE) as http,
    ):
        for _ in range(CALLS):
            longest = rng.choice((4, 30, 250))
            items = 1 if longest == 250 else rng.randint(1, 6)
            texts = [" ".join(rng.choices(WORDS, k=rng.randint(1, longest))) for _ in range(items)]
            reply = http.post("/v1/embeddings", json={"model": "minilm", "input": texts})
            assert reply.status_code == 200
            read.append(resident_bytes(server.process.pid))
    warm = read[WARM:]
    half = len(warm) // 2
    assert max(read) < CEILING_BYTES
    assert max(warm[half:]) - max(warm[:half]) < GROWTH_BYTES_MAX
