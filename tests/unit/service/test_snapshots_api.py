"""Snapshots over REST and from the command line."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from index.exemplar import Exemplar
from index.frames import MAGIC
from index.galleries import Galleries
from service import spool as spool_module
from service.cli import main
from service.in_process import InProcess
from tests.builders import running, until
from tests.fakes import FakeEncoder, row_of
from tests.unit.index.test_snapshots import everything
from tests.unit.service.test_api import error_of, play
from tests.unit.service.test_galleries_api import exemplars

Scene = Callable[[httpx.AsyncClient], Awaitable[None]]
G = "/v1/galleries/g"


def with_gallery(folder: Path, scene: Scene, **settings: Any) -> None:
    async def played(client: httpx.AsyncClient) -> None:
        (await client.put(G, json={"model": "fake"})).raise_for_status()
        body = exemplars("one", "two", payload={"year": 1950})
        (await client.post(f"{G}/exemplars", json=body)).raise_for_status()
        await scene(client)

    play(folder, played, **settings)


async def snapshot(client: httpx.AsyncClient) -> bytes:
    reply = await client.post(f"{G}/snapshot")
    assert reply.status_code == 200, reply.text
    return reply.content


def test_a_gallery_goes_out_and_comes_back(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        reply = await client.post(f"{G}/snapshot")
        assert reply.status_code == 200
        assert reply.headers["content-type"] == "application/octet-stream"
        assert reply.headers["content-disposition"] == 'attachment; filename="g.snapshot"'
        content = reply.content
        assert content.startswith(MAGIC)
        assert int(reply.headers["content-length"]) == len(content)
        state = (await client.get(G)).json()
        made = await client.post("/v1/galleries/h/restore", content=content)
        assert (made.status_code, made.json()) == (201, state | {"name": "h"})
        listed = [(await client.get(f"/v1/galleries/{n}/exemplars")).json() for n in "gh"]
        assert listed[0]["exemplars"] == listed[1]["exemplars"]
        found = await client.post("/v1/galleries/h/search", json={"query": "one", "k": 1})
        (hit,) = found.json()["results"][0]["hits"]
        assert (hit["id"], hit["payload"]) == ("one", {"year": 1950})

        await client.delete(f"{G}/exemplars/one")
        again = await client.post(f"{G}/restore", content=content)
        assert (again.status_code, error_of(again)["code"]) == (409, "gallery_exists")
        again = await client.post(f"{G}/restore?replace=true", content=content)
        assert (again.status_code, again.json()["count"]) == (200, 2)
        known = await client.post(
            f"{G}/exemplars", json=exemplars("one", "two", payload={"year": 1950})
        )
        assert known.json()["unchanged"] == 2, "what stands again is known again"

    with_gallery(tmp_path, scene)


def test_an_alias_leads_to_a_snapshot_and_not_to_a_restoration(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        await client.put("/v1/aliases/now", json={"gallery": "g"})
        reply = await client.post("/v1/galleries/now/snapshot")
        assert 'filename="g.snapshot"' in reply.headers["content-disposition"]
        refused = await client.post("/v1/galleries/now/restore?replace=true", content=reply.content)
        assert (refused.status_code, error_of(refused)["code"]) == (409, "gallery_pointed_at")

    with_gallery(tmp_path, scene)


def test_what_is_refused_leaves_the_gallery_and_no_file(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        content = await snapshot(client)
        half = content[: len(content) // 2]
        for path, sent, status, code in (
            (f"{G}/restore?replace=true", b"", 422, "snapshot_corrupt"),
            (f"{G}/restore?replace=true", half, 422, "snapshot_corrupt"),
            (f"{G}/restore?replace=true", content + b"x", 422, "snapshot_corrupt"),
            (f"{G}/restore?replace=maybe", content, 422, "request_invalid"),
            ("/v1/galleries/..%2Fx/restore", content, 404, "path_unknown"),
            ("/v1/galleries/.x/restore", content, 422, "name_invalid"),
            ("/v1/galleries/no/snapshot", b"", 404, "gallery_unknown"),
        ):
            reply = await client.post(path, content=sent)
            assert (reply.status_code, error_of(reply)["code"]) == (status, code), path
        assert (await client.get(G)).json()["count"] == 2
        names = [one["name"] for one in (await client.get("/v1/galleries")).json()["galleries"]]
        assert names == ["g"]
        assert {path.name.split(".")[0] for path in tmp_path.iterdir()} == {"semblance"}

    with_gallery(tmp_path, scene)


def test_sizes_are_bounded_whatever_is_declared(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        async def undeclared() -> AsyncIterator[bytes]:
            for _ in range(1000):
                nonlocal sent
                sent += 1000
                yield b"x" * 1000

        for body in (b"x" * 5001, undeclared()):
            sent = 0
            reply = await client.post("/v1/galleries/h/restore", content=body)
            error = error_of(reply)
            assert (reply.status_code, error["code"]) == (413, "body_too_large")
            assert "more than 5000 bytes" in error["message"]
            assert "SEMBLANCE_SNAPSHOT_BYTES_MAX" in error["message"]
            assert sent <= 6000
        many = {"exemplars": [{"id": f"{n}", "item": f"text {n}"} for n in range(50)]}
        (await client.post(f"{G}/exemplars", json=many)).raise_for_status()
        reply = await client.post(f"{G}/snapshot")
        assert (reply.status_code, error_of(reply)["code"]) == (422, "snapshot_too_large")

    with_gallery(tmp_path, scene, snapshot_bytes_max=5000)


def test_a_full_disk_is_told_and_leaves_the_gallery(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        content = await snapshot(client)
        full = Path("/dev/full").open  # every write to it is refused for want of room
        with monkeypatch.context() as patched:
            patched.setattr(spool_module, "TemporaryFile", lambda **_: full("w+b"))
            for path in ("snapshot", "restore?replace=true"):
                reply = await client.post(f"{G}/{path}", content=content)
                error = error_of(reply)
                assert (reply.status_code, error["code"]) == (503, "store_unavailable")
        assert (await client.post(f"{G}/restore?replace=true", content=content)).is_success
        assert (await client.get(G)).json()["count"] == 2

    with_gallery(tmp_path, scene)


def test_a_space_of_a_model_has_its_dimension(tmp_path: Path) -> None:
    there = Galleries.open(tmp_path / "there")
    gallery, _ = there.create("x", space="fake-space", dim=3)
    gallery.enrol([Exemplar("a", row_of("a", 3))])
    path = tmp_path / "x.snapshot"
    with path.open("wb") as file:
        there.snapshots.take(gallery, file, bytes_max=1 << 20, go_on=lambda: None)
    there.close()

    async def scene(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/galleries/x/restore", content=path.read_bytes())
        assert (reply.status_code, error_of(reply)["code"]) == (422, "request_invalid")
        assert "of dimension 8, not 3" in reply.text

    with_gallery(tmp_path / "here", scene)


def test_one_that_is_late_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        content = await snapshot(client)
        real = spool_module.spool

        async def slow(*given: Any) -> None:
            await real(*given)
            import time

            time.sleep(0.3)

        monkeypatch.setattr("service.routes.snapshots.spool", slow)
        late = {"x-deadline-ms": "200"}
        reply = await client.post("/v1/galleries/h/restore", content=content, headers=late)
        assert (reply.status_code, error_of(reply)["code"]) == (504, "deadline_exceeded")
        assert (await client.get("/v1/galleries/h")).status_code == 404

    with_gallery(tmp_path, scene)


def test_a_caller_who_goes_frees_the_place_and_the_file(tmp_path: Path) -> None:
    """In parts, as a server has it: the third finds no place, until the first two have gone."""

    async def played() -> None:
        with running(tmp_path) as parts:
            from service.app import create_app

            transport = InProcess(create_app(parts))
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
                (await client.put(G, json={"model": "fake"})).raise_for_status()
                gone = asyncio.Event()

                async def stalled() -> AsyncIterator[bytes]:
                    yield MAGIC
                    await gone.wait()

                room = parts.galleries.snapshots._room
                tasks = [
                    asyncio.create_task(client.post("/v1/galleries/h/restore", content=stalled()))
                    for _ in range(2)
                ]
                await until(lambda: room._value == 0)
                for path in ("g/snapshot", "x/restore"):
                    reply = await client.post(f"/v1/galleries/{path}")
                    assert (reply.status_code, error_of(reply)["code"]) == (
                        503,
                        "store_unavailable",
                    )
                    assert int(reply.headers["retry-after"]) >= 1
                for task in tasks:
                    task.cancel()
                await until(lambda: room._value == 2)
                async with client.stream("POST", f"{G}/snapshot") as reply:
                    assert reply.status_code == 200
                    assert room._value == 1
                await until(lambda: room._value == 2)

    asyncio.run(played())


def test_the_command_line_there_and_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEMBLANCE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SEMBLANCE_SAMPLES", "0")
    monkeypatch.setenv("SEMBLANCE_MODELS", "")

    def ran(*words: str, code: int = 0) -> str:
        done = CliRunner().invoke(main, ["gallery", *words])
        assert done.exit_code == code, done.output
        return done.output

    galleries = Galleries.open(tmp_path / "data")
    gallery, _ = galleries.create("g", space="s", dim=8)
    gallery.enrol([Exemplar(f"e{n}", row_of(str(n), 8), None, {"n": n}) for n in range(40)])
    stood = everything(gallery)
    galleries.close()

    said = ran("snapshot", "g")
    size = (tmp_path / "g.snapshot").stat().st_size
    assert said == f"g.snapshot: 40 exemplars of g at seq 1, {size} bytes\n"
    assert "overwrite it with --force" in ran("snapshot", "g", code=2)
    ran("snapshot", "g", "--force")
    assert "no gallery 'no'" in ran("snapshot", "no", code=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "g.snapshot"]

    assert ran("restore", "h", "g.snapshot") == "h: 40 exemplars, seq 1\n"
    assert "ask for `replace`" in ran("restore", "h", "g.snapshot", code=1)
    ran("restore", "h", "g.snapshot", "--replace")
    content = (tmp_path / "g.snapshot").read_bytes()
    (tmp_path / "half").write_bytes(content[:-1])
    assert "ends too early" in ran("restore", "x", "half", code=1)
    galleries = Galleries.open(tmp_path / "data")
    assert [state.name for state in galleries.states()] == ["g", "h"]
    assert everything(galleries.get("h")) == stood
    galleries.close()


def test_a_restored_gallery_is_asked_through_its_model(tmp_path: Path) -> None:
    """What was restored is embedded for as before: its space is known by its name."""
    content = b""

    async def scene(client: httpx.AsyncClient) -> None:
        nonlocal content
        content = await snapshot(client)

    with_gallery(tmp_path / "a", scene)

    async def elsewhere(client: httpx.AsyncClient) -> None:
        assert (await client.post(f"{G}/restore", content=content)).status_code == 201
        asked = await client.post(f"{G}/search", json={"query": "x"})
        assert (asked.status_code, error_of(asked)["code"]) == (409, "space_mismatch")

    play(tmp_path / "b", elsewhere, encoders=[FakeEncoder(space="another")])
