"""Galleries of ten thousand to a million rows under `auto`, over HTTP, and how that goes on.

By name only: a million rows of each kind take half an hour and 8 GB, and embedding a million texts
half an hour more, once. ROWS=100000 stops sooner; KINDS=clustered needs no texts. The
texts' embeddings are kept in BENCH_KEPT, else `.cache/bench`.
"""

import base64
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import faiss
import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.progress import Progress

from models.onnx_session import cores
from tests.bench.figures import Figure, resident_bytes, seconds_of
from tests.bench.texts import embedded
from tests.server import Server

ON_REQUEST = True
DIM, K, QUERIES, GROUP = 384, 10, 200, 50_000
SIZES = tuple(
    n for n in (10_000, 100_000, 1_000_000) if n <= int(os.environ.get("ROWS", "1000000"))
)
KINDS = os.environ.get("KINDS", "clustered,real").split(",")
BUILD_SECONDS_MAX, SIZES_MAX = 1200, 1_000_000
SETTLED_SECONDS = 5  # the process that built gives gigabytes back: for a second all is slower


@dataclass(frozen=True, slots=True)
class Measured:
    """One gallery: seconds, bytes, milliseconds of one search over HTTP and of bare FAISS Flat."""

    kind: str
    rows: int
    imported_each_second: float
    built_seconds: float
    index: str
    recall: float
    p50: float
    p95: float
    flat: float
    bytes_held: int
    bytes_on_disk: int
    restart_seconds: float
    whole_seconds: float


def figures() -> list[Figure]:
    """Measure each kind of rows at each size, then say how it grows."""
    made = []
    for kind in KINDS:
        rows = ROWS_OF[kind](max(SIZES) + QUERIES)
        chance = np.random.default_rng(2)
        chance.shuffle(rows)
        queries, rows = rows[:QUERIES], rows[QUERIES:]
        made += [measured(kind, rows[:n], queries) for n in SIZES if n <= len(rows)]
    return [figure for one in made for figure in shown(one)] + [
        figure for kind in KINDS for figure in grown([one for one in made if one.kind == kind])
    ]


def clustered(n: int) -> np.ndarray:
    """Return unit rows (n, 384) around 10 000 centres."""
    chance = np.random.default_rng(0)
    centres = chance.standard_normal((10_000, DIM), np.float32)
    rows = np.empty((n, DIM), np.float32)
    for start in range(0, n, 100_000):
        some = rows[start : start + 100_000]
        some[:] = centres[chance.integers(0, len(centres), len(some))]
        some += 0.7 * chance.standard_normal(some.shape, np.float32)
        some /= np.linalg.norm(some, axis=1, keepdims=True)
    return rows


ROWS_OF = {"clustered": clustered, "real": embedded}


def measured(kind: str, rows: np.ndarray, queries: np.ndarray) -> Measured:
    """Import rows, wait for the index, ask, kill the server and ask again."""
    flat = faiss.IndexFlatIP(DIM)
    flat.add(rows)
    faiss.omp_set_num_threads(cores())
    truth = flat.search(queries, K)[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Server(folder) as server, httpx.Client(base_url=server.url, timeout=600) as http:
            importing = imported(http, folder / "rows.parquet", rows)
            built_seconds = wait_for_index(http, len(rows))
            time.sleep(SETTLED_SECONDS)
            state = http.get("/v1/galleries/bench").raise_for_status().json()
            found, took = asked(http, queries)
            held = resident_bytes(server.process.pid)
            server.kill()
        started = time.perf_counter()
        with Server(folder) as server, httpx.Client(base_url=server.url, timeout=60) as http:
            asked(http, queries[:1])
            restart = time.perf_counter() - started
            asked(http, queries[:1], exact=True)
            whole = time.perf_counter() - started
        on_disk = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    faiss.omp_set_num_threads(cores())
    bare = [seconds_of(lambda q=q: flat.search(q[np.newaxis], K)) for q in queries[:40]]
    shares = [len(set(a) & set(b)) / K for a, b in zip(found, truth.tolist(), strict=True)]
    return Measured(
        kind,
        len(rows),
        len(rows) / importing,
        built_seconds,
        state["index_in_use"],
        float(np.mean(shares)),
        1e3 * median(took),
        1e3 * float(np.quantile(took, 0.95)),
        1e3 * median(bare),
        held,
        on_disk,
        restart,
        whole,
    )


def imported(http: httpx.Client, path: Path, rows: np.ndarray) -> float:
    """Import the rows under their positions; return seconds from the first byte to the last row."""
    schema = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32(), DIM))])
    with pq.ParquetWriter(path, schema) as file:
        for start in range(0, len(rows), GROUP):
            some = rows[start : start + GROUP]
            ids = [str(start + i) for i in range(len(some))]
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(some.ravel()), DIM)
            file.write_table(pa.table([ids, vectors], schema=schema))
    http.put("/v1/galleries/bench", json={"space": "bench", "dim": DIM}).raise_for_status()
    started = time.perf_counter()
    with path.open("rb") as content:
        kind = {"content-type": "application/vnd.apache.parquet"}
        reply = http.post("/v1/galleries/bench/import", content=content, headers=kind)
    job = reply.raise_for_status().json()
    with Progress() as progress:
        bar = progress.add_task(f"{len(rows)} rows", total=len(rows))
        while job["ended_at"] is None:
            time.sleep(0.1)
            job = http.get(f"/v1/jobs/{job['job']}").raise_for_status().json()
            progress.update(bar, completed=job["rows"])
    path.unlink()
    assert (job["state"], job["enrolled"]) == ("done", len(rows)), job
    return time.perf_counter() - started


def wait_for_index(http: httpx.Client, rows: int) -> float:
    """Wait until an index over all rows, or a scan, was chosen; a small gallery needs none."""
    started = time.perf_counter()
    while True:
        state = http.get("/v1/galleries/bench").raise_for_status().json()
        took = time.perf_counter() - started
        late = re.search(
            r'^semblance_gallery_delta_rows{gallery="bench"} (\S+)', http.get("/metrics").text, re.M
        )
        if rows < 20_000 or (state["index_why"] and late and float(late[1]) < 0.02 * rows):
            return took
        assert took < BUILD_SECONDS_MAX, "no index was chosen in time"
        time.sleep(0.2)


def asked(
    http: httpx.Client, queries: np.ndarray, **more: object
) -> tuple[list[list[int]], list[float]]:
    """Ask one query at a time; return positions and seconds of each."""
    found, took = [], []
    for query in queries:
        vector = base64.b64encode(query.tobytes()).decode()
        body = {"query": {"vector": vector}, "k": K} | more
        started = time.perf_counter()
        reply = http.post("/v1/galleries/bench/search", json=body).raise_for_status()
        took.append(time.perf_counter() - started)
        found.append([int(hit["id"]) for hit in reply.json()["results"][0]["hits"]])
    return found, took


def shown(one: Measured) -> list[Figure]:
    """Return the figures of one gallery; the targets are those of a million rows."""
    raw = 4 * DIM * one.rows
    beside = f"raw rows {raw / 1e6:.0f} MB"
    allowed = 1.5 * raw + 500e6

    def figure(
        what: str, value: str, beside: str, ratio: float | None, target: str, met: bool | None
    ) -> Figure:
        if one.rows < SIZES_MAX:
            target, met = "", None
        name = f"{one.kind}, {one.rows // 1000} K x {DIM}: {what}"
        return Figure(name, value, beside, ratio, target, met)

    rate, restart = one.imported_each_second, one.restart_seconds
    return [
        figure("recall@10", f"{one.recall:.4f}", one.index, None, ">= 0.99", one.recall >= 0.99),
        figure(
            "search p50", f"{one.p50:.2f} ms", f"FAISS Flat {one.flat:.1f} ms",
            one.p50 / one.flat, "< 5 ms", one.p50 < 5,
        ),
        figure("search p95", f"{one.p95:.2f} ms", "", None, "", None),
        figure("imported", f"{rate:.0f}/s", "fsynced", None, ">= 20000/s", rate >= 20_000),
        figure("then, index", f"{one.built_seconds:.0f} s", "", None, "", None),
        figure("killed to answer", f"{restart:.1f} s", "", None, "<= 5 s", restart <= 5),
        figure("killed to every row", f"{one.whole_seconds:.1f} s", "", None, "", None),
        figure(
            "memory", f"{one.bytes_held / 1e6:.0f} MB", beside, one.bytes_held / raw,
            f"{allowed / 1e6:.0f} MB", one.bytes_held <= allowed,
        ),
        figure(
            "disk", f"{one.bytes_on_disk / 1e6:.0f} MB", beside, one.bytes_on_disk / raw, "", None
        ),
    ]  # fmt: skip


def grown(sizes: list[Measured]) -> list[Figure]:
    """Say what more rows would take, along the line through the two largest sizes, if it rises."""
    if len(sizes) < 2:
        return []
    small, large = sizes[-2:]

    def at(rows: int, of: str) -> float:
        low, high = float(getattr(small, of)), float(getattr(large, of))
        return high + max(0.0, high - low) * (rows - large.rows) / (large.rows - small.rows)

    return [
        Figure(
            f"{large.kind}, {rows // 1_000_000} M, extrapolated",
            f"{at(rows, 'bytes_held') / 1e9:.0f} GB",
            f"every row {at(rows, 'whole_seconds'):.0f} s",
            None,
            f"{at(rows, 'p50'):.0f} ms",
        )
        for rows in (10_000_000, 100_000_000)
    ]
