"""Exact search over 100 000 rows, over HTTP, beside FAISS's flat index in this process."""

import base64
import tempfile
from pathlib import Path

import faiss
import httpx
import numpy as np

from models.onnx_session import cores
from tests.bench.enrolment import CALL_ROWS, as_base64
from tests.bench.figures import Figure, in_turn, resident_bytes
from tests.server import Server

ROWS, DIM, K, QUERIES, ROUNDS = 100_000, 384, 10, 20, 9


def figures() -> list[Figure]:
    """Measure one query at a time; median over rounds of twenty."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((ROWS, DIM), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    flat = faiss.IndexFlatIP(DIM)
    flat.add(rows)
    faiss.omp_set_num_threads(cores())
    queries = rng.standard_normal((QUERIES, DIM), np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder)) as server,
        httpx.Client(base_url=server.url, timeout=120) as http,
    ):
        bytes_before = resident_bytes(server.process.pid)
        fill(http, rows)
        bytes_each = (resident_bytes(server.process.pid) - bytes_before) / ROWS
        disk_each = sum(f.stat().st_size for f in Path(folder).iterdir()) / ROWS
        assert searched(http, queries[0]) == flat.search(queries[:1], K)[1][0].tolist()
        # By blocks: the threads of a library spin for a while after a call, beside the other's.
        mine, alone, ratio = in_turn(
            lambda: [searched(http, query) for query in queries],
            lambda: [flat.search(query[np.newaxis], K) for query in queries],
            ROUNDS,
        )
    ms = 1e3 / QUERIES
    what = "exact search, 100 K x 384, over HTTP"
    beside = f"FAISS Flat {alone * ms:.1f} ms"
    raw = f"a row has {4 * DIM} B"
    return [
        Figure(what, f"{mine * ms:.1f} ms", beside, ratio, "<= 1.5", ratio <= 1.5),
        Figure("memory of one exemplar", f"{bytes_each:.0f} B", raw, bytes_each / (4 * DIM)),
        Figure("disk of one exemplar", f"{disk_each:.0f} B", raw, disk_each / (4 * DIM)),
    ]


def fill(http: httpx.Client, rows: np.ndarray) -> None:
    """Enrol the rows under their positions."""
    http.put(
        "/v1/galleries/bench", json={"space": "bench", "dim": DIM, "index": "scan"}
    ).raise_for_status()
    for at in range(0, len(rows), CALL_ROWS):
        some = enumerate(rows[at : at + CALL_ROWS], start=at)
        exemplars = [{"id": str(i), "item": {"vector": as_base64(row)}} for i, row in some]
        reply = http.post("/v1/galleries/bench/exemplars", json={"exemplars": exemplars})
        assert reply.raise_for_status().json()["enrolled"] == len(exemplars)


def searched(http: httpx.Client, query: np.ndarray) -> list[int]:
    """Ask for the positions of the nearest rows."""
    vector = base64.b64encode(query.tobytes()).decode()
    body = {"query": {"vector": vector}, "k": K}
    reply = http.post("/v1/galleries/bench/search", json=body).raise_for_status().json()
    return [int(hit["id"]) for hit in reply["results"][0]["hits"]]
