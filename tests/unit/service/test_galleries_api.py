"""Galleries over REST: a gallery's life, its exemplars', questions and open-set answers."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest

from tests.builders import calling, running
from tests.fakes import FakeEncoder, row_of
from tests.unit.service.test_api import error_of, play

Call = Callable[..., Awaitable[Any]]


def with_gallery(folder: Path, scene: Callable[[Call], Awaitable[None]], **settings: Any) -> None:
    """Play a scene on a gallery `g` of the fake encoder; `call` checks for success."""

    async def played(client: httpx.AsyncClient) -> None:
        async def call(method: str, rest: str, body: object = None, status: int = 200) -> Any:
            path = f"/v1/galleries/{rest}".removesuffix("/")
            reply = await client.request(method, path, json=body)
            assert reply.status_code == status, reply.text
            return error_of(reply) if status >= 400 else reply.json()

        await call("PUT", "g", {"model": "fake"}, status=201)
        await scene(call)

    play(folder, played, **settings)


def exemplars(*texts: str, **more: Any) -> dict[str, Any]:
    return {"exemplars": [{"id": t, "label": t, "item": t, **more} for t in texts]}


def test_creating(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        await call("PUT", "g", {"model": "fake"})
        error = await call("PUT", "g", {"model": "fake", "recall_target": 0.5}, status=409)
        assert error["code"] == "gallery_exists"
        assert (await call("PUT", "h", {}, status=422))["code"] == "request_invalid"
        assert (await call("PUT", "h", {"model": "no"}, status=404))["code"] == "model_not_found"
        assert (await call("PUT", "h", {"space": "s"}, status=422))["code"] == "request_invalid"
        wrong = {"model": "fake", "space": "other"}
        assert (await call("PUT", "h", wrong, status=422))["code"] == "request_invalid"
        made = await call("PUT", "theirs", {"space": "clip", "dim": 3}, status=201)
        assert (made["space"], made["dim"], made["model"], made["count"]) == ("clip", 3, None, 0)
        names = [state["name"] for state in (await call("GET", ""))["galleries"]]
        assert names == ["g", "theirs"]
        assert (await call("DELETE", "theirs"))["deleted"]
        assert (await call("GET", "theirs", status=404))["code"] == "gallery_unknown"

    with_gallery(tmp_path, scene)


def test_enrolling_keeps_the_good_and_names_the_bad(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        good = {"id": "good", "label": "L", "item": {"text": "good"}, "payload": {"year": 1950}}
        bad: list[tuple[object, str]] = [
            ({"id": "a", "item": ""}, "item_empty"),
            ({"id": "b", "item": {"image": "AAAA"}}, "modality_unsupported"),
            ({"id": "c", "item": 3}, "item_undecodable"),
            ({"id": "d", "item": {"vector": [1, 2]}}, "rows_invalid"),
            ({"id": "e", "item": {"vector": [0] * 8}}, "rows_invalid"),
            ({"id": "f", "item": {"vector": [1e39] * 8}}, "rows_invalid"),
            ({"id": "g", "item": "poison"}, "encode_failed"),
            ({"id": "", "item": "x"}, "exemplar_invalid"),
            ({"item": "x"}, "exemplar_invalid"),
            ({"id": 7, "item": "x"}, "exemplar_invalid"),
            ({"id": "h", "item": "x", "colour": 1}, "exemplar_invalid"),
            ({"id": "i", "item": "x", "payload": {"p": "y" * 70_000}}, "item_too_large"),
            ({"id": "j" * 513, "item": "x"}, "rows_invalid"),
            ({"id": "k", "item": "x", "label": ""}, "rows_invalid"),
            ("text", "exemplar_invalid"),
            ({"id": "good", "item": "again"}, "id_repeated"),
        ]
        sent = [good, *(one for one, _ in bad)]
        reply = await call("POST", "g/exemplars", {"exemplars": sent})
        assert (reply["enrolled"], reply["unchanged"]) == (1, 0)
        assert [(f["position"], f["code"]) for f in reply["failed"]] == [
            (at, code) for at, (_, code) in enumerate(bad, start=1)
        ]
        stored = await call("GET", "g/exemplars/good?vector=true")
        assert (stored["label"], stored["payload"]) == ("L", {"year": 1950})
        assert stored["item"] == {"text": "good"}
        np.testing.assert_allclose(stored["vector"], row_of("good", 8), atol=1e-6)
        assert (await call("GET", "g"))["count"] == 1

    with_gallery(tmp_path, scene)


def test_the_same_content_is_not_embedded_twice(tmp_path: Path) -> None:
    encoder = FakeEncoder()

    async def scene(call: Call) -> None:
        first = await call("POST", "g/exemplars", exemplars("a", "b"))
        again = await call("POST", "g/exemplars", exemplars("a", "b", "c"))
        assert (again["enrolled"], again["unchanged"]) == (3, 2)
        assert sorted(text for batch in encoder.batches for text in batch) == ["a", "b", "c"]
        assert again["seq"] == first["seq"] + 1
        same = await call("POST", "g/exemplars", exemplars("a", "b", "c"))
        assert same["seq"] == again["seq"], "nothing was written"
        changed = await call("POST", "g/exemplars", exemplars("a", payload={"x": 1}))
        assert (changed["unchanged"], changed["seq"]) == (0, same["seq"] + 1)

    with_gallery(tmp_path, scene, encoders=[encoder])


def test_reading_listing_removing(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        odd = ["a/b", "c d", "é", "?x=1#y", "delete", "100%"]
        await call("POST", "g/exemplars", exemplars(*odd))
        for name in odd:
            assert (await call("GET", f"g/exemplars/{quote(name, safe='')}"))["id"] == name
        seen, after = [], ""
        while after is not None:
            page = await call("GET", f"g/exemplars?limit=2&after={after}&filter=")
            seen += [row["id"] for row in page["exemplars"]]
            after = page["next"]
        assert seen == odd
        removed = await call("DELETE", f"g/exemplars/{quote('a/b', safe='')}")
        assert removed["removed"] == 1
        assert (await call("DELETE", "g/exemplars/none", status=404))["code"] == "exemplar_unknown"
        reply = await call("POST", "g/exemplars/delete", {"ids": ["é", "none"]})
        assert reply["removed"] == 1
        reply = await call("POST", "g/exemplars/delete", {"filter": {"label": "delete"}})
        assert reply["removed"] == 1
        assert (await call("GET", "g"))["count"] == 3
        for body in ({}, {"ids": [], "filter": {"label": "x"}}):
            error = await call("POST", "g/exemplars/delete", body, status=422)
            assert error["code"] == "request_invalid"
        wanted = quote('{"label": "c d"}')
        page = await call("GET", f"g/exemplars?filter={wanted}")
        assert [row["id"] for row in page["exemplars"]] == ["c d"]
        assert (await call("GET", "g/exemplars?limit=1001", status=422))[
            "code"
        ] == "request_invalid"
        assert (await call("GET", "g/exemplars?limit=x", status=422))["param"] == "limit"

    with_gallery(tmp_path, scene)


def test_searching(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        await call("POST", "g/exemplars", exemplars(*"abcdefgh", payload={"kind": "letter"}))
        await call("POST", "g/exemplars", {"exemplars": [{"id": "a2", "label": "a", "item": "a"}]})
        reply = await call("POST", "g/search", {"query": "a", "k": 3})
        best = reply["results"][0]["hits"][0]
        assert (best["id"], best["label"], best["payload"]) == ("a", "a", {"kind": "letter"})
        assert best["score"] == pytest.approx(1.0, abs=1e-6)
        scores = [hit["score"] for hit in reply["results"][0]["hits"]]
        assert scores == sorted(scores, reverse=True)
        everyone = await call("POST", "g/search", {"query": "a", "k": 100})
        want = {t: float(row_of("a", 8) @ row_of(t, 8)) for t in "abcdefgh"}
        for hit in everyone["results"][0]["hits"]:
            assert hit["score"] == pytest.approx(want[hit["label"]], abs=1e-6)
        grouped = await call("POST", "g/search", {"query": "a", "k": 2, "group_by_label": True})
        assert len({hit["label"] for hit in grouped["results"][0]["hits"]}) == 2
        both = await call(
            "POST", "g/search", {"queries": ["b", {"vector": row_of("c", 8).tolist()}]}
        )
        assert [result["hits"][0]["id"] for result in both["results"]] == ["b", "c"]
        packed = base64.b64encode(row_of("d", 8).tobytes()).decode()
        one = await call("POST", "g/search", {"query": {"vector": packed}, "k": 1,
                                              "include": ["vector"]})  # fmt: skip
        (hit,) = one["results"][0]["hits"]
        assert set(hit) == {"id", "label", "score", "vector"}
        np.testing.assert_allclose(hit["vector"], row_of("d", 8), atol=1e-6)
        cut = await call("POST", "g/search", {"query": "a", "threshold": 0.999, "k": 10})
        assert [hit["id"] for hit in cut["results"][0]["hits"]] == ["a", "a2"]
        body = {"query": "a", "filter": {"not": {"label": "a"}}, "k": 100}
        assert len((await call("POST", "g/search", body))["results"][0]["hits"]) == 7

    with_gallery(tmp_path, scene)


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({}, 422, "request_invalid", None),
        ({"query": "a", "queries": ["a"]}, 422, "request_invalid", None),
        ({"queries": []}, 422, "request_invalid", "queries"),
        ({"query": ""}, 400, "item_empty", "query"),
        ({"queries": ["a", {"vector": [1.0]}]}, 422, "rows_invalid", "queries[1]"),
        ({"query": {"vector": [0.0] * 8}}, 422, "rows_invalid", "query"),
        ({"query": "a", "k": 0}, 422, "request_invalid", "k"),
        ({"query": "a", "k": 1001}, 422, "request_invalid", "k"),
        ({"query": "a", "k": "5"}, 422, "request_invalid", "k"),
        ({"query": "a", "filter": {"colour": 1}}, 422, "filter_invalid", None),
        ({"query": "a", "filter": []}, 422, "request_invalid", "filter"),
        ({"query": "a", "min_seq": 10**6}, 409, "seq_ahead", None),
        ({"query": "a", "space": "another"}, 409, "space_mismatch", None),
        ({"query": "a", "include": ["all"]}, 422, "request_invalid", "include[0]"),
    ],
)
def test_searching_refuses_by_name(
    tmp_path: Path, body: object, status: int, code: str, param: str | None
) -> None:
    async def scene(call: Call) -> None:
        error = await call("POST", "g/search", body, status=status)
        assert (error["code"], error["param"]) == (code, param)

    with_gallery(tmp_path, scene)


def test_spaces_are_never_mixed(tmp_path: Path) -> None:
    async def first(call: Call) -> None:
        await call("POST", "g/exemplars", exemplars("a"))

    with_gallery(tmp_path, first)

    async def later() -> None:
        with running(tmp_path, encoders=[FakeEncoder(space="new-space")]) as parts:
            async with calling(parts) as client:
                for path, body in (
                    ("search", {"query": "a"}),
                    ("identify", {"query": "a", "threshold": 0.5}),
                    ("exemplars", exemplars("b")),
                ):
                    reply = await client.post(f"/v1/galleries/g/{path}", json=body)
                    error = error_of(reply)
                    assert (reply.status_code, error["code"]) == (409, "space_mismatch")
                    assert "fake-space" in error["message"] and "new-space" in error["message"]
                reply = await client.put("/v1/galleries/g", json={"model": "fake"})
                assert reply.status_code == 409
                pairs = {"pairs": [["a", "b"]], "model": "fake", "gallery": "g"}
                assert (await client.post("/v1/verify", json=pairs)).status_code == 409
                vector = {"vector": row_of("a", 8).tolist()}
                reply = await client.post("/v1/galleries/g/search", json={"query": vector})
                assert reply.json()["results"][0]["hits"][0]["id"] == "a"

    asyncio.run(later())


def test_identifying(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        await call("POST", "g/exemplars", exemplars(*(f"brand {n}" for n in range(200))))

        async def ask(query: object, **more: object) -> dict[str, Any]:
            reply = await call("POST", "g/identify", {"query": query, **more})
            (result,) = reply["results"]
            return {**result, "from": reply["threshold_from"]}

        known = await ask("brand 7")
        assert (known["verdict"], known["label"], known["from"]) == ("match", "brand 7", "encoder")
        assert known["hits"][0]["id"] == "brand 7"
        strange = await ask("nobody's")
        assert (strange["verdict"], strange["label"]) == ("unknown", None)
        assert (await ask("nobody's", threshold=-1.0, margin=0))["verdict"] == "match"
        assert (await ask("brand 7", margin=2.0, threshold=-1.0))["verdict"] == "ambiguous"
        asked = {"false_accept_rate": 0.05}
        calibration = await call("POST", "g/calibrate", asked)
        assert calibration["false_accept_rate"] == 0.05
        drawn = await ask("brand 7")
        assert (drawn["from"], drawn["threshold"]) == ("calibration", calibration["threshold"])
        assert (await call("GET", "g"))["calibration"]["threshold"] == calibration["threshold"]
        queries = [{"query": f"stranger {n}", "label": None} for n in range(300)]
        body = {"false_accept_rate": 0.1, "queries": queries}
        threshold = (await call("POST", "g/calibrate", body))["threshold"]
        fresh = {"queries": [f"other {n}" for n in range(1000)]}
        results = (await call("POST", "g/identify", fresh))["results"]
        accepted = sum(result["verdict"] != "unknown" for result in results) / 1000
        assert 0.03 < accepted < 0.18, "a tenth, as far as 300 strangers can tell"
        assert all(r["threshold"] == threshold for r in results)
        few = {"false_accept_rate": 0.0001}
        assert (await call("POST", "g/calibrate", few, status=422))["code"] == "too_few_impostors"

    with_gallery(tmp_path, scene)


def test_without_any_threshold_identify_says_what_to_do(tmp_path: Path) -> None:
    async def scene(call: Call) -> None:
        await call("PUT", "theirs", {"space": "clip", "dim": 2}, status=201)
        rows = [{"id": "x", "item": {"vector": [1, 0]}}]
        await call("POST", "theirs/exemplars", {"exemplars": rows})
        body = {"query": {"vector": [1, 1]}}
        error = await call("POST", "theirs/identify", body, status=409)
        assert error["code"] == "not_calibrated"
        (result,) = (await call("POST", "theirs/identify", {**body, "threshold": 0.5}))["results"]
        assert (result["verdict"], result["label"]) == ("match", "x")
        error = await call("POST", "theirs/search", {"query": "text"}, status=409)
        assert error["code"] == "space_mismatch"

    with_gallery(tmp_path, scene)


def test_verifying(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        async def ask(status: int = 200, **body: object) -> dict[str, Any]:
            reply = await client.post("/v1/verify", json=body)
            assert reply.status_code == status, reply.text
            answer: dict[str, Any] = error_of(reply) if status >= 400 else reply.json()
            return answer

        pairs = [["a", "a"], ["a", "b"], ["a", {"vector": row_of("a", 8).tolist()}]]
        reply = await ask(model="fake", pairs=pairs)
        want = float(row_of("a", 8) @ row_of("b", 8))
        assert [p["score"] for p in reply["results"]] == pytest.approx([1, want, 1], abs=1e-6)
        assert [p["same"] for p in reply["results"]] == [True, False, True]
        assert (reply["threshold"], reply["threshold_from"]) == (0.9, "encoder")
        reply = await ask(model="fake", pairs=pairs, threshold=-1.0)
        assert all(p["same"] for p in reply["results"])
        assert (await ask(422, model="fake", pairs=[]))["code"] == "request_invalid"
        assert (await ask(422, model="fake", pairs=[["a"]]))["param"] == "pairs[0]"
        assert (await ask(400, model="fake", pairs=[["a", ""]]))["param"] == "pairs[0][1]"
        assert (await ask(422, pairs=pairs))["code"] == "request_invalid"
        assert (await ask(404, model="fake", gallery="no", pairs=pairs))["code"] == (
            "gallery_unknown"
        )

    play(tmp_path, scene)
