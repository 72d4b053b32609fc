"""Every limit that a caller can meet is broken once: its status, its code, its setting by name."""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import numpy as np
import pytest

from service.settings import Settings
from tests.pace import PACE
from tests.server import Server
from tests.wire import Held, address, admitted, at_rest, replies, request, said, settled, until

EMBED = "/v1/embeddings"
RAW = "/v1/embeddings/raw?model=minilm"
G = "/v1/galleries/g"
LIMITS: dict[str, float] = {
    "body_bytes_max": 8192,
    "bodies_bytes_max": 16_000,
    "json_values_max": 1000,
    "items_max": 4,
    "item_bytes_max": 2000,
    "exemplars_max": 3,
    "payload_bytes_max": 50,
    "hits_max": 5,
    "reply_hits_max": 8,
    "reply_numbers_max": 30,
    "scan_regions_max": 4,
    "link_records_max": 3,
    "page_rows_max": 5,
    "filter_depth_max": 3,
    "galleries_max": 1,
    "gallery_rows_max": 3,
    "snapshot_bytes_max": 500,
    "connections_max": 20,
    "header_seconds_max": 1,
    "body_seconds_max": 1,
    "import_bytes_max": 3000,
    "upload_seconds_max": 3,
    "jobs_max": 1,
    "job_failures_max": 2,
    "idle_seconds_max": 1.5,
}
# Bounds of the service's own doings, which refuse nobody; and those with tests of their own.
OF_ITS_OWN = {
    "cache_bytes_max", "cache_seconds_max", "batch_items_max", "batch_cost_max",
    "interactive_items_max", "drain_seconds_max", "request_seconds_max", "queue_seconds_max",
    "bulk_queue_seconds_max", "call_cost_max", "fetch_seconds_max", "table_bytes_max",
    "table_cells_max", "cell_characters_max",
    "sound_seconds_max", "windows_max",
}  # fmt: skip

LONG = "x" * 2100
ROW = [1.0, 0.0, 0.0, 0.0]
PACKED = base64.b64encode(np.ones(600, "<f4").tobytes()).decode()


def vectors(count: int, **more: Any) -> dict[str, Any]:
    return {"exemplars": [{"id": f"{n}", "item": {"vector": ROW}} | more for n in range(count)]}


def nested(depth: int) -> dict[str, Any]:
    return {"not": nested(depth - 1)} if depth > 1 else {"label": "a"}


def embed(given: Any) -> dict[str, Any]:
    return {"model": "minilm", "input": given}


def queries(count: int, **more: Any) -> dict[str, Any]:
    return {"queries": [{"vector": ROW}] * count} | more


SEARCH, EXEMPLARS = f"{G}/search", f"{G}/exemplars"
REMOVE, VERIFY = f"{EXEMPLARS}/delete", "/v1/verify"
NEW = {"exemplars": [{"id": "new", "item": {"vector": ROW}}]}
PAIRS = {"gallery": "g", "pairs": [["a", "b"]] * 3}
LINK: dict[str, Any] = {"left": [{"n": 1}], "right": [{"n": 1}]}
ANOTHER = "/v1/galleries/another"
TABLE: list[tuple[str, str, Any, int, str]] = [
    ("body_bytes_max", EMBED, embed("x" * 8192), 413, "body_too_large"),
    ("json_values_max", EMBED, embed([1] * 1001), 413, "body_too_large"),
    ("items_max", EMBED, embed(["a"] * 5), 422, "request_invalid"),
    ("items_max", SEARCH, queries(5), 422, "request_invalid"),
    ("items_max", VERIFY, PAIRS, 422, "request_invalid"),
    ("item_bytes_max", EMBED, embed(["a", LONG]), 413, "item_too_large"),
    ("item_bytes_max", EMBED, embed({"text": LONG}), 413, "item_too_large"),
    ("item_bytes_max", EMBED, embed([7] * 501), 413, "item_too_large"),
    ("item_bytes_max", EMBED, embed("ü" * 1001), 413, "item_too_large"),
    ("item_bytes_max", RAW, LONG, 413, "item_too_large"),
    ("item_bytes_max", SEARCH, {"query": {"vector": PACKED}, "k": 1}, 413, "item_too_large"),
    ("item_bytes_max", SEARCH, {"query": {"vector": [1] * 501}, "k": 1}, 413, "item_too_large"),
    ("exemplars_max", EXEMPLARS, vectors(4), 422, "request_invalid"),
    ("exemplars_max", REMOVE, {"ids": ["a"] * 4}, 422, "request_invalid"),
    ("hits_max", SEARCH, queries(1, k=6), 422, "request_invalid"),
    ("reply_hits_max", SEARCH, queries(2, k=5), 422, "reply_too_large"),
    ("reply_numbers_max", SEARCH, queries(2, k=4, include=["vector"]), 422, "reply_too_large"),
    ("scan_regions_max", f"{G}/scan", {"item": "a", "regions_max": 5}, 422, "request_invalid"),
    ("link_records_max", "/v1/link", LINK | {"left": [{}] * 4}, 422, "request_invalid"),
    ("link_records_max", "/v1/link", LINK | {"right": [{}] * 4}, 422, "request_invalid"),
    ("hits_max", "/v1/link", LINK | {"k": 6}, 422, "request_invalid"),
    ("link_records_max", "/v1/dedupe", {"records": [{}] * 4}, 422, "request_invalid"),
    ("hits_max", "/v1/dedupe", {"records": [{"n": 1}], "k": 6}, 422, "request_invalid"),
    ("reply_hits_max", "/v1/dedupe", {"records": [{"n": 1}] * 3, "k": 4}, 422, "reply_too_large"),
    ("page_rows_max", f"{EXEMPLARS}?limit=6", None, 422, "request_invalid"),
    ("filter_depth_max", SEARCH, queries(1, k=1, filter=nested(4)), 422, "filter_invalid"),
    ("filter_depth_max", REMOVE, {"filter": nested(4)}, 422, "filter_invalid"),
    ("galleries_max", ANOTHER, {"space": "s", "dim": 4}, 507, "gallery_full"),
    ("gallery_rows_max", EXEMPLARS, NEW, 507, "gallery_full"),
    ("snapshot_bytes_max", f"{G}/snapshot", {}, 422, "snapshot_too_large"),
    ("snapshot_bytes_max", f"{G}/restore?replace=true", "x" * 501, 413, "body_too_large"),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in LIMITS.items()]
    with Server(tmp_path_factory.mktemp("data"), *flags) as server:
        with httpx.Client(base_url=server.url) as http:
            http.put(G, json={"space": "s", "dim": 4}).raise_for_status()
            http.post(f"{G}/exemplars", json=vectors(3)).raise_for_status()
        yield server


@pytest.fixture
def before(server: Server) -> Held:
    """What the server holds while nobody is there."""
    until(lambda: "semblance_connections 1.0\n" in series(server), 5, "nobody should be there")
    return at_rest(server)


def series(server: Server) -> str:
    return httpx.get(f"{server.url}/metrics").text


@pytest.mark.parametrize(("setting", "path", "body", "status", "code"), TABLE)
def test_a_limit_is_told_with_its_setting(
    server: Server, setting: str, path: str, body: Any, status: int, code: str
) -> None:
    method = "GET" if body is None else "PUT" if path == ANOTHER else "POST"
    kind = "text/plain" if path == RAW else "application/json"
    sent = body if isinstance(body, str) else json.dumps(body)
    headers = {"content-type": kind}
    reply = httpx.request(method, server.url + path, content=sent, headers=headers)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert setting in error["message"].lower()
    assert f"{LIMITS[setting] // (2 if 'pairs' in sent else 1)}" in error["message"]


def test_an_import_is_bounded_in_bytes_and_in_time(server: Server, before: Held) -> None:
    def begun(length: int) -> bytes:
        head = request(f"{G}/import", b"x", length=length)
        return head.replace(b"application/json", b"text/csv")

    (answer,), _ = said(server, begun(3001))
    assert (answer.status, answer.error["code"]) == (413, "body_too_large")
    assert "more than 3000 bytes" in answer.error["message"]
    assert "SEMBLANCE_IMPORT_BYTES_MAX" in answer.error["message"]
    for pause, setting in ((0.1, "UPLOAD"), (2, "IDLE")):
        (answer,), took = said(server, begun(100), *[b"x"] * 60, pause=pause)
        assert (answer.status, answer.error["code"]) == (408, "body_too_slow")
        assert f"SEMBLANCE_{setting}_SECONDS_MAX" in answer.error["message"]
        assert 1.4 < took < 8 * PACE, setting
    settled(server, before)


def test_jobs_and_their_failures_are_bounded(server: Server) -> None:
    headers = {"content-type": "application/x-ndjson"}
    with httpx.Client(base_url=server.url, headers=headers) as http:
        job = http.post(f"{G}/import", content=b"{\n" * 5).json()
        path = f"/v1/jobs/{job['job']}"
        until(lambda: http.get(path).json()["state"] == "done", 10, "it should end")
        job = http.get(path).json()
        assert (job["failed"], len(job["failures"])) == (5, 2)
        # It starts a process first: what is sent at once after it finds it waiting.
        waiting = http.post(f"{G}/import", content=b"{\n").json()["job"]
        reply = http.post(f"{G}/import", content=b"{\n")
        error = reply.json()["error"]
        assert (reply.status_code, error["code"]) == (503, "jobs_full")
        assert "jobs_max" in error["message"]
        assert int(reply.headers["retry-after"]) >= 1
        until(lambda: http.get(f"/v1/jobs/{waiting}").json()["state"] == "done", 10, "and then?")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (EMBED, {"model": "minilm", "input": ["a"] * 4}),
        (EMBED, {"model": "minilm", "input": "x" * 2000}),
        (EXEMPLARS, vectors(3)),
        (SEARCH, queries(1, k=5, filter=nested(3))),
        (SEARCH, queries(2, k=3, include=["vector"])),
    ],
)
def test_what_is_just_within_passes(server: Server, path: str, body: Any) -> None:
    assert httpx.post(server.url + path, json=body).status_code == 200


def test_a_large_exemplar_fails_alone(server: Server) -> None:
    large = [
        {"id": "payload", "item": {"vector": ROW}, "payload": {"a": "x" * 50}},
        {"id": "item", "item": LONG},
        {"id": "0", "item": {"vector": ROW}},
    ]
    reply = httpx.post(f"{server.url}{G}/exemplars", json={"exemplars": large}).json()
    assert (reply["enrolled"], [one["code"] for one in reply["failed"]]) == (
        1,
        ["item_too_large"] * 2,
    )
    for one, setting in zip(reply["failed"], ("PAYLOAD", "ITEM"), strict=True):
        assert f"SEMBLANCE_{setting}_BYTES_MAX" in one["message"]


def test_tokens_are_bounded_by_the_encoder(server: Server) -> None:
    body = {"model": "minilm", "input": "a " * 600, "truncate": False}
    reply = httpx.post(server.url + EMBED, json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "item_too_large")


def test_bodies_together_are_bounded_by_what_has_arrived(server: Server, before: Held) -> None:
    """A length that is declared holds nothing; bytes do, until their request ends."""
    with ExitStack() as stack:
        for _ in range(4):
            one = stack.enter_context(socket.create_connection(address(server)))
            one.sendall(request(EMBED, length=8000))
        body = {"model": "minilm", "input": "a"}
        assert httpx.post(server.url + EMBED, json=body).status_code == 200
        for _ in range(2):
            one = stack.enter_context(socket.create_connection(address(server)))
            one.sendall(request(EMBED, b"x" * 7990, length=8000))
        until(lambda: "semblance_bodies_bytes 15980.0\n" in series(server), 1, "they should count")
        reply = httpx.post(server.url + EMBED, json=body | {"user": "x" * 100})
        error = reply.json()["error"]
        assert (reply.status_code, error["code"]) == (503, "overloaded")
        assert int(reply.headers["retry-after"]) >= 1
        assert "SEMBLANCE_BODIES_BYTES_MAX" in error["message"]
    settled(server, before)
    assert httpx.post(server.url + EMBED, json=body).status_code == 200


def test_a_slow_head_is_told_and_closed(server: Server, before: Held) -> None:
    whole = request("/livez")
    for parts in ([whole[:1]], [whole[:-2]], [whole, whole[:5]], [b"\r\n"] * 40):
        answers, took = said(server, *parts, pause=0.1)
        assert answers[-1].status == 408
        error = answers[-1].error
        assert (error["code"], answers[-1].headers["connection"]) == ("head_too_slow", "close")
        assert "SEMBLANCE_HEADER_SECONDS_MAX" in error["message"]
        assert 0.9 < took < 2 * PACE
    settled(server, before)


def test_a_slow_body_is_told_and_closed(server: Server, before: Held) -> None:
    for parts in (
        [request(EMBED, b"{", length=100)],
        [request(EMBED, b"{", length=100), *[b" "] * 80],
    ):
        (answer,), took = said(server, *parts, pause=0.1)
        assert (answer.status, answer.error["code"]) == (408, "body_too_slow")
        assert "SEMBLANCE_BODY_SECONDS_MAX" in answer.error["message"]
        assert 0.9 < took < 5 * PACE
    settled(server, before)


def test_a_silent_connection_is_closed_without_a_word(server: Server, before: Held) -> None:
    never, took = said(server)
    assert (never, 0.9 < took < 2 * PACE) == ([], True)
    answers, took = said(server, request("/livez"))
    assert ([one.status for one in answers], 1.4 < took < 3 * PACE) == ([200], True)
    settled(server, before)


def test_one_connection_too_many_is_told_and_closed(server: Server, before: Held) -> None:
    with ExitStack() as stack:
        admitted(server, stack, 20)
        for parts in ([], [request("/livez")]):
            (answer,), took = said(server, *parts)
            assert (answer.status, answer.error["code"]) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
            assert "SEMBLANCE_CONNECTIONS_MAX" in answer.error["message"]
            assert took < 0.5 * PACE
    settled(server, before)


def test_a_head_is_bounded_in_bytes_and_in_fields(server: Server, before: Held) -> None:
    line = b"GET /livez HTTP/1.1\r\nhost: x\r\n"
    for head in (
        line + b"a: " + b"x" * (1 << 20),
        line + b"a" * (1 << 20),
        b"GET /" + b"x" * (1 << 20),
        line + b"a: b\r\n" * 10_000 + b"\r\n",
        line + b"a: b\r\n" * 200 + b"\r\n",
    ):
        (answer,), _ = said(server, head)
        assert (answer.status, answer.error["code"]) == (431, "head_too_large")
    fits = line + b"a: b\r\n" * 150 + b"b: " + b"x" * 30_000 + b"\r\nconnection: close\r\n\r\n"
    (answer,), _ = said(server, fits)
    assert answer.status == 200
    settled(server, before)


def test_no_limit_is_forgotten() -> None:
    limits = {name for name in Settings.model_fields if name.endswith("_max")}
    assert set(LIMITS) | OF_ITS_OWN == limits
    broken = {row[0] for row in TABLE}
    by_themselves = {"bodies_bytes_max", "payload_bytes_max", "connections_max"}
    by_themselves |= {"header_seconds_max", "body_seconds_max", "idle_seconds_max"}
    by_themselves |= {"import_bytes_max", "upload_seconds_max", "jobs_max", "job_failures_max"}
    assert broken | by_themselves == set(LIMITS)


def test_a_reader_of_answers_notices_what_is_missing() -> None:
    with pytest.raises(AssertionError, match="promised"):
        replies(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab")
