"""The whole service: killed at any moment, and fed what no client should send."""

import itertools
import json
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from tests.pace import PACE
from tests.server import Server

DIM = 16
CALL_ROWS = 10
JSON = {"content-type": "application/json"}
GALLERY = "/v1/galleries/g"
EMBED = "/v1/embeddings"
LARGE = "x" * (10 << 20)
MANY = b"1," * 500_000
MANY_QUERIES = b'{"query": 1},' * 500_000
MANY_FIELDS = b",".join(b'"k%d":1' % n for n in range(100_000))
IDS = ["a", "a\n", "\n", "a\nb", "a\r\nb", "x/y", "delete", "?k=1#f", "%2F", "\x00", "ü 🎉"]


def exemplars(caller: int, number: int) -> list[dict[str, Any]]:
    """A call's exemplars: new ones, and one that each call of the caller replaces."""
    rows = np.random.default_rng([caller, number]).standard_normal((CALL_ROWS, DIM))
    ids = [f"{caller}-{number}-{i}" for i in range(CALL_ROWS - 1)] + [f"{caller}-newest"]
    return [
        {"id": one, "item": {"vector": row.tolist()}, "payload": {"call": number}}
        for one, row in zip(ids, rows, strict=True)
    ]


class Caller(threading.Thread):
    """Enrols call after call until the server is gone; remembers what was acknowledged."""

    def __init__(self, url: str, caller: int, first: int) -> None:
        super().__init__()
        self.url, self.caller, self.first = url, caller, first
        self.acknowledged = first - 1

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=30 * PACE) as http:
            for number in itertools.count(self.first):
                try:
                    body = {"exemplars": exemplars(self.caller, number)}
                    reply = http.post(f"{GALLERY}/exemplars", json=body)
                except httpx.HTTPError:
                    return
                assert reply.raise_for_status().json()["enrolled"] == CALL_ROWS
                self.acknowledged = number


@pytest.mark.slow
def test_kill_9_under_writes_loses_nothing_acknowledged_and_shows_nothing_by_half(
    tmp_path: Path,
) -> None:
    chance = random.Random(0)
    stands = [0, 0, 0]
    for _ in range(3):
        with Server(tmp_path) as server:
            httpx.put(server.url + GALLERY, json={"space": "s", "dim": DIM}).raise_for_status()
            stands = held(server, stands)
            callers = [Caller(server.url, n, seen + 1) for n, seen in enumerate(stands)]
            for caller in callers:
                caller.start()
            time.sleep(0.5 + chance.random())
            server.kill()
            for caller in callers:
                caller.join()
            assert min(caller.acknowledged for caller in callers) > 5
            stands = [caller.acknowledged for caller in callers]
    with Server(tmp_path) as server:
        held(server, stands)


def held(server: Server, acknowledged: list[int]) -> list[int]:
    """Hold what stands against what was acknowledged; return the last call that stands of each."""
    found: dict[str, int] = {}
    after = ""
    while after is not None:
        page = httpx.get(f"{server.url}{GALLERY}/exemplars?limit=1000{after}").json()
        found |= {one["id"]: one["payload"]["call"] for one in page["exemplars"]}
        after = page["next"] and f"&after={page['next']}"
    calls = []
    expected: dict[str, int] = {}
    for caller, last in enumerate(acknowledged):
        # The call under way at the kill may stand, whole, or not at all.
        newest = found.get(f"{caller}-newest", 0)
        assert last <= newest <= last + 1
        for number in range(1, newest + 1):
            expected |= {one["id"]: number for one in exemplars(caller, number)}
        calls.append(newest)
    assert found == expected
    assert httpx.get(server.url + GALLERY).json()["count"] == len(expected)
    return calls


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as server:
        httpx.put(server.url + GALLERY, json={"model": "minilm"}).raise_for_status()
        one = {"id": "one", "item": "a red car", "payload": {"year": 1950}}
        httpx.post(f"{server.url}{GALLERY}/exemplars", json={"exemplars": [one]}).raise_for_status()
        yield server


def embed(given: str) -> bytes:
    return b'{"model": "minilm", "input": %s}' % given.encode()


def vector(number: str) -> bytes:
    return b'{"query": {"vector": [%s]}}' % ", ".join([number] * 384).encode()


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (EMBED, b"{", 400, "json_invalid"),
        (EMBED, b"\x00\xff\xfe", 400, "json_invalid"),
        (EMBED, embed("[" * 100_000), 400, "json_invalid"),
        (EMBED, embed("[" * 500 + "]" * 500), 422, "item_undecodable"),
        (EMBED, embed('"\\ud800 alone"'), 400, "json_invalid"),
        (EMBED, embed("NaN"), 400, "json_invalid"),
        (EMBED, embed('"   "'), 400, "item_empty"),
        (EMBED, embed('"\\u0000"'), 400, "item_empty"),
        (EMBED, embed("[1e999]"), 400, "json_invalid"),
        (EMBED, embed("[99999999999999999999999]"), 422, "item_undecodable"),
        (EMBED, embed(json.dumps(LARGE)), 413, "item_too_large"),
        (EMBED, embed(json.dumps(["a"] * 3000)), 422, "request_invalid"),
        (EMBED, embed('"a"')[:-1] + b', "model": "\xf0\x9f\x92\xa9"}', 404, "model_not_found"),
        (EMBED, b'"' + b"x" * (65 << 20) + b'"', 413, "body_too_large"),
        (f"{GALLERY}/search", b'{"query": {"vector": [NaN]}}', 400, "json_invalid"),
        (f"{GALLERY}/search", b'{"query": {"vector": [1, 2]}}', 422, "rows_invalid"),
        (f"{GALLERY}/search", vector("1e39"), 422, "rows_invalid"),
        (f"{GALLERY}/search", vector("0"), 422, "rows_invalid"),
        (f"{GALLERY}/search", b'{"query": {"vector": []}}', 422, "item_undecodable"),
        (f"{GALLERY}/search", b'{"query": {"vector": "%%%"}}', 422, "item_undecodable"),
        (f"{GALLERY}/search", b'{"query": "a", "k": 1e30}', 422, "request_invalid"),
        (f"{GALLERY}/search", b'{"query": "a", "k": -1}', 422, "request_invalid"),
        (f"{GALLERY}/search", b'{"query": "a", "filter": {"or": 1}}', 422, "filter_invalid"),
        (
            f"{GALLERY}/search",
            b'{"query": "a", "filter": ' + b'{"not": ' * 200 + b"{}" + b"}" * 201,
            422,
            "filter_invalid",
        ),
        (
            f"{GALLERY}/exemplars/delete",
            b'{"ids": [%s1]}' % (b"1," * 500_000),
            422,
            "request_invalid",
        ),
        (f"{GALLERY}/calibrate", b'{"queries": [%s1]}' % (b"1," * 500_000), 422, "request_invalid"),
        (
            EMBED,
            b"{%s}" % b",".join(b'"k%d":1' % n for n in range(100_000)),
            422,
            "request_invalid",
        ),
        (EMBED, embed("[%s[]]" % ("[]," * 3_000_000)), 413, "body_too_large"),
        (
            f"{GALLERY}/search",
            json.dumps({"queries": ["a"] * 200, "k": 1000}).encode(),
            422,
            "reply_too_large",
        ),
        (
            f"{GALLERY}/search",
            json.dumps({"queries": ["a"] * 20, "k": 1000, "include": ["vector"]}).encode(),
            422,
            "reply_too_large",
        ),
        ("/v1/galleries/none/search", b'{"query": "a"}', 404, "gallery_unknown"),
        ("/v1/galleries/..%2f..%2fetc/search", b'{"query": "a"}', 404, "path_unknown"),
        ("/v1/none", b"{}", 404, "path_unknown"),
        ("/v1/models", b"{}", 405, "method_not_allowed"),
    ],
)
def test_junk_is_refused_by_name_and_the_service_is_as_healthy_as_before(
    server: Server, path: str, body: bytes, status: int, code: str
) -> None:
    reply = httpx.post(server.url + path, content=body, headers=JSON, timeout=60 * PACE)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code), error
    assert set(error) == {"message", "type", "code", "param", "request_id"}
    assert len(error["message"]) < 1000
    hit = httpx.post(f"{server.url}{GALLERY}/search", json={"query": "an automobile"}).json()
    assert hit["results"][0]["hits"][0]["id"] == "one"
    assert httpx.get(f"{server.url}/readyz").status_code == 200


def nested(depth: int) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    for _ in range(depth):
        payload = {"in": payload}
    return payload


def test_a_bad_exemplar_of_any_kind_fails_alone(server: Server) -> None:
    bad: list[Any] = [
        None,
        7,
        [],
        {},
        {"id": "", "item": "a"},
        {"id": "x" * 513, "item": "a"},
        {"id": "b", "item": "a", "label": 7},
        {"id": "b", "item": "a", "colour": "red"},
        {"id": "b", "item": ""},
        {"id": "b", "item": {"image": "AAAA"}},
        {"id": "b", "item": {"text": "a", "vector": [1]}},
        {"id": "b", "item": {"vector": [0.0] * 384}},
        {"id": "b", "item": {"vector": [1.0]}},
        {"id": "b", "item": {"vector": [1.0], "x": 1}},
        {"id": "b", "item": "a", "payload": {"long": "x" * 70_000}},
        {"id": "b", "item": "a", "payload": nested(65)},
        {"id": "b", "item": "a", "payload": nested(400)},
        {"id": "b", "item": LARGE},
    ]
    good = [{"id": f"good-{n}", "item": f"number {n}"} for n in range(len(bad))]
    mixed = [one for pair in zip(good, bad, strict=True) for one in pair]
    url = f"{server.url}{GALLERY}/exemplars"
    reply = httpx.post(url, json={"exemplars": mixed}, timeout=60 * PACE).raise_for_status().json()
    assert reply["enrolled"] == len(good)
    assert [one["position"] for one in reply["failed"]] == list(range(1, len(mixed), 2))
    assert all(one["code"] and one["message"] for one in reply["failed"])
    for one in good:
        assert httpx.get(f"{url}/{one['id']}").status_code == 200


def test_an_id_is_itself_whatever_stands_in_it(server: Server) -> None:
    url = f"{server.url}{GALLERY}/exemplars"
    every = [{"id": one, "item": f"text {at}"} for at, one in enumerate(IDS)]
    reply = httpx.post(url, json={"exemplars": every}).raise_for_status().json()
    assert reply["enrolled"] == len(IDS)
    for at, one in enumerate(IDS):
        place = f"{url}/{quote(one, safe='')}"
        assert httpx.get(place).raise_for_status().json()["item"] == {"text": f"text {at}"}
        assert httpx.delete(place).raise_for_status().json()["removed"] == 1
        assert httpx.get(place).json()["error"]["code"] == "exemplar_unknown"


def test_a_request_that_breaks_off_is_not_carried_out(server: Server) -> None:
    body = b'{"exemplars": [{"id": "ghost", "item": "boo"}]}'
    for _ in range(5):
        with socket.create_connection(address(server)) as connection:
            connection.sendall(head(f"{GALLERY}/exemplars", 1000) + body)
    assert httpx.get(f"{server.url}{GALLERY}/exemplars/ghost").status_code == 404
    assert 'status="499"' in httpx.get(f"{server.url}/metrics").text


@pytest.mark.slow
def test_the_work_of_a_caller_who_has_gone_is_dropped(server: Server) -> None:
    texts = [f"{n} " + "word " * 250 for n in range(1000)]  # a minute's work
    body = json.dumps({"model": "minilm", "input": texts}).encode()
    with socket.create_connection(address(server)) as connection:
        connection.sendall(head(EMBED, len(body)) + body)
        until = time.monotonic() + 30 * PACE
        while queued(server) < 100_000:
            assert time.monotonic() < until
            time.sleep(0.05)
    until = time.monotonic() + 20 * PACE
    while queued(server):
        assert time.monotonic() < until, "the work of the caller who has gone is still done"
        time.sleep(0.05)


def head(path: str, length: int) -> bytes:
    """Write the head of a request by hand, for a body of that length."""
    lines = (f"POST {path} HTTP/1.1", "host: x", "content-type: application/json")
    return "\r\n".join((*lines, f"content-length: {length}", "", "")).encode()


def queued(server: Server) -> float:
    text = httpx.get(f"{server.url}/metrics").text
    return sum(map(float, re.findall(r"^semblance_queue_cost{.*} (\S+)$", text, re.M)))


def address(server: Server) -> tuple[str, int]:
    url = httpx.URL(server.url)
    return url.host, url.port or 80
