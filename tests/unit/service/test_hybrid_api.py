"""Hybrid galleries over REST: created, asked by words and vectors, and identified by vectors."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from index.exemplar import Exemplar
from index.fusion import WEIGHT
from tests.fakes import row_of
from tests.hybrid_oracle import fused
from tests.unit.service.test_api import error_of, play
from tests.unit.service.test_galleries_api import Call, exemplars, with_gallery

TEXTS = [
    "def parse_header(line)",
    "def parseBody(text): parse_header(text)",
    "def read(path)",
    "write a header",
]


def expected(text: str, weight: float) -> list[tuple[str, float, dict[str, float]]]:
    """Return what the definition says of the texts above, enrolled under themselves."""
    stored = [Exemplar(one, row_of(one, 8), one, None, {"text": one}) for one in TEXTS]
    return [
        (one, score, {"dense": dense, "lexical": lexical})
        for one, _, score, (dense, lexical) in fused(stored, row_of(text, 8), text, weight)
    ]


def found(reply: Any) -> list[tuple[str, float, dict[str, float]]]:
    (result,) = reply["results"]
    return [(hit["id"], hit["score"], hit["scores"]) for hit in result["hits"]]


def test_it_is_made_with_a_weight_and_stands_so(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        made = await call("PUT", "h", {"model": "fake", "lexical": True}, status=201)
        assert made["lexical"] == {"weight": WEIGHT}
        for same in (True, {}, {"weight": WEIGHT}):
            await call("PUT", "h", {"model": "fake", "lexical": same})
        for other in (None, False, {"weight": 0.5 + WEIGHT / 2}):
            error = await call("PUT", "h", {"model": "fake", "lexical": other}, status=409)
            assert (error["code"], "lexical" in error["message"]) == ("gallery_exists", True)
        for wrong in ({"weight": 0}, {"weight": 1.5}, {"weight": "much"}, {"k1": 2}, 0.3):
            body = {"model": "fake", "lexical": wrong}
            assert (await call("PUT", "i", body, status=422))["code"] == "request_invalid"
        assert (await call("GET", "g"))["lexical"] is None

    with_gallery(tmp_path, scene)


def test_a_text_is_asked_by_both_and_a_vector_by_itself(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        await call("PUT", "h", {"model": "fake", "lexical": {"weight": 0.4}}, status=201)
        await call("POST", "h/exemplars", exemplars(*TEXTS))
        body: dict[str, Any] = {"query": "parse header", "include": ["scores"]}
        reply = await call("POST", "h/search", body)
        assert found(reply) == expected("parse header", 0.4)
        reply = await call("POST", "h/search", body | {"lexical_weight": 1})
        assert found(reply) == expected("parse header", 1.0)
        plain = await call("POST", "h/search", body | {"lexical_weight": 0})
        vector = row_of("parse header", 8).tolist()
        assert plain == await call("POST", "h/search", body | {"query": {"vector": vector}})
        for one, score, parts in found(plain):
            assert parts == {"dense": score, "lexical": None}
            dense = float(np.float64(row_of(one, 8)) @ np.float64(row_of("parse header", 8)))
            assert score == pytest.approx(dense, abs=1e-6)
        hits = (await call("POST", "h/search", {"query": "parse header"}))["results"][0]["hits"]
        assert all(hit.keys() == {"id", "label", "score", "payload"} for hit in hits)

    with_gallery(tmp_path, scene)


def test_a_query_that_names_an_identifier_finds_it_first(tmp_path: Path) -> None:
    parts = ["read", "write", "parse", "file", "header", "json"]
    names = [f"{a}_{b}_{c}" for a in parts for b in parts for c in parts if len({a, b, c}) == 3]
    functions = [f"def {name}(value): return {name[::-1]}(value)" for name in names]

    async def scene(call: Call) -> None:
        await call("PUT", "h", {"model": "fake", "lexical": True}, status=201)
        for start in range(0, len(names), 60):
            some = zip(names[start : start + 60], functions[start : start + 60], strict=True)
            sent = [{"id": name, "item": function} for name, function in some]
            await call("POST", "h/exemplars", {"exemplars": sent})
        for name in names[::9]:
            camel = "".join(part.capitalize() for part in name.split("_"))
            queries = [name, camel, f"what does {name} return", f"is {camel}() fast?"]
            reply = await call("POST", "h/search", {"queries": queries, "k": 1})
            assert [one["hits"][0]["id"] for one in reply["results"]] == [name] * 4, name

    with_gallery(tmp_path, scene)


def test_a_verdict_is_by_the_vector_and_words_choose_among_what_passes(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        await call("PUT", "h", {"model": "fake", "lexical": {"weight": 0.9}}, status=201)
        await call("POST", "h/exemplars", exemplars(*TEXTS))
        ranked = {one: (score, parts) for one, score, parts in expected("parse header", 0.9)}
        dense = sorted((parts["dense"], one) for one, (_, parts) in ranked.items())
        (low, _), (high, best) = dense[-2], dense[-1]

        async def told(threshold: float) -> dict[str, Any]:
            body = {"query": "parse header", "threshold": threshold, "margin": 0, "k": 4}
            (result,) = (await call("POST", "h/identify", body))["results"]
            hits = [hit["scores"]["dense"] >= threshold for hit in result["hits"]]
            assert hits == sorted(hits, reverse=True)  # what passes stands first
            return dict(result)

        one = await told((low + high) / 2)
        assert (one["verdict"], one["label"], one["score"]) == ("match", best, high)
        none = await told(min(1.0, high + 0.01))
        assert none["verdict"] == "unknown"
        assert [hit["id"] for hit in none["hits"]] == list(ranked)
        assert none["score"] == none["hits"][0]["scores"]["dense"]
        every = await told(-1)
        first = next(iter(ranked))
        assert (every["verdict"], every["label"]) == ("match", first)
        assert every["score"] == ranked[first][1]["dense"]
        assert every["hits"][0]["score"] == ranked[first][0]

    with_gallery(tmp_path, scene)


def test_what_keeps_no_words_weighs_none(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        await call("POST", "g/exemplars", exemplars(*TEXTS))
        for path in ("g/search", "g/identify"):
            error = await call("POST", path, {"query": "a", "lexical_weight": 0.3}, status=422)
            assert (error["code"], "`lexical`" in error["message"]) == ("not_lexical", True)
            for wrong in (-0.1, 1.1, "a"):
                body = {"query": "a", "lexical_weight": wrong}
                error = await call("POST", path, body, status=422)
                assert error["code"] == "request_invalid"
        reply = await call("POST", "g/search", {"query": "read", "include": ["scores"]})
        for _, score, parts in found(reply):
            assert parts == {"dense": score, "lexical": None}

    with_gallery(tmp_path, scene)


@pytest.mark.slow  # an import reads its file in a process of its own
def test_words_come_back_with_a_snapshot_and_with_an_import(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        async def call(method: str, path: str, **more: Any) -> httpx.Response:
            reply = await client.request(method, f"/v1/galleries/{path}", **more)
            assert reply.status_code < 300, error_of(reply)
            return reply

        async def asked(name: str) -> Any:
            body = {"query": "parse header", "include": ["scores"]}
            return (await call("POST", f"{name}/search", json=body)).json()["results"]

        lexical = {"model": "fake", "lexical": {"weight": 0.4}}
        await call("PUT", "h", json=lexical)
        await call("POST", "h/exemplars", json=exemplars(*TEXTS))
        snapshot = await call("POST", "h/snapshot")
        restored = await call("POST", "again/restore", content=snapshot.content)
        assert restored.json()["lexical"] == {"weight": 0.4}
        assert await asked("again") == await asked("h")
        await call("PUT", "plain", json={"model": "fake"})
        await call("POST", "plain/exemplars", json=exemplars(*TEXTS))
        await call("PUT", "made", json=lexical)
        exported = await call("GET", "plain/export")
        kind = {"content-type": "application/vnd.apache.parquet"}
        job = await call("POST", "made/import", content=exported.content, headers=kind)
        while job.json()["ended_at"] is None:
            job = await client.get(f"/v1/jobs/{job.json()['job']}")
        assert await asked("made") == await asked("h")

    play(tmp_path, scene)
