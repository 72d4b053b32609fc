"""Galleries of long sounds made anew by another encoder: each by that one's own windows."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from models.onnx_encoder import OnnxEncoder
from service.app import create_app
from service.builder import Rejects, Tally
from service.client import Client
from service.in_process import InProcess
from service.reembed import Change, Report, Unfit, reembed, told
from tests.builders import running
from tests.sound_bundle import SAMPLES, write_sound_bundle
from tests.sounds import RATE
from tests.unit.service.test_long_sounds_api import exemplar, part, sound

CHANGE = Change("old", "new", "slower", "live")
WINDOW = SAMPLES / RATE
SONGS = {name: sound(seed, 4 + seed) for seed, name in enumerate("abcd")}
Act = Callable[[str, str, Any], Awaitable[Any]]
Run = Callable[..., Awaitable[Report | None]]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> list[OnnxEncoder]:
    """Two of sounds; the windows of the second are twice as long."""
    folder = tmp_path_factory.mktemp("bundles")
    bundles = [write_sound_bundle(folder), write_sound_bundle(folder, "slower", sample_rate=8_000)]
    return [OnnxEncoder.open(one, threads=1) for one in bundles]


def play(
    folder: Path,
    encoders: list[OnnxEncoder],
    scene: Callable[[Act, Run], Awaitable[None]],
) -> None:
    """Act out a scene beside a gallery `old` of four long sounds and a short one."""

    async def played() -> None:
        with running(folder, encoders=encoders) as parts:
            transport = InProcess(create_app(parts))
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
                client, rejects = Client(http), Rejects(folder / "rejected.jsonl")

                async def act(method: str, path: str, body: Any = None) -> Any:
                    return await client.call(method, f"/v1/{path}", body)

                async def run(change: Change = CHANGE) -> Report | None:
                    def progress(tally: Tally) -> None:
                        assert tally.done <= tally.total <= 5  # windows are none of it

                    try:
                        return await reembed(client, change, rejects, progress)
                    finally:
                        rejects.close()

                await act("PUT", "galleries/old", {"model": "loudness"})
                await act("PUT", "aliases/live", {"gallery": "old"})
                await put(act, "old", *SONGS)
                short = exemplar("short", part(SONGS["a"], 0.5), windows=False)
                await act("POST", "galleries/old/exemplars", {"exemplars": [short]})
                await scene(act, run)

    asyncio.run(played())


async def put(act: Act, gallery: str, *names: str, **more: Any) -> None:
    exemplars = [exemplar(one, SONGS[one], label=one.upper(), **more) for one in names]
    await act("POST", f"galleries/{gallery}/exemplars", {"exemplars": exemplars})


async def ids(act: Act, gallery: str) -> list[str]:
    page = await act("GET", f"galleries/{gallery}/exemplars?limit=1000")
    return sorted(one["id"] for one in page["exemplars"])


def expected(windows: int, seconds: float) -> list[float]:
    """Return where the windows of a sound of so many of the first encoder's begin."""
    length = windows * WINDOW
    return [float(at) for at in np.arange(0, length - seconds + 1e-9, seconds / 2)]


def test_each_is_cut_into_the_windows_of_the_new_encoder(
    encoders: list[OnnxEncoder], tmp_path: Path
) -> None:
    async def scene(act: Act, run: Run) -> None:
        report = await run()
        assert report is not None
        assert (report.count, report.tally.enrolled, report.looked, report.found) == (5, 5, 5, 5)
        assert next(told(report, CHANGE)) == (
            "new: 5 enrolled, 0 stood already, 0 rejected; 5 exemplars in all"
        )
        assert (await act("GET", "galleries/live"))["name"] == "new"
        for gallery, seconds in (("old", WINDOW), ("new", 2 * WINDOW)):
            parts = {
                f"{name}#t={start:g},{start + seconds:g}"
                for seed, name in enumerate(SONGS)
                for start in expected(4 + seed, seconds)
            }
            assert set(await ids(act, gallery)) == parts | {*SONGS, "short"}
        query = {"audio": exemplar("x", SONGS["d"][SAMPLES : 3 * SAMPLES])["item"]["audio"]}
        (result,) = (await act("POST", "galleries/live/search", {"query": query, "k": 5}))[
            "results"
        ]
        best = result["hits"][0]
        assert (best["id"], best["seconds"]) == ("d", [WINDOW, 3 * WINDOW])
        assert best["score"] == pytest.approx(1.0, abs=1e-3)

    play(tmp_path, encoders, scene)


def test_what_is_replaced_removed_and_cut_otherwise_meanwhile_is_followed(
    encoders: list[OnnxEncoder], tmp_path: Path
) -> None:
    async def scene(act: Act, run: Run) -> None:
        first = Change("old", "new", "slower")
        report = await run(first)
        assert report is not None
        await act("POST", "galleries/old/exemplars/delete", {"ids": ["b"]})
        again = exemplar("c", SONGS["a"], label="other", windows={"hop_seconds": 0.5})
        await act("POST", "galleries/old/exemplars", {"exemplars": [again]})
        await act(
            "POST",
            "galleries/old/exemplars",
            {"exemplars": [exemplar("d", SONGS["d"], label="D", windows=False)]},
        )
        report = await run(Change("old", "new", "slower", "live", prune=True))
        assert report is not None
        assert (report.count, report.tally.enrolled, report.tally.unchanged) == (4, 2, 2)
        assert await ids(act, "new") == sorted(
            ["a", "c", "d", "short"]
            + [f"a#t={start:g},{start + 0.5:g}" for start in (0, 0.25, 0.5)]
            + [f"c#t={start:g},{start + 0.5:g}" for start in (0, 0.5)]
        )
        once_more = await run(Change("old", "new", "slower", "live"))
        assert once_more is None  # the alias points there

    play(tmp_path, encoders, scene)


def test_a_stranger_is_told_once_and_pruned_with_its_windows(
    encoders: list[OnnxEncoder], tmp_path: Path
) -> None:
    async def scene(act: Act, run: Run) -> None:
        await act("PUT", "galleries/new", {"model": "slower"})
        stranger = exemplar("stranger", SONGS["a"])
        await act("POST", "galleries/new/exemplars", {"exemplars": [stranger]})
        with pytest.raises(Unfit, match="has 1 exemplars that 'old' has not, such as 'stranger'"):
            await run()
        report = await run(Change("old", "new", "slower", "live", prune=True))
        assert report is not None
        assert report.count == 5
        assert not [one for one in await ids(act, "new") if one.startswith("stranger")]

    play(tmp_path, encoders, scene)


def test_windows_of_seconds_of_their_own_stay_as_they_were_asked_for(
    encoders: list[OnnxEncoder], tmp_path: Path
) -> None:
    async def scene(act: Act, run: Run) -> None:
        odd = exemplar("a", SONGS["a"], windows={"seconds": 0.1, "hop_seconds": 0.1})
        await act("POST", "galleries/old/exemplars", {"exemplars": [odd]})
        assert await run() is not None
        mine = [one for one in await ids(act, "new") if one.startswith("a#")]
        assert mine == [one for one in await ids(act, "old") if one.startswith("a#")]
        assert len(mine) == 10

    play(tmp_path, encoders, scene)
