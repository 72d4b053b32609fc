"""Galleries that answer while their vectors are read behind a start: at once, or waited for."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import numpy as np
import pytest

from index import arrivals, arriving, builds, chunks, planner, view
from index.arriving import Arriving
from index.errors import StoreCorrupt, StoreUnavailable
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from index.generations import Generations
from index.hits import Hit
from index.vectors import unit_rows
from tests import every_row

DIM, N, LABELS = 8, 1600, 40
K = 10


@pytest.fixture(autouse=True)
def small(monkeypatch) -> None:
    """Let 1 600 rows be many: chunks of 256, blocks of 100, few for a scan."""
    monkeypatch.setattr(chunks, "CHUNK_NUMBERS", 256 * DIM)
    monkeypatch.setattr(arrivals, "BLOCK_ROWS", 100)
    monkeypatch.setattr(arriving, "BLOCK_ROWS", 100)
    monkeypatch.setattr(planner, "SCANNED_ROWS", 50)
    monkeypatch.setattr(view, "_GROUP_FIRST", 16)  # so that grouping takes several rounds
    monkeypatch.setattr(view, "_GROUP_FACTOR", 2)
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 1000.0)


VECTORS = unit_rows(np.random.default_rng(0).standard_normal((N, DIM)), DIM)


def named(at: int) -> Exemplar:
    return Exemplar(f"e{at}", VECTORS[at], f"L{at % LABELS}", {"n": at})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gallery whose index is over most rows; some have left since it was made, some came."""
    opened = Galleries.open(tmp_path)
    gallery, _ = opened.create("g", space="s", dim=DIM, index="sq8")
    gallery.enrol([named(at) for at in range(N)])
    gallery.remove([f"e{at}" for at in range(0, 300, 3)])
    gallery.enrol([named(at) for at in range(0, 30, 3)])
    opened.close()
    return tmp_path


STANDING = [at for at in range(N) if at >= 300 or at % 3 or at < 30]


@pytest.fixture
def gate(monkeypatch) -> Iterator[threading.Event]:
    """What holds the reading behind a start, until it is set."""
    opened = threading.Event()
    write = arrivals.write_vectors
    monkeypatch.setattr(arrivals, "write_vectors", lambda *args: (opened.wait(60), write(*args))[1])
    yield opened
    opened.set()


@pytest.fixture(autouse=True)
def indexed(monkeypatch) -> None:
    """Let each start find an index over all but the last ten rows."""
    monkeypatch.setattr(Generations, "newest", lambda _, *which: every_row.newest(*which, late=10))


def reopened(folder: Path) -> tuple[Galleries, Gallery]:
    opened = Galleries.open(folder)
    return opened, opened.get("g")


def told(hits: list[Hit]) -> list[tuple[str, str | None, float]]:
    return [(hit.id, hit.label, hit.score) for hit in hits]


def best(query: np.ndarray, among: list[int]) -> list[str]:
    order = sorted(among, key=lambda at: -float(VECTORS[at].astype(float) @ query.astype(float)))
    return [f"e{at}" for at in order]


ASKED = {
    "plain": {},
    "payload": {"with_payload": True, "with_vector": True},
    "few pass": {"filter": {"payload.n": {"lt": 40}}},
    "many pass": {"filter": {"payload.n": {"gte": 200}}},
    "none passes": {"filter": {"label": "nobody"}},
    "grouped": {"group_by_label": True},
    "threshold": {"threshold": 0.8},
}


@pytest.mark.parametrize("how", ASKED)
@pytest.mark.parametrize("k", [1, K])
def test_what_is_asked_before_a_vector_is_there_is_answered_as_later(folder, gate, how, k):
    opened, gallery = reopened(folder)
    assert gallery.state().index_in_use == "every"
    assert not gallery._published.seen().vectors.are_here
    queries = unit_rows(VECTORS[:5] + 0.1, DIM)
    first = [told(hits) for hits in gallery.search(queries, k, **ASKED[how]).hits]
    assert not gallery._published.seen().vectors.are_here  # nothing was waited for
    gate.set()
    until_here(gallery)
    assert [told(hits) for hits in gallery.search(queries, k, **ASKED[how]).hits] == first
    exact = gallery.search(queries, k, exact=True, **ASKED[how]).hits
    assert [told(hits) for hits in exact] == first
    if how == "plain":
        for query, hits in zip(queries, first, strict=True):
            assert [one for one, _, _ in hits] == best(query, STANDING)[:k]
    opened.close()


def until_here(gallery: Gallery) -> None:
    end = time.monotonic() + 60
    while not gallery._published.seen().vectors.are_here:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_looks_at_every_row_waits_and_is_right(folder, gate):
    opened, gallery = reopened(folder)
    query = VECTORS[7:8]
    asked = ({"exact": True}, {"group_by_label": True, "label_score": "mean"})
    with ThreadPoolExecutor(len(asked)) as threads:
        found = [threads.submit(gallery.search, query, K, **one) for one in asked]
        time.sleep(0.1)
        assert not any(one.done() for one in found)
        gate.set()
        answers = [one.result().hits[0] for one in found]
    assert [hit.id for hit in answers[0]] == best(query[0], STANDING)[:K]
    means = {
        f"L{label}": np.mean([VECTORS[at] @ query[0] for at in STANDING if at % LABELS == label])
        for label in range(LABELS)
    }
    assert [hit.label for hit in answers[1]] == sorted(means, key=lambda one: -means[one])[:K]
    opened.close()


def test_writes_before_the_vectors_are_there_are_seen_at_once_and_stay(folder, gate, unit):
    opened, gallery = reopened(folder)
    fresh = unit(600, seed=3)  # past the end of the last chunk
    gallery.enrol([Exemplar(f"new{at}", row, "new") for at, row in enumerate(fresh)])
    gallery.enrol([Exemplar("e500", fresh[0] * -1, "moved")])
    gallery.remove(["e501"])
    assert gallery.remove_where({"label": "L3"})[1] == len([at for at in STANDING if at % 40 == 3])

    def look() -> None:
        assert gallery.search(fresh[9:10], 1).hits[0][0].id == "new9"
        assert gallery.search(fresh[:1] * -1, 1).hits[0][0].id == "e500"
        gone = {"e500", "e501"} | {f"e{at}" for at in range(3, N, 40)}
        for at in (500, 501, 43):
            ids = [hit.id for hit in gallery.search(VECTORS[at : at + 1], 20).hits[0]]
            assert not (gone - {"e500"}) & set(ids)
            among = [one for one in STANDING if f"e{one}" not in gone]
            nearest = best(VECTORS[at], among)[:3]
            assert [one for one in ids if one in nearest] == nearest

    look()
    gate.set()
    until_here(gallery)
    look()
    opened.close()
    opened, gallery = reopened(folder)
    look()
    opened.close()


def test_rows_that_left_are_not_compacted_away_while_the_rest_is_read(folder, gate):
    opened, gallery = reopened(folder)
    gallery.remove_where({"payload.n": {"lt": 1400}})
    assert not gallery.upkeep.compaction_due()
    assert gallery._published.seen().n == len(STANDING)
    gate.set()
    until_here(gallery)
    gallery.remove(["e1401"])  # a write compacts so few rows
    assert gallery._published.seen().n == gallery.count == N - 1400 - 1
    opened.close()


DAMAGE = {
    "vectors missing": "DELETE FROM contents WHERE row = {row}",
    "of a wrong size": "UPDATE contents SET vector = zeroblob(28) WHERE row = {row}",
    "not of unit length": "UPDATE contents SET vector = zeroblob(32) WHERE row = {row}",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_behind_the_start_is_told_and_never_read(folder, gate, what):
    connection = apsw.Connection(str(folder / "semblance.db"))
    row = connection.execute("SELECT row FROM exemplars WHERE id = 'e700'").get
    connection.execute(DAMAGE[what].format(row=row))
    connection.close()
    opened, gallery = reopened(folder)
    opened.check()
    with pytest.raises(StoreCorrupt, match=f"gallery 'g' has .*{what}"):
        gallery.search(VECTORS[700:701], 1)  # read out of turn
    gate.set()
    with pytest.raises(StoreCorrupt, match=f"gallery 'g' has .*{what}"):
        gallery.search(VECTORS[:1], 1, exact=True)
    with pytest.raises(StoreCorrupt, match="restore a copy"):
        opened.check()
    opened.close()


def test_closing_does_not_wait_for_what_is_not_read_yet(folder, gate):
    opened, gallery = reopened(folder)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(gallery.search, VECTORS[:1], 1, exact=True)
        time.sleep(0.1)
        closing = threads.submit(opened.close)
        with pytest.raises(StoreUnavailable, match="closed"):
            waiting.result(10)
        gate.set()
        closing.result(10)


def test_a_gallery_that_is_deleted_before_its_vectors_are_there_is_gone(folder, gate):
    opened, _ = reopened(folder)
    opened.delete("g")
    gallery, created = opened.create("g", space="s", dim=DIM)
    assert created
    gate.set()
    assert gallery.count == 0
    opened.close()


def test_a_wait_is_bounded(monkeypatch):
    monkeypatch.setattr(arriving, "WAIT_SECONDS_MAX", 0.01)
    rows = Arriving(250, lambda _: None)
    for block in (0, 2):
        rows.came(block)
    rows.wait(0, 100)
    rows.wait(200, 900)
    assert rows.read(np.array([3, 99, 240, 700])) is None
    with pytest.raises(StoreUnavailable, match="still being read"):
        rows.wait(99, 101)
    with pytest.raises(StoreUnavailable, match="still being read"):
        rows.read(np.array([3, 100]))
    assert not rows.is_over
    rows.came(1)
    assert rows.is_over
    rows.fail(StoreUnavailable("late"))
    rows.check()
