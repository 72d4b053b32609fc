"""What was embedded is found again; equal items at once are embedded once, at nobody's cost."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from models.errors import ItemEmpty
from models.modality import Item
from service.asking import Asking
from service.cache_keys import Form
from service.call import Embedded, Outcome
from service.errors import DeadlineExceeded, EncodeFailed, LaneDead, Overloaded
from service.metrics import Metrics
from service.recall import Recall
from tests.fakes import row_of
from tests.pace import PACE

FORM = Form("space", 8, None, True)


class Maker:
    """Makes outcomes as a lane does, one for each item, once its gate is open."""

    def __init__(self, *, held: bool = False, refusing: Exception | None = None) -> None:
        self.gate = asyncio.Event()
        if not held:
            self.gate.set()
        self.refusing = refusing
        self.calls: list[list[object]] = []

    async def __call__(self, items: Sequence[Item]) -> list[Outcome]:
        self.calls.append([item.content for item in items])
        await self.gate.wait()
        if self.refusing is not None:
            raise self.refusing
        return [self.outcome(str(item.content)) for item in items]

    def outcome(self, text: str) -> Outcome:
        if text.startswith("empty"):
            return ItemEmpty(text)
        if text.startswith("poison"):
            return EncodeFailed(text)
        if text.startswith("dead"):
            return LaneDead(text)
        return Embedded(row_of(text, 8), len(text), text.endswith("..."))


class Scene:
    """A recall, and calls to it."""

    def __init__(self, bytes_max: int = 1 << 20) -> None:
        self.metrics = Metrics()
        self.recall = Recall(self.metrics, bytes_max=bytes_max)

    async def ask(
        self, make: Maker, *texts: str, form: Form = FORM, deadline: float = math.inf
    ) -> list[Outcome]:
        items = [Item("text", text) for text in texts]
        asking = Asking(deadline=deadline)
        return await self.recall.outcomes(items, form, asking, make, bulk=len(items) > 4)

    def start(self, make: Maker, *texts: str, **more: float) -> "asyncio.Task[list[Outcome]]":
        return asyncio.create_task(self.ask(make, *texts, **more))  # type: ignore[arg-type]

    def counted(self) -> dict[str, float]:
        """The series that are not zero."""
        lines = [line.split() for line in self.metrics.text().decode().splitlines()]
        prefix = "semblance_cache_"
        return {
            name.removeprefix(prefix): float(value)
            for name, value in (line[:2] for line in lines)
            if name.startswith(prefix) and float(value) and "_created" not in name
        }


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5 * PACE):
        while not true():
            await asyncio.sleep(0)


def texts_of(outcomes: Sequence[Outcome], *texts: str) -> None:
    """Hold outcomes against the rows of these texts."""
    for outcome, text in zip(outcomes, texts, strict=True):
        assert isinstance(outcome, Embedded)
        np.testing.assert_array_equal(outcome.row, row_of(text, 8))
        assert (outcome.cost, outcome.truncated) == (len(text), text.endswith("..."))


def test_what_was_embedded_is_not_embedded_again() -> None:
    async def scene() -> None:
        s, make = Scene(), Maker()
        texts_of(await s.ask(make, "a", "b..."), "a", "b...")
        texts_of(await s.ask(make, "b...", "c", "a"), "b...", "c", "a")
        assert make.calls == [["a", "b..."], ["c"]]
        assert s.counted() == {
            'hits_total{tier="process"}': 2,
            'misses_total{tier="process"}': 3,
            "bytes": 3 * (8 * 4 + 512),
        }

    asyncio.run(scene())


def test_another_form_is_another_embedding() -> None:
    async def scene() -> None:
        s, make = Scene(), Maker()
        for form in (FORM, Form("space", 8, "query", True), Form("other", 8, None, True)):
            await s.ask(make, "a", form=form)
        assert len(make.calls) == 3

    asyncio.run(scene())


def test_equal_items_of_one_call_are_embedded_once() -> None:
    async def scene() -> None:
        s, make = Scene(), Maker()
        texts_of(await s.ask(make, "a", "b", "a", "a"), "a", "b", "a", "a")
        assert make.calls == [["a", "b"]]
        assert s.counted()["shared_total"] == 2
        texts_of(await s.ask(make, "a", "a"), "a", "a")
        assert s.counted()['hits_total{tier="process"}'] == 2

    asyncio.run(scene())


def test_kept_rows_do_not_hold_their_batch_and_cannot_be_changed() -> None:
    async def scene() -> None:
        s = Scene()
        batch = np.stack([row_of("a", 8), row_of("b", 8)])

        async def views(items: Sequence[Item]) -> list[Outcome]:
            return [Embedded(row, 1, False) for row in batch]

        items = [Item("text", "a"), Item("text", "b")]
        await s.recall.outcomes(items, FORM, Asking(), views, bulk=False)
        batch[:] = 0
        kept = (await s.ask(Maker(), "a"))[0]
        assert isinstance(kept, Embedded)
        np.testing.assert_array_equal(kept.row, row_of("a", 8))
        assert kept.row.base is None
        assert not kept.row.flags.writeable

    asyncio.run(scene())


def test_what_does_not_fit_is_given_up_and_counted() -> None:
    async def scene() -> None:
        s, make = Scene(bytes_max=2 * (8 * 4 + 512)), Maker()
        await s.ask(make, "a", "b", "c")
        await s.ask(make, "b", "c")
        await s.ask(make, "a")
        assert make.calls == [["a", "b", "c"], ["a"]]
        assert s.counted()['evictions_total{tier="process"}'] == 2

    asyncio.run(scene())


def test_items_that_failed_are_tried_again() -> None:
    async def scene() -> None:
        s, make = Scene(), Maker()
        for _ in range(2):
            kinds = [type(one) for one in await s.ask(make, "empty", "a", "poison", "dead")]
            assert kinds == [ItemEmpty, Embedded, EncodeFailed, LaneDead]
        assert make.calls == [["empty", "a", "poison", "dead"], ["empty", "poison", "dead"]]

    asyncio.run(scene())


def test_equal_items_of_calls_at_once_are_embedded_once() -> None:
    async def scene() -> None:
        s, make, unused = Scene(), Maker(held=True), Maker()
        leader = s.start(make, "a", "b")
        await until(lambda: len(make.calls) == 1)
        followers = [s.start(unused, "b", "a") for _ in range(20)]
        partly = s.start(other := Maker(), "b", "c")
        await until(lambda: len(other.calls) == 1)
        make.gate.set()
        texts_of(await leader, "a", "b")
        for follower in followers:
            texts_of(await follower, "b", "a")
        texts_of(await partly, "b", "c")
        assert (unused.calls, other.calls) == ([], [["c"]])
        assert s.counted()["shared_total"] == 41
        assert len(s.recall._flights) == 0

    asyncio.run(scene())


def test_followers_share_what_is_wrong_with_the_item_itself() -> None:
    async def scene() -> None:
        s, make, unused = Scene(), Maker(held=True), Maker()
        leader = s.start(make, "empty", "poison")
        await until(lambda: bool(make.calls))
        follower = s.start(unused, "poison", "empty")
        await asyncio.sleep(0)
        make.gate.set()
        assert [type(one) for one in await leader] == [ItemEmpty, EncodeFailed]
        assert [type(one) for one in await follower] == [EncodeFailed, ItemEmpty]
        assert unused.calls == []

    asyncio.run(scene())


@pytest.mark.parametrize(
    "refusal", [Overloaded("full", retry_after_seconds=1), LaneDead("x"), DeadlineExceeded("x")]
)
def test_when_the_leader_is_refused_one_follower_leads_anew(refusal: Exception) -> None:
    async def scene() -> None:
        s, refused, make = Scene(), Maker(held=True, refusing=refusal), Maker(held=True)
        leader = s.start(refused, "a")
        await until(lambda: bool(refused.calls))
        followers = [s.start(make, "a") for _ in range(10)]
        await asyncio.sleep(0)
        refused.gate.set()
        with pytest.raises(type(refusal)):
            await leader
        await until(lambda: bool(make.calls))
        make.gate.set()
        for follower in followers:
            texts_of(await follower, "a")
        assert make.calls == [["a"]]

    asyncio.run(scene())


def test_when_the_leader_leaves_one_follower_leads_anew_whoever_leaves_next() -> None:
    async def scene() -> None:
        s = Scene()
        makers = [Maker(held=True) for _ in range(4)]
        calls = [s.start(make, "a", "b") for make in makers]
        for at in range(3):
            await until(lambda at=at: bool(makers[at].calls))  # type: ignore[misc]
            assert not any(make.calls for make in makers[at + 1 :])
            calls[at].cancel()
            with pytest.raises(asyncio.CancelledError):
                await calls[at]
        await until(lambda: bool(makers[3].calls))
        makers[3].gate.set()
        texts_of(await calls[3], "a", "b")
        assert len(s.recall._flights) == 0

    asyncio.run(scene())


def test_an_outcome_of_the_leaders_own_circumstances_is_its_own() -> None:
    async def scene() -> None:
        s, make, other = Scene(), Maker(held=True), Maker()
        leader = s.start(make, "dead", "a")
        await until(lambda: bool(make.calls))
        follower = s.start(other, "a", "dead")
        await asyncio.sleep(0)
        make.gate.set()
        await leader
        await follower
        assert other.calls == [["dead"]]

    asyncio.run(scene())


def test_a_follower_who_leaves_disturbs_nobody() -> None:
    async def scene() -> None:
        s, make = Scene(), Maker(held=True)
        leader = s.start(make, "a")
        await until(lambda: bool(make.calls))
        gone, stays = s.start(make, "a"), s.start(make, "a")
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        make.gate.set()
        texts_of(await leader, "a")
        texts_of(await stays, "a")
        assert make.calls == [["a"]]

    asyncio.run(scene())


def test_a_followers_deadline_is_its_own() -> None:
    async def scene() -> None:
        s, make = Scene(), Maker(held=True)
        leader = s.start(make, "a")
        await until(lambda: bool(make.calls))
        with pytest.raises(DeadlineExceeded):
            await s.ask(make, "a", deadline=time.monotonic() + 0.01)
        with pytest.raises(DeadlineExceeded):
            await s.ask(make, "a", deadline=time.monotonic() - 1)
        make.gate.set()
        texts_of(await leader, "a")

    asyncio.run(scene())


def test_who_is_in_a_hurry_does_not_wait_for_bulk() -> None:
    async def scene() -> None:
        s, slow, quick = Scene(), Maker(held=True), Maker(held=True)
        many = [f"text {n}" for n in range(5)]
        bulk = s.start(slow, *many)
        await until(lambda: bool(slow.calls))
        texts_of(await s.ask(Maker(), many[0]), many[0])
        hurried = s.start(quick, many[1])
        await until(lambda: bool(quick.calls))
        # Bulk waits for both; so does who is in a hurry for its like.
        unused = Maker()
        more = [s.start(unused, *many), s.start(unused, many[1])]
        await asyncio.sleep(0)
        quick.gate.set()
        texts_of(await hurried, many[1])
        texts_of(await more[1], many[1])
        slow.gate.set()
        texts_of(await bulk, *many)
        texts_of(await more[0], *many)
        assert unused.calls == []

    asyncio.run(scene())


def test_calls_that_lead_and_follow_one_another_all_end() -> None:
    async def scene() -> None:
        s, one, two = Scene(), Maker(held=True), Maker(held=True)
        calls = [s.start(one, "a", "b"), s.start(two, "b", "c"), s.start(two, "c", "a", "d")]
        await until(lambda: len(two.calls) == 2)
        calls[0].cancel()
        two.gate.set()
        texts_of(await calls[1], "b", "c")
        texts_of(await calls[2], "c", "a", "d")
        assert one.calls == [["a", "b"]]
        assert sorted(map(len, two.calls)) == [1, 1, 1, 1]  # c and d; then b and a anew

    asyncio.run(scene())


def test_large_calls_go_the_same_way() -> None:
    async def scene() -> None:
        s, make = Scene(bytes_max=64 << 20), Maker()
        texts = [f"text {n}" for n in range(10_000)]
        texts_of(await s.ask(make, *texts), *texts)
        texts_of(await s.ask(make, *reversed(texts)), *reversed(texts))
        assert list(map(len, make.calls)) == [10_000]
        long = "x" * 300_000
        texts_of(await s.ask(make, long, long), long, long)

    asyncio.run(scene())
