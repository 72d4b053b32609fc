"""Each call asks for its scope, and each gallery for its pattern, before the body is parsed."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from fastapi.routing import iter_route_contexts

from service.access import check_scope, is_open
from service.allowance import Bounds, LocalAllowance
from service.app import create_app
from service.errors import ScopeRefused
from service.key_file import add_key
from service.keys import SCOPES, Key, Keys
from service.strict import StrictRoute
from tests.builders import calling, running

Call = Callable[..., Awaitable[httpx.Response]]
ROW = {"vector": [1.0] * 8}
# Every call of the surface, with the one scope that opens it.
CALLS: list[tuple[str, str, str, Any]] = [
    ("embed", "GET", "/v1/models", None),
    ("embed", "GET", "/v1/models/fake", None),
    ("embed", "POST", "/v1/embeddings", {"model": "fake", "input": "a"}),
    ("embed", "POST", "/v1/embeddings/raw?model=fake", "a"),
    ("embed", "POST", "/v1/verify", {"model": "fake", "pairs": [["a", "b"]]}),
    ("search", "POST", "/v1/verify", {"gallery": "g", "pairs": [["a", "b"]], "threshold": 0.5}),
    ("embed", "POST", "/v1/link", {"left": [{"n": 1}], "right": [{"n": 1}]}),
    ("embed", "POST", "/v1/dedupe", {"records": [{"n": 1}, {"n": 2}], "threshold": 0.5}),
    ("search", "POST", "/v1/link", {"left": "g", "right": "g", "threshold": 0.5}),
    ("search", "GET", "/v1/galleries", None),
    ("search", "GET", "/v1/galleries/g", None),
    ("search", "GET", "/v1/galleries/g/exemplars", None),
    ("search", "GET", "/v1/galleries/g/exemplars/one", None),
    ("search", "POST", "/v1/galleries/g/search", {"query": "a"}),
    ("search", "POST", "/v1/galleries/g/identify", {"query": "a", "threshold": 0.5}),
    ("search", "POST", "/v1/galleries/g/scan", {"item": "a"}),
    ("write", "POST", "/v1/galleries/g/scan/calibrate", {"background": ["a"]}),
    ("write", "PUT", "/v1/galleries/g", {"model": "fake"}),
    ("write", "POST", "/v1/galleries/g/exemplars", {"exemplars": [{"id": "two", "item": "b"}]}),
    ("write", "POST", "/v1/galleries/g/exemplars/delete", {"ids": ["two"]}),
    ("write", "DELETE", "/v1/galleries/g/exemplars/one", None),
    ("write", "POST", "/v1/galleries/g/calibrate", {"false_accept_rate": 0.5}),
    ("admin", "POST", "/v1/galleries/g/snapshot", None),
    ("write", "POST", "/v1/galleries/g/restore?replace=true", "no snapshot"),
    ("write", "PUT", "/v1/aliases/now", {"gallery": "g"}),
    ("search", "GET", "/v1/aliases", None),
    ("search", "GET", "/v1/aliases/now", None),
    ("write", "DELETE", "/v1/aliases/now", None),
    ("write", "POST", "/v1/galleries/g/import", b'{"id": "five", "item": "e"}'),
    ("search", "GET", "/v1/galleries/g/export", None),
    ("write", "GET", "/v1/jobs", None),
    ("write", "GET", "/v1/jobs/1", None),
    ("write", "GET", "/v1/jobs/1/failures", None),
    ("write", "POST", "/v1/jobs/1/pause", None),
    ("write", "POST", "/v1/jobs/1/resume", None),
    ("write", "DELETE", "/v1/jobs/1", None),
    ("write", "DELETE", "/v1/galleries/g", None),
    ("metrics", "GET", "/metrics", None),
    ("admin", "POST", "/v1/models/fake/load", None),
    ("admin", "POST", "/v1/models/fake/unload", None),
]


def play(
    folder: Path,
    scene: Callable[[Callable[[str], Call], httpx.AsyncClient], Awaitable[None]],
    bounds: Bounds | None = None,
    **keys: dict[str, Any],
) -> None:
    """Act a scene against a service with these keys; `by(name)` calls with the key of that name."""
    file = folder / "keys.json"
    tokens = {name: add_key(file, name, **stated) for name, stated in keys.items()}

    async def played() -> None:
        allowance = None if bounds is None else LocalAllowance(bounds)
        with running(folder, keys=Keys(file), allowance=allowance) as parts:
            async with calling(parts) as client:

                def by(name: str) -> Call:
                    headers = {"authorization": f"Bearer {tokens[name]}"}

                    async def call(method: str, path: str, body: Any = None) -> httpx.Response:
                        if isinstance(body, str | bytes):
                            kind = "text/plain" if isinstance(body, str) else "application/x-ndjson"
                            plain = headers | {"content-type": kind}
                            return await client.request(method, path, content=body, headers=plain)
                        return await client.request(method, path, json=body, headers=headers)

                    return call

                await scene(by, client)

    asyncio.run(played())


def code_of(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


def test_every_route_declares_its_scope_or_is_open(tmp_path: Path) -> None:
    with running(tmp_path) as parts:
        routes = [one.original_route for one in iter_route_contexts(create_app(parts).routes)]
    found = {one.path: one for one in routes}
    assert {"/livez", "/docs", "/docs/static", "/openapi.json", "/v1/embeddings"} <= set(found)
    for route in routes:
        scopes = route.scopes if isinstance(route, StrictRoute) else ()
        assert set(scopes) <= set(SCOPES)
        assert bool(scopes) != is_open(route.path), route.path
    called = {(method, path.split("?")[0]) for _, method, path, _ in CALLS}
    for route in routes:
        if isinstance(route, StrictRoute) and route.scopes:
            path = route.path_format.format(
                gallery="g", exemplar="one", model="fake", alias="now", job=1
            )
            assert {(method, path) for method in route.methods or ()} <= called


def test_each_call_is_opened_by_its_scope_and_by_no_other(tmp_path: Path) -> None:
    async def scene(by: Callable[[str], Call], _: httpx.AsyncClient) -> None:
        for scope, method, path, body in CALLS:
            for name in ("g", "h"):
                await by("admin")("PUT", f"/v1/galleries/{name}", {"model": "fake"})
            await by("admin")("PUT", "/v1/aliases/now", {"gallery": "h"})
            exemplars = [{"id": id_, "label": id_, "item": id_} for id_ in ("one", "three")]
            await by("admin")("POST", "/v1/galleries/g/exemplars", {"exemplars": exemplars})
            for other in SCOPES:
                if other not in (scope, "admin"):
                    reply = await by(other)(method, path, body)
                    assert code_of(reply) == (403, "key_not_allowed"), (other, path)
                    message = reply.json()["error"]["message"]
                    assert repr(other) in message
                    assert f"needs {scope}" in message or path in ("/v1/verify", "/v1/link")
            reply = await by(scope)(method, path, body)
            assert reply.status_code in (200, 202, 409, 415, 422), (path, reply.text)
            if reply.status_code in (409, 415, 422):
                codes = (
                    "too_few_impostors",
                    "snapshot_corrupt",
                    "job_ended",
                    "modality_unsupported",
                )
                assert code_of(reply)[1] in codes
            reply = await by("admin")(method, path, body)
            assert reply.status_code in (200, 201, 202, 404, 409, 415, 422), (path, reply.text)

    play(tmp_path, scene, **{scope: {"scopes": (scope,)} for scope in SCOPES})


def test_a_gallery_is_there_for_the_keys_whose_patterns_it_fits(tmp_path: Path) -> None:
    async def scene(by: Callable[[str], Call], _: httpx.AsyncClient) -> None:
        for name in ("shop-1", "shop-2", "news"):
            assert (await by("all")("PUT", f"/v1/galleries/{name}", {"model": "fake"})).is_success
        for key, names in (("all", ["news", "shop-1", "shop-2"]), ("shop", ["shop-1", "shop-2"])):
            listed = (await by(key)("GET", "/v1/galleries")).json()["galleries"]
            assert sorted(one["name"] for one in listed) == names
        assert (await by("none")("GET", "/v1/galleries")).json() == {"galleries": []}
        for scope, method, path, body in CALLS:
            for name in ("news", "not-there"):  # that one stands and the other not is not told
                there = path.replace("/galleries/g", f"/galleries/{name}")
                there = there.replace("/aliases/now", f"/aliases/{name}")
                sent = (
                    body | {"gallery": name}
                    if isinstance(body, dict) and "gallery" in body
                    else body
                )
                if there == path and sent == body:
                    continue
                key = "shop_admin" if scope == "admin" else "shop"
                reply = await by(key)(method, there, sent)
                assert code_of(reply) == (403, "key_not_allowed"), there
                assert f"'{key}' is for galleries shop-*, and not for '{name}'" in reply.text
                assert scope in ("search", "write", "admin")
        enrolled = await by("shop")(
            "POST", "/v1/galleries/shop-1/exemplars", {"exemplars": [{"id": "a", "item": "a"}]}
        )
        assert enrolled.json()["enrolled"] == 1
        assert (
            await by("shop")("PUT", "/v1/galleries/shop-3", {"model": "fake"})
        ).status_code == 201
        pairs = {"gallery": "shop-1", "pairs": [["a", "a"]], "threshold": 0.5}
        assert (await by("shop")("POST", "/v1/verify", pairs)).json()["results"][0]["same"]

    shop = {"galleries": ("shop-*",)}
    keys = {"shop": shop, "shop_admin": shop | {"scopes": ("admin",)}}
    play(tmp_path, scene, all={}, none={"galleries": ()}, **keys)


def test_a_job_is_there_for_the_keys_that_its_gallery_is_there_for(tmp_path: Path) -> None:
    async def scene(by: Callable[[str], Call], _: httpx.AsyncClient) -> None:
        await by("shop")("PUT", "/v1/galleries/shop-1", {"model": "fake"})
        sent = await by("shop")("POST", "/v1/galleries/shop-1/import", b'{"text": "a"}')
        path = f"/v1/jobs/{sent.json()['job']}"
        calls = [("GET", ""), ("GET", "/failures"), ("POST", "/pause"), ("POST", "/resume")]
        for method, rest in [*calls, ("DELETE", "")]:
            reply = await by("news")(method, path + rest)
            assert code_of(reply) == (404, "job_unknown")
            unknown = await by("news")(method, f"/v1/jobs/999{rest}")
            told = reply.json()["error"]["message"]
            assert (
                told.replace(path.rsplit("/", 1)[1], "999", 1)
                == (unknown.json()["error"]["message"])
            )
        assert (await by("news")("GET", "/v1/jobs")).json() == {"jobs": []}
        assert len((await by("shop")("GET", "/v1/jobs")).json()["jobs"]) == 1
        assert (await by("shop")("DELETE", path)).status_code == 200

    play(tmp_path, scene, shop={"galleries": ("shop-*",)}, news={"galleries": ("news",)})


def test_a_key_is_refused_before_its_body_is_parsed(tmp_path: Path) -> None:
    async def scene(by: Callable[[str], Call], client: httpx.AsyncClient) -> None:
        reply = await by("reader")("POST", "/v1/galleries/g/exemplars", "{ no JSON")
        assert code_of(reply) == (403, "key_not_allowed")
        reply = await client.post("/v1/galleries/g/exemplars", content="{ no JSON")
        assert code_of(reply) == (401, "invalid_api_key")

    play(tmp_path, scene, reader={"scopes": ("search",)})


def test_a_route_that_declares_nothing_is_for_admin_alone() -> None:
    check_scope(Key(name="k", sha256="0" * 64, scopes=("admin",)), ())
    others = Key(name="k", sha256="0" * 64, scopes=("embed", "search", "write", "metrics"))
    with pytest.raises(ScopeRefused, match="needs admin"):
        check_scope(others, ())


def test_the_schema_tells_of_the_key_and_of_its_refusals(tmp_path: Path) -> None:
    async def scene(_: Callable[[str], Call], client: httpx.AsyncClient) -> None:
        schema = (await client.get("/openapi.json")).json()
        (scheme,) = schema["components"]["securitySchemes"].values()
        assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
        search = schema["paths"]["/v1/galleries/{gallery}/search"]["post"]
        assert search["security"] == [{"key": ["search"]}]
        assert {"401", "403", "429"} <= set(search["responses"])
        assert "security" not in schema["paths"]["/livez"]["get"]

    play(tmp_path, scene, a={})


def test_beyond_its_bound_a_key_is_told_when_to_try_again(tmp_path: Path) -> None:
    async def scene(by: Callable[[str], Call], _: httpx.AsyncClient) -> None:
        for _ in range(2):
            assert (await by("usual")("GET", "/v1/models")).status_code == 200
        reply = await by("usual")("GET", "/v1/models")
        assert code_of(reply) == (429, "rate_exceeded")
        assert 25 <= int(reply.headers["retry-after"]) <= 30
        for _ in range(5):
            assert (await by("any")("GET", "/v1/models")).status_code == 200
        assert (await by("own")("GET", "/v1/models")).status_code == 200
        assert (await by("own")("GET", "/v1/models")).status_code == 429

    bounds = Bounds(per_minute=2)
    own = {"requests_per_minute": 1}
    play(tmp_path, scene, bounds, usual={}, any={"requests_per_minute": 0}, own=own)


def test_a_place_is_given_back_however_the_request_ends(tmp_path: Path) -> None:
    async def scene(by: Callable[[str], Call], _: httpx.AsyncClient) -> None:
        bad = [
            ("GET", "/v1/none", None),
            ("POST", "/v1/embeddings", "{"),
            ("GET", "/metrics", None),
        ]
        for call in (*bad, ("POST", "/v1/embeddings", {"model": "fake", "input": "poison"})):
            assert (await by("a")(*call)).status_code not in (200, 429)
        assert (await by("a")("GET", "/v1/models")).status_code == 200
        body = {"model": "fake", "input": "a"}
        calls = [by("a")("POST", "/v1/embeddings", body) for _ in range(3)]
        replies = await asyncio.gather(*calls)
        assert sorted(reply.status_code for reply in replies) == [200, 429, 429]
        refused = max(replies, key=lambda reply: reply.status_code)
        assert refused.headers["retry-after"] == "1"
        assert "1 requests at once" in refused.json()["error"]["message"]

    play(tmp_path, scene, Bounds(at_once=1), a={})


def test_access_lines_carry_the_name_of_the_key(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(by: Callable[[str], Call], client: httpx.AsyncClient) -> None:
        with caplog.at_level("INFO", "semblance.access"):
            await by("me")("GET", "/v1/models")
            await client.get("/v1/models")
            await client.get("/livez")

    play(tmp_path, scene, me={})
    told = [
        vars(record)["fields"] for record in caplog.records if record.name == "semblance.access"
    ]
    assert [(one["path"], one["status"], one["key"]) for one in told] == [
        ("/v1/models", 200, "me"),
        ("/v1/models", 401, "anyone"),
        ("/livez", 200, "anyone"),
    ]
    assert "sem-" not in orjson.dumps(told).decode()
