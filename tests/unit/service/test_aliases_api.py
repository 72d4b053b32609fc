"""Aliases over REST and from the command line, and what keys may do with them."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from service.cli import main
from tests.unit.service.test_access import Call, code_of
from tests.unit.service.test_access import play as play_with_keys
from tests.unit.service.test_api import error_of, play
from tests.unit.service.test_galleries_api import exemplars


def with_two(folder: Path, scene: Callable[[Callable[..., Awaitable[Any]]], Awaitable[None]]):
    """Play a scene on galleries `a` and `b`, whose one exemplar bears their name."""

    async def played(client: httpx.AsyncClient) -> None:
        async def call(method: str, rest: str, body: object = None, status: int = 200) -> Any:
            reply = await client.request(method, f"/v1/{rest}", json=body)
            assert reply.status_code == status, reply.text
            return error_of(reply) if status >= 400 else reply.json()

        for name in "ab":
            await call("PUT", f"galleries/{name}", {"model": "fake"}, 201)
            await call("POST", f"galleries/{name}/exemplars", exemplars(name))
        await scene(call)

    play(folder, played)


def shape(alias: str, gallery: str, previous: str | None) -> dict[str, str | None]:
    return {"alias": alias, "gallery": gallery, "previous": previous}


def test_the_life_of_an_alias(tmp_path: Path) -> None:
    async def scene(call: Callable[..., Awaitable[Any]]) -> None:
        assert await call("GET", "aliases") == {"aliases": []}
        now = "aliases/now"
        assert await call("PUT", now, {"gallery": "a"}, 201) == shape("now", "a", None)
        assert await call("PUT", now, {"gallery": "b"}) == shape("now", "b", "a")
        assert await call("PUT", now, {"gallery": "b"}) == shape("now", "b", "a")
        assert await call("PUT", now, {"rollback": True}) == shape("now", "a", "b")
        assert await call("GET", now) == shape("now", "a", "b")
        assert await call("GET", "aliases") == {"aliases": [shape("now", "a", "b")]}
        assert await call("DELETE", now) == {"alias": "now", "deleted": True}
        for method, body in (("GET", None), ("DELETE", None), ("PUT", {"rollback": True})):
            assert (await call(method, now, body, 404))["code"] == "gallery_unknown"

    with_two(tmp_path, scene)


def test_every_call_that_takes_a_gallery_takes_an_alias(tmp_path: Path) -> None:
    async def scene(call: Callable[..., Awaitable[Any]]) -> None:
        await call("PUT", "aliases/now", {"gallery": "a"}, 201)
        for name in "ab":
            await call("PUT", "aliases/now", {"gallery": name})
            assert (await call("GET", "galleries/now"))["name"] == name
            found = await call("POST", "galleries/now/search", {"query": "x"})
            assert [hit["id"] for hit in found["results"][0]["hits"]] == [name]
            asked = {"query": name, "threshold": 0.5}
            named = await call("POST", "galleries/now/identify", asked)
            assert named["results"][0]["label"] == name
            page = await call("GET", "galleries/now/exemplars")
            assert [one["id"] for one in page["exemplars"]] == [name]
            assert (await call("GET", f"galleries/now/exemplars/{name}"))["label"] == name
            assert (await call("POST", "galleries/now/exemplars", exemplars("more")))["enrolled"]
            assert (await call("GET", f"galleries/{name}"))["count"] == 2
            assert (await call("DELETE", "galleries/now/exemplars/more"))["removed"] == 1
            ids = {"ids": ["none"]}
            assert (await call("POST", "galleries/now/exemplars/delete", ids))["removed"] == 0
            few = await call("POST", "galleries/now/calibrate", {}, 422)
            assert few["code"] == "too_few_impostors"
            pairs = {"gallery": "now", "pairs": [["a", "a"]], "threshold": 0.5}
            assert (await call("POST", "verify", pairs))["results"][0]["same"]

    with_two(tmp_path, scene)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("PUT", "aliases/now", {}, 422, "request_invalid"),
        ("PUT", "aliases/now", {"gallery": "a", "rollback": True}, 422, "request_invalid"),
        ("PUT", "aliases/now", {"rollback": False}, 422, "request_invalid"),
        ("PUT", "aliases/now", {"rollback": True}, 404, "gallery_unknown"),
        ("PUT", "aliases/now", {"gallery": "x"}, 404, "gallery_unknown"),
        ("PUT", "aliases/new", {"gallery": "now"}, 404, "gallery_unknown"),
        ("PUT", "aliases/.x", {"gallery": "a"}, 422, "name_invalid"),
        ("PUT", "aliases/b", {"gallery": "a"}, 409, "gallery_exists"),
        ("PUT", "galleries/now", {"model": "fake"}, 409, "gallery_pointed_at"),
        ("DELETE", "galleries/now", None, 409, "gallery_pointed_at"),
        ("DELETE", "galleries/a", None, 409, "gallery_pointed_at"),
    ],
)
def test_refusals(
    tmp_path: Path, method: str, path: str, body: object, status: int, code: str
) -> None:
    async def scene(call: Callable[..., Awaitable[Any]]) -> None:
        await call("PUT", "aliases/now", {"gallery": "a"}, 201)
        assert (await call(method, path, body, status))["code"] == code
        assert await call("GET", "aliases") == {"aliases": [shape("now", "a", None)]}
        assert (await call("GET", "galleries/a"))["count"] == 1

    with_two(tmp_path, scene)


def test_a_key_must_be_for_the_name_and_for_the_gallery(tmp_path: Path) -> None:
    async def scene(by: Callable[[str], Call], _: httpx.AsyncClient) -> None:
        for name in ("a-1", "a-2", "secret"):
            assert (await by("all")("PUT", f"/v1/galleries/{name}", {"model": "fake"})).is_success
            body = exemplars(name)
            await by("all")("POST", f"/v1/galleries/{name}/exemplars", body)
        put = "PUT", "/v1/aliases/a"
        for name in ("secret", "not-there"):  # that one stands and the other not is not told
            reply = await by("shop")(*put, {"gallery": name})
            assert code_of(reply) == (403, "key_not_allowed")
            assert f"not for '{name}'" in reply.text
        reply = await by("shop")("PUT", "/v1/aliases/other", {"gallery": "a-1"})
        assert code_of(reply) == (403, "key_not_allowed")
        assert (await by("shop")(*put, {"gallery": "a-1"})).status_code == 201
        assert (await by("shop")("POST", "/v1/galleries/a/search", {"query": "q"})).is_success

        # Somebody who may points the name at what the key is not for.
        assert (await by("all")(*put, {"gallery": "secret"})).is_success
        pairs = {"gallery": "a", "pairs": [["x", "y"]], "threshold": 0.5}
        for call in (
            ("POST", "/v1/galleries/a/search", {"query": "q"}),
            ("POST", "/v1/galleries/a/identify", {"query": "q", "threshold": 0.5}),
            ("POST", "/v1/verify", pairs),
            ("GET", "/v1/galleries/a", None),
            ("GET", "/v1/galleries/a/exemplars", None),
            ("GET", "/v1/galleries/a/exemplars/secret", None),
            ("POST", "/v1/galleries/a/exemplars", exemplars("mine")),
            ("POST", "/v1/galleries/a/exemplars/delete", {"ids": ["secret"]}),
            ("DELETE", "/v1/galleries/a/exemplars/secret", None),
            ("POST", "/v1/galleries/a/calibrate", {}),
            ("GET", "/v1/aliases/a", None),
            ("DELETE", "/v1/aliases/a", None),
            (*put, {"gallery": "a-2"}),
            (*put, {"rollback": True}),
        ):
            reply = await by("shop")(*call)
            assert code_of(reply) == (403, "key_not_allowed"), call
            assert "secret" not in reply.json()["error"]["message"], call
        assert (await by("all")("GET", "/v1/galleries/secret")).json()["count"] == 1
        assert (await by("shop")("GET", "/v1/aliases")).json() == {"aliases": []}
        listed = (await by("all")("GET", "/v1/aliases")).json()["aliases"]
        assert listed == [shape("a", "secret", "a-1")]

        # Back again: where it pointed meanwhile is not told, nor gone back to.
        assert (await by("all")(*put, {"gallery": "a-2"})).is_success
        assert (await by("shop")("GET", "/v1/aliases/a")).json() == shape("a", "a-2", None)
        assert (await by("shop")("GET", "/v1/aliases")).json()["aliases"][0]["previous"] is None
        assert code_of(await by("shop")(*put, {"rollback": True})) == (403, "key_not_allowed")
        assert (await by("shop")("DELETE", "/v1/aliases/a")).status_code == 200

    play_with_keys(tmp_path, scene, all={}, shop={"galleries": ("a", "a-*")})


def test_the_command_points_and_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("SEMBLANCE_SAMPLES", "0")
    from index.galleries import Galleries

    galleries = Galleries.open(tmp_path)
    for name in "ab":
        galleries.create(name, space="s", dim=8)
    galleries.close()
    for words, said in (
        (["a"], "now points at a\n"),
        (["b"], "now points at b (before: a)\n"),
        (["--rollback"], "now points at a (before: b)\n"),
    ):
        ran = CliRunner().invoke(main, ["gallery", "alias", "now", *words])
        assert (ran.exit_code, ran.output) == (0, said)
    for words in ([], ["a", "--rollback"]):
        ran = CliRunner().invoke(main, ["gallery", "alias", "now", *words])
        assert ran.exit_code == 2
        assert "give GALLERY or --rollback" in ran.output
