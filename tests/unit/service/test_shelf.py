"""Encoders come, go, sleep and wake while others are asked."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from anyio import CancelScope

from service.batching import Batching
from service.errors import ModelUnknown
from service.lane import Lane
from service.parts import Parts
from tests.builders import calling, running, until
from tests.fakes import FakeEncoder
from tests.pace import PACE

Scene = Callable[[Parts, httpx.AsyncClient], Awaitable[None]]
ASK = {"model": "fake", "input": "a b c"}


def play(scene: Scene, folder: Path, *names: str, **settings: float) -> None:
    async def played() -> None:
        encoders = [FakeEncoder(name, space=f"space-of-{name}") for name in names]
        with running(folder, encoders, **settings) as parts:
            async with calling(parts) as client:
                await scene(parts, client)

    asyncio.run(played())


def test_several_are_served_at_once(tmp_path: Path) -> None:
    async def scene(parts: Parts, client: httpx.AsyncClient) -> None:
        for name in ("fake", "other"):
            reply = await client.post("/v1/embeddings", json=ASK | {"model": name})
            assert reply.status_code == 200
        listed = (await client.get("/v1/models")).json()["data"]
        assert [(one["id"], one["state"]) for one in listed] == [
            ("fake", "loaded"),
            ("other", "loaded"),
        ]

    play(scene, tmp_path, "fake", "other")


def test_one_is_unloaded_and_loaded_again(tmp_path: Path) -> None:
    async def scene(parts: Parts, client: httpx.AsyncClient) -> None:
        assert (await client.post("/v1/models/fake/unload")).json()["unloaded"]
        reply = await client.post("/v1/embeddings", json=ASK)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
        assert (await client.post("/v1/models/fake/unload")).status_code == 404
        assert 'semblance_model_loaded{model="fake"} 0.0' in (await client.get("/metrics")).text
        reply = await client.post("/v1/models/fake/load")
        assert (reply.status_code, reply.json()["id"]) == (200, "fake")
        assert (await client.post("/v1/embeddings", json=ASK)).status_code == 200
        assert 'semblance_model_loaded{model="fake"} 1.0' in (await client.get("/metrics")).text

    play(scene, tmp_path, "fake")


def test_what_is_not_in_the_folder_is_not_loaded(tmp_path: Path) -> None:
    async def scene(parts: Parts, client: httpx.AsyncClient) -> None:
        for name in ("none", "..", "%2e%2e", "a%2Fb"):
            assert (await client.post(f"/v1/models/{name}/load")).status_code == 404
        with pytest.raises(ModelUnknown):
            await parts.embedder.shelf.load("../fake")

    play(scene, tmp_path, "fake")


def test_a_reload_leaves_nobody_without_an_answer(tmp_path: Path) -> None:
    async def scene(parts: Parts, client: httpx.AsyncClient) -> None:
        old = parts.embedder.shelf.models["fake"].lane
        asked = [
            asyncio.create_task(client.post("/v1/embeddings", json=ASK | {"input": f"text {n}"}))
            for n in range(50)
        ]
        await asyncio.sleep(0)
        assert (await client.post("/v1/models/fake/load")).status_code == 200
        assert {reply.status_code for reply in await asyncio.gather(*asked)} == {200}
        assert old is not None
        await until(lambda: not old.alive)
        assert parts.embedder.shelf.models["fake"].lane is not old

    play(scene, tmp_path, "fake")


def test_who_asks_to_load_and_leaves_leaves_no_lane_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(parts: Parts, client: httpx.AsyncClient) -> None:
        shelf = parts.embedder.shelf
        opened: list[Lane] = []
        go_on = threading.Event()
        open_lane = shelf._open_lane

        def slowly(name: str) -> Lane:
            go_on.wait(5 * PACE)
            opened.append(open_lane(name))
            return opened[-1]

        monkeypatch.setattr(shelf, "_open_lane", slowly)
        first = shelf.models["fake"].lane
        with CancelScope() as leaving:
            asyncio.get_running_loop().call_later(0.02, leaving.cancel)
            asyncio.get_running_loop().call_later(0.04, go_on.set)
            await shelf.load("fake")
        assert first is not None
        await until(lambda: not first.alive)
        assert shelf.models["fake"].lane is opened[0]
        await shelf.unload("fake")
        assert not opened[0].alive

    play(scene, tmp_path, "fake")


def test_a_sleeper_whose_bundle_was_changed_does_not_wake_as_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(parts: Parts, client: httpx.AsyncClient) -> None:
        shelf = parts.embedder.shelf
        model = shelf.model("fake")
        asleep = shelf._retire(model)
        assert asleep is not None
        await asleep
        other = Lane(FakeEncoder("fake", space="another space"), parts.metrics, parts.settings,
                     batching=Batching.of(parts.settings, on_gpu=False))  # fmt: skip
        monkeypatch.setattr(shelf, "_open_lane", lambda _: other)
        reply = await client.post("/v1/embeddings", json=ASK)
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "lane_dead")
        assert not other.alive

    play(scene, tmp_path, "fake")


def test_one_that_nobody_uses_sleeps_and_wakes_when_asked(tmp_path: Path) -> None:
    async def scene(parts: Parts, client: httpx.AsyncClient) -> None:
        watch = asyncio.create_task(parts.embedder.shelf.watch())
        model = parts.embedder.shelf.model("fake")
        await until(lambda: model.lane is None)
        assert (await client.get("/v1/models/fake")).json()["state"] == "asleep"
        assert (await client.get("/readyz")).status_code == 200  # what sleeps is not loaded
        replies = await asyncio.gather(
            *(client.post("/v1/embeddings", json=ASK | {"input": f"text {n}"}) for n in range(9))
        )
        assert {reply.status_code for reply in replies} == {200}
        woken = await parts.embedder.shelf.lane(model)
        assert woken is model.lane, "it was woken once"
        watch.cancel()

    play(scene, tmp_path, "fake", model_idle_seconds=0.05)
