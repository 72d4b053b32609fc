"""Scans that callers share: the same answers, and nobody left waiting, however a scan ends."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from time import sleep

import numpy as np
import pytest

from index import coalescing
from index.chunks import Chunks
from index.coalescing import Coalescing
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.hits import Mask, Positions, Scores
from index.scans import exact, scan
from index.vectors import Rows

pytestmark = pytest.mark.timeout(60)  # who is left waiting would wait for ever

DIM, SECONDS_MAX = 16, 20.0
HELD = 7.0  # the first number of a query whose scan waits for the gate
POISON = 8.0


def unit(n: int, seed: int = 0) -> Rows:
    rows = np.random.default_rng(seed).standard_normal((n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def marked(number: float) -> Rows:
    return np.full((1, DIM), number, np.float32)


class Gated:
    """A scan that tells how many queries it was given; some wait, some fail."""

    def __init__(self, error: type[BaseException] = ValueError) -> None:
        self.gate, self.held = threading.Event(), threading.Semaphore(0)
        self.batches: list[int] = []
        self._error = error

    def best(
        self, rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int = 0
    ) -> tuple[Scores, Positions]:
        self.batches.append(len(queries))
        if (queries == HELD).any():
            self.held.release()
            assert self.gate.wait(SECONDS_MAX)
        if (queries == POISON).any():
            raise self._error("poison")
        return exact.best(rows, queries, k, allowed, start)


@pytest.fixture
def callers():
    with ThreadPoolExecutor(64) as pool:
        yield pool


ROWS = Chunks.of(unit(500))


class Asking:
    """A scan of which every core is busy, so that others who ask the like wait."""

    def __init__(self, callers: ThreadPoolExecutor, at_once: int = 1, **gated) -> None:
        self.scan = Gated(**gated)
        self.shared = Coalescing(self.scan, at_once)
        self._callers = callers
        self.first = [self.ask(marked(HELD)) for _ in range(at_once)]
        for _ in self.first:
            assert self.scan.held.acquire(timeout=SECONDS_MAX)

    def ask(self, queries, k=5, *, rows=ROWS, allowed=None, start=0) -> Future:
        return self._callers.submit(self.shared.best, rows, queries, k, allowed, start)

    def wait_for(self, waiting: int) -> None:
        """Wait until so many wait for a turn."""
        for _ in range(int(SECONDS_MAX * 1000)):
            if sum(len(alike.waiting) for alike in list(self.shared._all.values())) == waiting:
                return
            sleep(0.001)
        raise AssertionError("they do not wait")

    def go_on(self) -> None:
        self.scan.gate.set()
        for one in self.first:
            one.result(SECONDS_MAX)


def same(found, queries, k, allowed=None, start=0) -> None:
    for ours, oracle in zip(found, exact.best(ROWS, queries, k, allowed, start), strict=True):
        np.testing.assert_array_equal(ours, oracle)


def test_who_comes_while_every_core_scans_is_scanned_with_the_others(callers):
    asking = Asking(callers)
    wanted = [(unit(1 + i % 3, seed=i), 4 + i % 4) for i in range(1, 9)]
    asked = [asking.ask(queries, k) for queries, k in wanted]
    asking.wait_for(8)
    asking.go_on()
    for one, (queries, k) in zip(asked, wanted, strict=True):
        same(one.result(SECONDS_MAX), queries, k)
    assert asking.scan.batches == [1, sum(len(queries) for queries, _ in wanted)]
    assert not asking.shared._all


def test_nobody_waits_while_a_core_is_free(callers):
    asking = Asking(callers, at_once=3)
    asking.go_on()
    assert asking.scan.batches == [1, 1, 1]
    same(asking.ask(unit(1)).result(SECONDS_MAX), unit(1), 5)


def test_nobody_waits_for_those_who_ask_something_else(callers):
    asking = Asking(callers)
    query, allowed = unit(1, seed=3), np.arange(500) % 2 == 0
    other = Chunks.of(unit(500))
    for ask, k, mask, start in [
        (partial(asking.ask, allowed=allowed), 5, allowed, 0),
        (partial(asking.ask, start=100), 5, None, 100),
        (partial(asking.ask, rows=other), 5, None, 0),
        (asking.ask, 50, None, 0),
    ]:
        same(ask(query, k).result(SECONDS_MAX), query, k, mask, start)
    many = unit(coalescing.QUERIES_MAX)
    same(asking.ask(many).result(SECONDS_MAX), many, 5)
    asking.go_on()
    assert not asking.shared._all


def test_a_shared_scan_is_bounded_and_its_share_is_fair(callers):
    asking = Asking(callers, at_once=2)
    asked = [asking.ask(unit(5, seed=i)) for i in range(20)]
    asking.wait_for(20)
    asking.go_on()
    for i, one in enumerate(asked):
        same(one.result(SECONDS_MAX), unit(5, seed=i), 5)
    assert max(asking.scan.batches) <= coalescing.QUERIES_MAX
    assert len(asking.scan.batches) < 22


def test_an_error_is_for_who_caused_it(callers):
    asking = Asking(callers)
    well = [asking.ask(unit(1, seed=i)) for i in range(3)]
    asking.wait_for(3)
    ill = asking.ask(marked(POISON))
    asking.wait_for(4)
    well.append(asking.ask(unit(1, seed=3)))
    asking.wait_for(5)
    asking.go_on()
    with pytest.raises(ValueError, match="poison"):
        ill.result(SECONDS_MAX)
    for i, one in enumerate(well):
        same(one.result(SECONDS_MAX), unit(1, seed=i), 5)
    assert 5 in asking.scan.batches
    assert not asking.shared._all


def test_a_scan_whose_thread_is_ended_leaves_nobody_waiting(callers):
    asking = Asking(callers, error=SystemExit)
    ill = asking.ask(marked(POISON))
    asking.wait_for(1)  # it is the first to wait, so that it scans for the others
    well = [asking.ask(unit(1, seed=i)) for i in range(3)]
    asking.wait_for(4)
    asking.go_on()
    with pytest.raises(SystemExit):
        ill.result(SECONDS_MAX)
    for i, one in enumerate(well):
        same(one.result(SECONDS_MAX), unit(1, seed=i), 5)
    assert not asking.shared._all


def test_who_is_interrupted_while_waiting_is_given_no_turn(callers, monkeypatch):
    asking, wait = Asking(callers), threading.Event.wait

    def interrupted(event: threading.Event, timeout: float | None = None) -> bool:
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return wait(event, timeout)

    with monkeypatch.context() as patched:
        patched.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            asking.shared.best(ROWS, unit(1), 5, None)
    later = asking.ask(unit(1, seed=2))
    asking.wait_for(1)
    asking.go_on()
    same(later.result(SECONDS_MAX), unit(1, seed=2), 5)
    assert not asking.shared._all


class Slow:
    """A scan that takes so long that others come meanwhile."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def best(
        self, rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int = 0
    ) -> tuple[Scores, Positions]:
        self.batches.append(len(queries))
        sleep(0.002)
        return scan.best(rows, queries, k, allowed, start)


def test_searches_amid_writes_equal_the_oracle_of_their_moment(tmp_path, callers, monkeypatch):
    """Many threads, two depths, filters, tombstones and views that are swapped meanwhile."""
    slow = Slow()
    rows, rng = unit(700, seed=1), np.random.default_rng(2)
    galleries = Galleries.open(tmp_path)
    try:
        gallery, _ = galleries.create("g", space="s", dim=DIM)
        monkeypatch.setattr(gallery._scan, "_scan", slow)
        alive: dict[int, set[int]] = {}
        standing = set(range(300))
        seq = gallery.enrol([exemplar(i, rows) for i in range(300)])
        alive[seq] = set(standing)

        def search(i: int):
            query, k = unit(1, seed=i), (3, 6, 7)[i % 3]
            even = {"label": "even"} if i % 5 == 0 else None
            return query[0], k, even, gallery.search(query, k, filter=even)

        asked = [callers.submit(search, i) for i in range(400)]
        for at in range(300, 700, 8):
            added, removed = range(at, at + 8), rng.choice(sorted(standing), 3, replace=False)
            standing |= set(added)
            alive[gallery.enrol([exemplar(i, rows) for i in added])] = set(standing)
            standing -= set(removed.tolist())
            alive[gallery.remove([str(i) for i in removed])[0]] = set(standing)
        for one in asked:
            query, k, even, found = one.result(SECONDS_MAX)
            at = np.array([i for i in sorted(alive[found.seq]) if even is None or i % 2 == 0])
            scores, best = exact.best(Chunks.of(rows[at]), query[np.newaxis], k, None)
            assert [hit.id for hit in found.hits[0]] == [str(at[i]) for i in best[0]]
            assert [hit.score for hit in found.hits[0]] == scores[0].tolist()
    finally:
        galleries.close()
    assert max(slow.batches) > 1


def exemplar(i: int, rows: Rows) -> Exemplar:
    return Exemplar(str(i), rows[i], "even" if i % 2 == 0 else "odd")
