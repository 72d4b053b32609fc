"""Imports of vectors made elsewhere, over HTTP, and what a search feels of one."""

import os
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet

from tests.bench.enrolment import DIM, as_base64
from tests.bench.figures import Figure
from tests.server import Server

ROWS, HELD_ROWS, ROUNDS = 50_000, 20_000, 3
PAUSE_SECONDS = 0.02  # between searches: a caller beside the import, not a load of its own
PARQUET, NDJSON = "application/vnd.apache.parquet", "application/x-ndjson"


def figures() -> list[Figure]:
    """Measure rows a second from the first byte sent to the last row fsynced, and searches."""
    vectors = np.random.default_rng(0).standard_normal((ROWS, DIM), np.float32)
    with (
        tempfile.TemporaryDirectory() as name,
        Server(Path(name) / "data") as server,
        httpx.Client(base_url=server.url, timeout=120) as http,
    ):
        files = written(Path(name), vectors)
        found = []
        for words, path, kind in files:
            before = processor_seconds(server.process.pid)
            rate = median(imported(http, path, kind) for _ in range(ROUNDS))
            spent = processor_seconds(server.process.pid) - before
            service, reader = 1e6 * spent / (ROUNDS * ROWS)
            what, beside = f"import of vectors, {words}", f"{service:.0f} + {reader:.0f} us a row"
            found.append(Figure(what, f"{rate:.0f}/s", beside, None, ">= 20000/s", rate >= 20_000))
        return found + searched(http, files[0][1], vectors)


def processor_seconds(pid: int) -> np.ndarray:
    """Read the processor time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    own, own_system, theirs, their_system = (int(one) for one in fields[11:15])
    return np.array([own + own_system, theirs + their_system]) / os.sysconf("SC_CLK_TCK")


def written(folder: Path, vectors: np.ndarray) -> list[tuple[str, Path, str]]:
    """Write the same rows in three ways."""
    ids = [f"v{n}" for n in range(ROWS)]
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
    plain, more, lines = folder / "plain.parquet", folder / "more.parquet", folder / "rows.ndjson"
    columns: dict[str, Any] = {"id": ids, "vector": lists}
    pyarrow.parquet.write_table(pa.table(columns), plain)
    columns |= {"label": [f"l{n % 100}" for n in range(ROWS)], "year": list(range(ROWS))}
    pyarrow.parquet.write_table(pa.table(columns), more)
    with lines.open("wb") as out:
        for one, row in zip(ids, vectors, strict=True):
            out.write(orjson.dumps({"id": one, "vector": as_base64(row)}) + b"\n")
    return [
        ("Parquet", plain, PARQUET),
        ("Parquet, label and payload", more, PARQUET),
        ("JSON Lines, base64", lines, NDJSON),
    ]


def imported(http: httpx.Client, path: Path, kind: str) -> float:
    """Import a file into a new gallery, and return the rows a second.

    The gallery stays: the rows of a deleted one would be removed beside the next import.
    """
    gallery = f"/v1/galleries/bench-{secrets.token_hex(4)}"
    http.put(gallery, json={"space": "bench", "dim": DIM, "index": "scan"}).raise_for_status()
    started = time.perf_counter()
    with path.open("rb") as file:
        reply = http.post(f"{gallery}/import", content=file, headers={"content-type": kind})
    job = reply.raise_for_status().json()
    while job["ended_at"] is None:
        time.sleep(0.1)
        job = http.get(f"/v1/jobs/{job['job']}").json()
    seconds = time.perf_counter() - started
    assert (job["state"], job["enrolled"]) == ("done", ROWS)
    return ROWS / seconds


def searched(http: httpx.Client, path: Path, vectors: np.ndarray) -> list[Figure]:
    """Search another gallery without an import, and beside one, in turn."""
    http.put("/v1/galleries/held", json={"space": "bench", "dim": DIM, "index": "scan"})
    for at in range(0, HELD_ROWS, 1000):
        some = enumerate(vectors[at : at + 1000], start=at)
        rows = [{"id": str(n), "item": {"vector": as_base64(row)}} for n, row in some]
        http.post("/v1/galleries/held/exemplars", json={"exemplars": rows}).raise_for_status()
    alone: list[float] = []
    beside: list[float] = []
    with httpx.Client(base_url=str(http.base_url), timeout=120) as asking:
        for _ in range(ROUNDS):
            alone += latencies(asking, vectors[0], until=after(3.0))
            ended = threading.Event()

            def work(ended: threading.Event = ended) -> None:
                imported(http, path, PARQUET)
                ended.set()

            thread = threading.Thread(target=work)
            thread.start()
            beside += latencies(asking, vectors[0], until=ended.is_set)
            thread.join()
    return [
        compared("search beside an import, p50", median(beside), median(alone)),
        compared("search beside an import, p95", p95(beside), p95(alone)),
    ]


def latencies(http: httpx.Client, query: np.ndarray, *, until: Callable[[], bool]) -> list[float]:
    """Search until told; return the milliseconds of each."""
    body = {"query": {"vector": as_base64(query)}, "k": 10}
    found = []
    while not until():
        started = time.perf_counter()
        http.post("/v1/galleries/held/search", json=body).raise_for_status()
        found.append(1e3 * (time.perf_counter() - started))
        time.sleep(PAUSE_SECONDS)
    return found


def after(seconds: float) -> Callable[[], bool]:
    """Return what tells that so many seconds have passed."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() > end


def p95(values: list[float]) -> float:
    """Return what 95 of a hundred stay below."""
    return quantiles(values, n=20)[-1]


def compared(what: str, beside: float, alone: float) -> Figure:
    """Render two latencies."""
    ratio = beside / alone
    return Figure(what, f"{beside:.1f} ms", f"alone {alone:.1f} ms", ratio, "<= 2", ratio <= 2)
