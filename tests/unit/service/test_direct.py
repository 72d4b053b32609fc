"""Called directly, an endpoint answers what it answers by way of FastAPI."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request, Response
from fastapi.routing import APIRoute

from service import routing, strict
from service.direct import direct
from service.parts import AskingOf, Parts, PartsOf
from service.schemas import EmbeddingsRequest, SearchRequest
from tests.builders import calling, running

BODIES: list[tuple[str, Any]] = [
    ("whole", b'{"model": "fake", "input": ["a", "b"]}'),
    ("nothing", b""),
    ("null", b"null"),
    ("a list", b"[1, 2]"),
    ("a number", b"7"),
    ("no JSON", b'{"model": '),
    ("a field missing", b'{"model": "fake"}'),
    ("a field unknown", b'{"model": "fake", "input": "a", "path": 1}'),
    ("a wrong type", b'{"model": 7, "input": "a"}'),
    ("several wrong", b'{"model": 7, "input": "a", "dimensions": "x", "truncate": 3}'),
    ("an item wrong", b'{"model": "fake", "input": ["a", ""]}'),
    ("a model unknown", b'{"model": "none", "input": "a"}'),
    ("too many fields", b"{" + b", ".join(b'"%d": 1' % at for at in range(40)) + b"}"),
]


async def answers(parts: Parts) -> list[tuple[int, Any]]:
    """Ask each; what differs from call to call is left out."""
    found = []
    async with calling(parts) as client:
        for path in ("/v1/embeddings", "/v1/galleries/none/search"):
            for _, body in BODIES:
                headers = {"content-type": "application/json", "x-request-id": "same"}
                reply = await client.post(path, content=body, headers=headers)
                found.append((reply.status_code, reply.json()))
        for path in ("/v1/models/fake", "/v1/models/none", "/v1/nowhere", "/v1/embeddings"):
            reply = await client.get(path, headers={"x-request-id": "same"})
            found.append((reply.status_code, reply.json()))
    return found


def test_both_ways_answer_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path / "one") as parts:
        directly = asyncio.run(answers(parts))

    def rebuilt() -> list[Any]:
        """Declare every route anew, as if nothing could be called directly."""
        out = []
        for route in routing.found_routes():
            assert isinstance(route, APIRoute)
            again = strict.StrictRoute(
                route.path, route.endpoint, methods=route.methods, dependencies=route.dependencies
            )
            out.append(again)
        return out

    with monkeypatch.context() as patch:
        patch.setattr(strict, "direct", lambda endpoint, words: None)
        patch.setattr("service.app.found_routes", rebuilt)
        with running(tmp_path / "two") as parts:
            assert asyncio.run(answers(parts)) == directly
    assert {status for status, _ in directly} == {200, 400, 404, 405, 422}


def test_what_only_fastapi_finds_goes_its_way() -> None:
    async def all_known(
        gallery: str, asked: SearchRequest, parts: PartsOf, asking: AskingOf
    ) -> Response: ...

    async def a_query(gallery: str, limit: int, parts: PartsOf) -> Response: ...

    async def a_query_of_words(gallery: str, after: str, parts: PartsOf) -> Response: ...

    async def two_bodies(one: SearchRequest, two: EmbeddingsRequest) -> Response: ...

    async def the_request(request: Request) -> Response: ...

    assert direct(all_known, ("gallery",)) is not None
    for other in (a_query, a_query_of_words, two_bodies, the_request):
        assert direct(other, ("gallery",)) is None
