"""The REST surface over fake encoders: what each call answers, and how each refusal looks."""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.key_file import add_key
from service.keys import Keys
from tests.builders import calling, running
from tests.fakes import FakeEncoder, row_of

Scene = Callable[[httpx.AsyncClient], Awaitable[None]]


def play(folder: Path, scene: Scene, **settings: Any) -> None:
    async def played() -> None:
        with running(folder, **settings) as parts:
            async with calling(parts) as client:
                await scene(client)

    asyncio.run(played())


def error_of(reply: httpx.Response) -> dict[str, Any]:
    body = reply.json()
    assert set(body) == {"error"}
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "code", "param", "request_id"}
    assert error["request_id"] == reply.headers["x-request-id"]
    return error


def test_embeddings_in_each_shape(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        async def ask(given: object, **more: object) -> dict[str, Any]:
            body = {"model": "fake", "input": given, **more}
            reply = await client.post("/v1/embeddings", json=body)
            assert reply.status_code == 200, reply.text
            assert "total" in reply.headers["server-timing"]
            answer: dict[str, Any] = reply.json()
            return answer

        one = await ask("two words")
        np.testing.assert_allclose(one["data"][0]["embedding"], row_of("two words", 8), atol=1e-7)
        assert one["usage"] == {"prompt_tokens": 2, "total_tokens": 2}
        assert (one["object"], one["data"][0]["index"], one["truncated"]) == ("list", 0, [])
        many = await ask(["a", {"text": "b"}, "c d"])
        assert [row["index"] for row in many["data"]] == [0, 1, 2]
        np.testing.assert_allclose(many["data"][1]["embedding"], row_of("b", 8), atol=1e-7)
        assert len((await ask([1, 2, 3]))["data"]) == 1
        assert len((await ask([[1, 2], [3]]))["data"]) == 2
        packed = await ask("two words", encoding_format="base64", dimensions=4)
        row = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), "<f4")
        kept = row_of("two words", 8)[:4]
        np.testing.assert_allclose(row, kept / np.linalg.norm(kept), atol=1e-6)
        long = await ask(["short", "long " * 20])
        assert long["truncated"] == [1]
        assert long["usage"]["prompt_tokens"] == 17

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"input": "a"}, 422, "request_invalid", "model"),
        ({"model": "fake"}, 422, "request_invalid", "input"),
        ({"model": "fake", "input": []}, 422, "request_invalid", "input"),
        ({"model": "fake", "input": ""}, 400, "item_empty", "input"),
        ({"model": "fake", "input": ["a", " "]}, 400, "item_empty", "input[1]"),
        ({"model": "fake", "input": ["a", 7]}, 422, "item_undecodable", "input[1]"),
        ({"model": "fake", "input": [{"image": "AAAA"}]}, 415, "modality_unsupported", "input[0]"),
        ({"model": "fake", "input": ["a", "poison"]}, 500, "encode_failed", "input[1]"),
        ({"model": "none", "input": "a"}, 404, "model_not_found", None),
        ({"model": "fake", "input": "a", "dimensions": 9}, 422, "request_invalid", "dimensions"),
        ({"model": "fake", "input": "a", "dimensions": 0}, 422, "request_invalid", "dimensions"),
        ({"model": "fake", "input": "a", "dtype": "int4"}, 422, "request_invalid", "dtype"),
        ({"model": "fake", "input": "a", "colour": 1}, 422, "request_invalid", "colour"),
        (
            {"model": "fake", "input": ["a", "b " * 20], "truncate": False},
            413,
            "item_too_large",
            "input[1]",
        ),
    ],
)
def test_embeddings_refuses_by_name(
    tmp_path: Path, body: object, status: int, code: str, param: str | None
) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/embeddings", json=body)
        error = error_of(reply)
        assert (reply.status_code, error["code"], error["param"]) == (status, code, param)

    play(tmp_path, scene)


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "json_invalid"),
        (b'{"model": "fake", "input": NaN}', {}, 400, "json_invalid"),
        (b'{"model": "fake", "input": "\\ud800"}', {}, 400, "json_invalid"),
        (b'{"model": "fake", "input": "\xff"}', {}, 400, "json_invalid"),
        (b"[" * 100_000, {}, 400, "json_invalid"),
        (b"[]", {}, 422, "request_invalid"),
        (b"", {}, 422, "request_invalid"),
        (b"{}", {"content-type": "text/plain"}, 415, "content_unsupported"),
        (b"x" * 5000, {}, 413, "body_too_large"),
    ],
)
def test_bodies_that_are_no_request(
    tmp_path: Path, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        sent = {"content-type": "application/json"} | headers
        reply = await client.post("/v1/embeddings", content=content, headers=sent)
        assert (reply.status_code, error_of(reply)["code"]) == (status, code)

        async def dripped() -> Any:
            for at in range(0, len(content), 1000):
                yield content[at : at + 1000]

        streamed = await client.post("/v1/embeddings", content=dripped(), headers=sent)
        assert (streamed.status_code, error_of(streamed)["code"]) == (status, code)
        assert (await client.get("/readyz")).status_code == 200

    limit = 200_000 if content.startswith(b"[[") else 4096
    play(tmp_path, scene, body_bytes_max=limit)


def test_paths_methods_and_ids(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        reply = await client.get("/v2/none", headers={"x-request-id": "mine"})
        assert (reply.status_code, error_of(reply)["code"]) == (404, "path_unknown")
        assert error_of(reply)["request_id"] == "mine"
        reply = await client.get("/v1/embeddings")
        assert (reply.status_code, error_of(reply)["code"]) == (405, "method_not_allowed")
        assert reply.headers["allow"] == "POST"
        odd = await client.get("/livez", headers={"x-request-id": "a\tb"})
        assert odd.headers["x-request-id"].isalnum()

    play(tmp_path, scene)


def test_raw_bodies(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        url = "/v1/embeddings/raw?model=fake"
        plain = {"content-type": "text/plain; charset=utf-8"}
        reply = await client.post(url, content=b"hello", headers=plain)
        assert reply.status_code == 200
        assert len(reply.json()["data"]) == 1
        for media in ("application/pdf", ""):
            reply = await client.post(url, content=b"x", headers={"content-type": media})
            assert (reply.status_code, error_of(reply)["code"]) == (415, "content_unsupported")
        reply = await client.post("/v1/embeddings/raw", content=b"x", headers=plain)
        assert (reply.status_code, error_of(reply)["param"]) == (422, "model")

    play(tmp_path, scene)


def test_models(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        (model,) = (await client.get("/v1/models")).json()["data"]
        assert model == (await client.get("/v1/models/fake")).json()
        assert (model["id"], model["dim"], model["space"]) == ("fake", 8, "fake-space")
        reply = await client.get("/v1/models/none")
        assert (reply.status_code, error_of(reply)["code"]) == (404, "model_not_found")

    play(tmp_path, scene)


def test_readiness_tells_of_encoders_and_of_writes(tmp_path: Path) -> None:
    async def played() -> None:
        with running(tmp_path) as parts:
            async with calling(parts) as client:
                reply = await client.get("/readyz")
                told = {"status": "ready", "encoders": {"fake": True}, "writes": True}
                assert (reply.status_code, reply.json()) == (200, told)
                parts.galleries.close()
                reply = await client.get("/readyz")
                told = {"status": "not ready", "encoders": {"fake": True}, "writes": False}
                assert (reply.status_code, reply.json()) == (503, told)

    asyncio.run(played())


def test_the_pages_of_the_surface_need_neither_key_nor_internet(tmp_path: Path) -> None:
    add_key(tmp_path / "keys.json", "ci")

    async def played() -> None:
        with running(tmp_path, keys=Keys(tmp_path / "keys.json")) as parts:
            async with calling(parts) as client:
                page = (await client.get("/docs")).text
                links = re.findall(r'(?:src|href)="([^"]+)"', page)
                assert links
                for link in links:
                    assert link.startswith(("/docs/static/", "data:"))
                    if not link.startswith("data:"):
                        assert (await client.get(link)).status_code == 200
                assert (await client.get("/openapi.json")).json()["info"]["title"] == "Semblance"
                reply = await client.get("/docs/static/none")
                assert (reply.status_code, error_of(reply)["code"]) == (404, "path_unknown")

    asyncio.run(played())


def test_keys_open_and_close(tmp_path: Path) -> None:
    token = add_key(tmp_path / "keys.json", "ci")

    async def scene(client: httpx.AsyncClient) -> None:
        for headers in ({}, {"authorization": "Bearer no"}, {"authorization": token}):
            reply = await client.get("/v1/models", headers=headers)
            assert (reply.status_code, error_of(reply)["code"]) == (401, "invalid_api_key")
        right = {"authorization": f"Bearer {token}"}
        assert (await client.get("/v1/models", headers=right)).status_code == 200
        assert (await client.get("/readyz")).status_code == 200

    async def played() -> None:
        with running(tmp_path, keys=Keys(tmp_path / "keys.json")) as parts:
            async with calling(parts) as client:
                await scene(client)

    asyncio.run(played())


def test_an_unplanned_error_tells_nothing_and_hurts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    async def scene(client: httpx.AsyncClient) -> None:
        monkeypatch.setattr("service.routes.models.described", broken)
        reply = await client.get("/v1/models")
        assert (reply.status_code, error_of(reply)["code"]) == (500, "internal")
        assert "secret" not in reply.text
        monkeypatch.undo()
        assert (await client.get("/v1/models")).status_code == 200

    play(tmp_path, scene)


def test_metrics_count(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        await client.post("/v1/embeddings", json={"model": "fake", "input": ["a", "b c"]})
        text = (await client.get("/metrics")).text
        assert 'semblance_cost_total{kind="real",model="fake"} 3.0' in text
        assert 'route="/v1/embeddings",status="200"' in text

    play(tmp_path, scene, encoders=[FakeEncoder()])
