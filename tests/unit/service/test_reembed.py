"""A gallery made anew by another encoder: whole, while it is written to, and switched to."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from index.exemplar import Exemplar
from service.app import create_app
from service.builder import Rejects, Tally
from service.client import CallFailed, Client
from service.in_process import InProcess
from service.parts import Parts
from service.reembed import Change, Report, Unfit, reembed, told
from service.reembedding import NO_ITEM, NOT_THERE
from service.source import Source, SourceRow
from tests.builders import running
from tests.fakes import FakeEncoder, row_of

N = 300
CHANGE = Change("old", "new", "other", "live")
Hook = Callable[[str, str, Any], Awaitable[None]]


class Other(FakeEncoder):
    """Another encoder; a constant one tells nothing apart."""

    constant = False

    def __init__(self) -> None:
        super().__init__("other", dim=16, space="other-space")

    def run(self, feeds: list[str]) -> Any:
        rows = super().run(feeds)
        return np.tile(rows[:1], (len(rows), 1)) if self.constant else rows


class Hooked(Client):
    """A client that does something before each call, and after it."""

    before: Hook | None = None
    after: Hook | None = None

    async def call(self, method: str, path: str, body: object = None) -> Any:
        if self.before is not None:
            await self.before(method, path, body)
        reply = await super().call(method, path, body)
        if self.after is not None:
            await self.after(method, path, body)
        return reply


class Scene:
    """Galleries behind a client, and what to see of them."""

    def __init__(self, parts: Parts, client: Hooked, other: Other, folder: Path) -> None:
        self.parts, self.client, self.other = parts, client, other
        self.rejected = folder / "rejected.jsonl"
        self.done: list[int] = []

    async def put(self, gallery: str, *texts: str, **more: Any) -> None:
        """Enrol exemplars whose id is the text's first word."""
        exemplars = [
            {"id": text.split()[0], "item": text, "label": text[-1], "payload": {"t": text}} | more
            for text in texts
        ]
        await self.plain("POST", f"galleries/{gallery}/exemplars", {"exemplars": exemplars})

    async def drop(self, gallery: str, *ids: str) -> None:
        body = {"ids": list(ids)}
        await self.plain("POST", f"galleries/{gallery}/exemplars/delete", body)

    async def plain(self, method: str, rest: str, body: object = None) -> Any:
        return await Client.call(self.client, method, f"/v1/{rest}", body)

    async def run(
        self, change: Change = CHANGE, source: Callable[[], Source] | None = None
    ) -> Report | None:
        rejects = Rejects(self.rejected)

        def progress(tally: Tally) -> None:
            assert tally.done <= tally.total
            self.done.append(tally.done)

        try:
            return await reembed(self.client, change, rejects, progress, source)
        finally:
            rejects.close()

    def content(self, gallery: str) -> dict[str, tuple[Any, ...]]:
        rows = self.parts.galleries.get(gallery).page(limit=100_000)[0]
        return {one.id: (one.label, one.payload, one.item) for one in rows}

    def check_rows(self) -> None:
        """The rows of `new` are the other encoder's of the very items."""
        for one in self.parts.galleries.get("new").page(limit=100_000, with_vector=True)[0]:
            np.testing.assert_allclose(one.vector, row_of(one.item["text"], 16), atol=1e-6)

    @property
    def embedded(self) -> int:
        return sum(map(len, self.other.batches))


def play(folder: Path, scene: Callable[[Scene], Awaitable[None]], n: int = N) -> None:
    async def played() -> None:
        other = Other()
        with running(folder, encoders=[FakeEncoder(), other]) as parts:
            transport = InProcess(create_app(parts))
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
                acted = Scene(parts, Hooked(http), other, folder)
                body = {"model": "fake", "index": "flat", "recall_target": 0.9}
                await acted.plain("PUT", "galleries/old", body)
                await acted.plain("PUT", "aliases/live", {"gallery": "old"})
                if n:
                    await acted.put("old", *(f"e{i} text" for i in range(n)))
                other.batches.clear()
                await scene(acted)

    asyncio.run(played())


def test_it_is_made_checked_and_switched_to(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        report = await at.run()
        assert report is not None
        assert at.content("new") == at.content("old")
        at.check_rows()
        state = await at.plain("GET", "galleries/live")
        assert (state["name"], state["space"], state["count"]) == ("new", "other-space", N)
        assert (state["index"], state["recall_target"]) == ("flat", 0.9)
        assert (report.count, report.quiet, report.looked, report.found) == (N, True, 100, 100)
        assert (report.tally.enrolled, report.late, report.calibration) == (N, 0, None)
        assert at.done[-1] == N
        assert list(told(report, CHANGE)) == [
            "new: 300 enrolled, 0 stood already, 0 rejected; 300 exemplars in all",
            "the same ids as old; 100 of 100 found first by their own items",
            "live points at new (before: old); back: `semblance gallery alias live --rollback`",
            "0 writes to old were copied after the switch; what is written to old by its own name "
            "from now on is not in new",
        ]
        back = await at.plain("PUT", "aliases/live", {"rollback": True})
        assert back["gallery"] == "old"

    play(tmp_path, scene)


def test_again_costs_nothing_and_never_undoes_what_was_written_since(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        change = Change("live", "new", "other")
        for _ in range(2):
            report = await at.run(change)
            assert report is not None
            assert report.late is None
        assert report.tally.unchanged == N
        assert at.embedded == N + 100, "each once, and once again as a question"
        assert "run it again, with --alias to switch" in list(told(report, change))[-1]
        assert (await at.plain("GET", "galleries/live"))["name"] == "old"

    async def switched(at: Scene) -> None:
        await at.run()
        await at.put("live", "e1 newer", "more text")
        stood = at.content("new")
        for old in ("old", "live"):
            assert await at.run(Change(old, "new", "other", "live")) is None
        (line,) = told(None, CHANGE)
        assert line == "live points at new already: nothing was done"
        for change in (Change("old", "new", "other"), Change("old", "new", "other", "then")):
            with pytest.raises(Unfit, match="in use through alias 'live'"):
                await at.run(change)
        assert at.content("new") == stood

    play(tmp_path / "a", scene)
    play(tmp_path / "b", switched)


@pytest.mark.parametrize("calls", [3, 4, 5, 6, 7])
def test_stopped_anywhere_it_goes_on_where_it_was(tmp_path: Path, calls: int) -> None:
    async def scene(at: Scene) -> None:
        left = calls

        async def stop(*_: Any) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise CallFailed("no answer", status=0, code="")

        at.client.before = stop
        with pytest.raises(CallFailed, match="no answer"):
            await at.run()
        at.client.before = None
        assert (await at.plain("GET", "galleries/live"))["name"] == "old"
        stood = len(at.content("new")) if calls > 2 else 0
        report = await at.run()
        assert report is not None
        assert report.tally.unchanged >= stood
        assert at.content("new") == at.content("old")
        assert at.embedded == N + 100

    play(tmp_path, scene)


def test_what_is_written_meanwhile_is_copied_too(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        left = 7

        async def write(method: str, path: str, _: Any) -> None:
            nonlocal left
            if left and "exemplars" in path:
                left -= 1
                await at.put("old", f"more{left} text", f"e{left} changed", f"e{200 + left} late")
                await at.drop("old", f"e{100 + left}", f"more{left + 2}")

        at.client.after = write
        report = await at.run()
        assert left == 0
        assert report is not None
        assert report.quiet
        assert at.content("new") == at.content("old")
        assert "e3" in at.content("new")
        at.check_rows()

    play(tmp_path, scene)


def test_one_that_is_written_to_all_the_time_is_caught_up_with_after_the_switch(
    tmp_path: Path,
) -> None:
    """Who writes through the alias writes to the old one until the switch, then to the new one."""

    async def scene(at: Scene) -> None:
        number = 0

        async def write(method: str, path: str, body: Any) -> None:
            nonlocal number
            number += 1
            await at.put("live", f"e{number % 50} version {number}", f"w{number} text")
            if number % 5 == 0:
                await at.drop("live", f"w{number - 3}", f"e{100 + number}")

        expected: dict[str, Any] = {}

        async def note(method: str, path: str, body: Any) -> None:
            if (method, path) == ("PUT", "/v1/aliases/live"):
                expected.update(at.content("old"))
            await write(method, path, body)

        at.client.before = note
        report = await at.run()
        at.client.before = None
        assert report is not None
        assert not report.quiet
        assert report.late
        assert "old is written to all the time" in list(told(report, CHANGE))
        new = at.content("new")
        # What the writers left in the old one, and then in the new one.
        assert expected.keys() - new.keys() <= {f"w{n}" for n in range(number)} | {
            f"e{n}" for n in range(100, 100 + number + 1)
        }
        last = max(int(one[1:]) for one in new if one[0] == "w")
        assert last == number
        for n in range(number - 4, number + 1):
            assert new[f"e{n % 50}"][2] == {"text": f"e{n % 50} version {n}"}
        at.check_rows()

    play(tmp_path, scene)


def test_late_writes_are_taken_over_and_newer_ones_stay(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        switch = ("PUT", "/v1/aliases/live")

        async def before(method: str, path: str, _: Any) -> None:
            if (method, path) == switch:
                await at.put("old", "late text", "e1 late", "e2 late")
                await at.drop("old", "e3", "e4")

        async def after(method: str, path: str, _: Any) -> None:
            if (method, path) == switch:
                await at.put("live", "e2 newer", "e4 newer", "own text")

        at.client.before, at.client.after = before, after
        report = await at.run()
        assert report is not None
        assert report.late == 2
        new = {one: content[2]["text"] for one, content in at.content("new").items()}
        assert new["late"] == "late text"
        assert (new["e1"], new["e2"], new["e4"]) == ("e1 late", "e2 newer", "e4 newer")
        assert new["own"] == "own text"
        assert "e3" not in new
        assert len(new) == N + 1

    play(tmp_path, scene)


def test_what_comes_late_and_cannot_be_embedded_is_told(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        async def before(method: str, path: str, _: Any) -> None:
            if (method, path) == ("PUT", "/v1/aliases/live"):
                vectors(at, "v1")

        at.client.before = before
        report = await at.run()
        assert report is not None
        assert (report.late, report.tally.rejected) == (1, 1)
        assert NO_ITEM in at.rejected.read_text()
        assert list(told(report, CHANGE))[-2].startswith("live points at new")

    play(tmp_path, scene, n=20)


def vectors(at: Scene, *ids: str) -> None:
    rows = [Exemplar(one, row_of(one, 8), "L", None) for one in ids]
    at.parts.galleries.get("old").enrol(rows)


def test_what_has_no_item_comes_from_the_source_or_is_told(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        vectors(at, "v1", "v2", "v3")

        async def refused(reason: dict[str, str], source: Any = None) -> None:
            report = await at.run(source=source)
            assert report is not None
            assert (report.tally.rejected, report.count) == (len(reason), N + 3 - len(reason))
            assert "nothing was switched" in list(told(report, CHANGE))[-1]
            lines = at.rejected.read_text().splitlines()
            assert len(lines) == len(reason)
            for line, (one, why) in zip(lines, sorted(reason.items()), strict=True):
                assert f'"id": "{one}"' in line
                assert why in line
            assert (await at.plain("GET", "galleries/live"))["name"] == "old"

        def source(*items: tuple[str, Any]) -> Callable[[], Source]:
            rows = [
                SourceRow(one, 1, {"id": one, "label": "L", "item": item, "payload": None})
                for one, item in items
            ]
            return lambda: Source([SourceRow("line 0", 0, None, "bad"), *rows], len(rows))

        await refused(dict.fromkeys(("v1", "v2", "v3"), NO_ITEM))
        a_vector = {"vector": [1.0] * 16}
        some = source(("v1", {"text": "one"}), ("v2", a_vector), ("e1", "not this"), ("x", "y"))
        await refused(dict.fromkeys(("v2", "v3"), NOT_THERE), some)
        report = await at.run(
            source=source(*((one, {"text": f"a {one}"}) for one in ("v1", "v2", "v3")))
        )
        assert report is not None
        assert report.tally.rejected == 0
        assert not at.rejected.exists()
        assert at.content("new").keys() == at.content("old").keys()
        assert at.content("new")["v2"] == ("L", None, {"text": "a v2"})
        assert at.content("new")["e1"] == at.content("old")["e1"]
        at.check_rows()

    play(tmp_path, scene)


def test_what_the_other_encoder_refuses_is_told_until_it_is_mended(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        gallery = at.parts.galleries.get("old")
        gallery.enrol([Exemplar("bad", row_of("x", 8), None, None, {"text": "poison"})])
        report = await at.run()
        assert report is not None
        assert report.tally.rejected == 1
        assert "encode_failed" in at.rejected.read_text()
        await at.put("old", "bad mended")
        report = await at.run()
        assert report is not None
        assert report.tally.rejected == 0
        assert (await at.plain("GET", "galleries/live"))["name"] == "new"

    play(tmp_path, scene, n=5)


def test_what_the_new_one_has_of_its_own_is_not_removed_unasked(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.plain(
            "PUT", "galleries/new", {"model": "other", "index": "flat", "recall_target": 0.9}
        )
        await at.put("new", "own text", "e1 otherwise")
        with pytest.raises(Unfit, match="1 exemplars that 'old' has not, such as 'own'"):
            await at.run()
        assert "own" in at.content("new")
        assert (await at.plain("GET", "galleries/live"))["name"] == "old"
        assert await at.run(Change("old", "new", "other", "live", prune=True)) is not None
        assert at.content("new") == at.content("old")

    play(tmp_path, scene, n=20)


def test_names_that_are_not_free_for_it_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.plain("PUT", "galleries/third", {"model": "fake"})
        await at.plain("PUT", "aliases/elsewhere", {"gallery": "third"})
        for change, words in (
            (Change("old", "old", "other"), "the old gallery itself"),
            (Change("live", "old", "other"), "the old gallery itself"),
            (Change("old", "new", "other", "elsewhere"), "does not point at 'old'"),
            (Change("old", "new", "other", "nowhere"), "does not point at 'old'"),
            (Change("old", "third", "other"), "in use through alias 'elsewhere'"),
        ):
            with pytest.raises(Unfit, match=words):
                await at.run(change)
        for change, code in (
            (Change("no", "new", "other"), "gallery_unknown"),
            (Change("old", "new", "no"), "model_not_found"),
            (Change("old", ".x", "other"), "name_invalid"),
        ):
            with pytest.raises(CallFailed) as refused:
                await at.run(change)
            assert refused.value.code == code
        names = [one["name"] for one in (await at.plain("GET", "galleries"))["galleries"]]
        assert names == ["old", "third"]

    play(tmp_path, scene, n=1)


def test_an_encoder_that_tells_nothing_apart_is_not_switched_to(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        at.other.constant = True
        with pytest.raises(Unfit, match="does not tell them apart"):
            await at.run()
        assert (await at.plain("GET", "galleries/live"))["name"] == "old"

    play(tmp_path, scene)


def test_many_that_say_the_same_are_all_right(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        same = [{"id": f"s{n}", "item": "the very same"} for n in range(100)]
        await at.plain("POST", "galleries/old/exemplars", {"exemplars": same})
        report = await at.run()
        assert report is not None
        assert report.looked == report.found == 100

    play(tmp_path, scene, n=20)


def test_a_threshold_is_set_anew_at_the_old_rate(tmp_path: Path) -> None:
    async def scene(at: Scene) -> None:
        await at.put("old", *(f"e{n} text {n}" for n in range(N)))
        await at.plain("POST", "galleries/old/calibrate", {"false_accept_rate": 0.05})
        report = await at.run()
        assert report is not None
        assert report.calibration == "calibrated on itself for a false-accept rate of 0.05"
        state = await at.plain("GET", "galleries/new")
        assert state["calibration"]["space"] == "other-space"
        assert state["calibration"]["false_accept_rate"] == 0.05

    play(tmp_path, scene)


def test_an_empty_gallery_and_small_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def empty(at: Scene) -> None:
        report = await at.run()
        assert report is not None
        assert (report.count, report.looked) == (0, 0)

    async def small(at: Scene) -> None:
        monkeypatch.setattr("service.reembedding.PAGE_ROWS", 5000)  # more than a page may have
        assert await at.run() is not None
        assert at.content("new") == at.content("old")

    play(tmp_path / "empty", empty, n=0)
    play(tmp_path / "small", small)
