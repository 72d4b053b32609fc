"""Indexes that are built behind the scenes, by a process that may die, while all else goes on."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index import builds
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from index.vectors import unit_rows

DIM, N = 32, 20_000


@pytest.fixture
def galleries(tmp_path: Path, monkeypatch) -> Iterator[Galleries]:
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 0.05)
    opened = Galleries.open(tmp_path, index_rows_min=2000, index_memory_share=2.0)
    yield opened
    opened.close()


def rows(n: int, seed: int = 0):
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((60, DIM))
    return unit_rows(
        centres[chance.integers(0, 60, n)] + 0.5 * chance.standard_normal((n, DIM)), DIM
    )


def enrol(gallery: Gallery, vectors, prefix: str = "e") -> None:
    exemplars = [Exemplar(f"{prefix}{i}", row) for i, row in enumerate(vectors)]
    for start in range(0, len(exemplars), 5000):
        gallery.enrol(exemplars[start : start + 5000])


def until(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def built(gallery: Gallery) -> bool:
    return gallery.state().index_in_use == gallery.index and not gallery.upkeep.build_due()


def recall(gallery: Gallery, stand_in: dict[str, np.ndarray], queries) -> float:
    names = list(stand_in)
    matrix = np.stack(list(stand_in.values()))
    shares = []
    for query in queries:
        true = {names[at] for at in np.argsort(-(matrix @ query))[:10]}
        hits = gallery.search(query[None], 10).hits[0]
        assert len(hits) == 10
        shares.append(len(true & {hit.id for hit in hits}) / 10)
    return float(np.mean(shares))


def test_an_index_arrives_while_rows_come_and_go_and_all_are_found_as_promised(galleries):
    gallery, _ = galleries.create("g", space="s", dim=DIM, index="pq", recall_target=0.95)
    first = rows(N)
    enrol(gallery, first)
    standing = {f"e{i}": row for i, row in enumerate(first)}
    failures: list[BaseException] = []
    stopped = threading.Event()

    def ask() -> None:
        try:
            while not stopped.is_set():
                assert len(gallery.search(rows(1, seed=4), 10).hits[0]) == 10
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    asker = threading.Thread(target=ask)
    asker.start()
    gone = [f"e{i}" for i in range(0, 1000, 2)]
    gallery.remove(gone)
    more = rows(500, seed=1)
    enrol(gallery, more, "later")
    until(lambda: built(gallery))
    gallery.remove(["later0", "e1"])
    stopped.set()
    asker.join()
    assert not failures
    for name in [*gone, "later0", "e1"]:
        standing.pop(name, None)
    standing |= {f"later{i}": row for i, row in enumerate(more) if i}
    state = gallery.state()
    assert state.recall >= 0.95
    assert "pq of" in (state.index_why or "")
    assert gallery.count == len(standing)
    queries = rows(50, seed=2)
    assert recall(gallery, standing, queries) >= 0.93
    matrix = np.stack(list(standing.values()))
    for query, hits in zip(queries, gallery.search(queries, 10, exact=True).hits, strict=True):
        assert [hit.id for hit in hits] == [
            list(standing)[at] for at in np.argsort(-(matrix @ query), kind="stable")[:10]
        ]


def test_rows_beyond_a_share_are_taken_into_a_newer_index(galleries):
    gallery, _ = galleries.create("g", space="s", dim=DIM, index="sq8", recall_target=0.95)
    enrol(gallery, rows(4000))
    until(lambda: built(gallery))
    assert gallery.upkeep.delta == 0
    enrol(gallery, rows(300, seed=1), "few")
    assert gallery.upkeep.delta == 300
    assert not gallery.upkeep.build_due()
    enrol(gallery, rows(4000, seed=2), "many")
    until(lambda: gallery.upkeep.delta == 0)


def test_a_scan_by_name_and_a_small_gallery_are_left_alone(galleries):
    exact, _ = galleries.create("e", space="s", dim=DIM, index="scan")
    enrol(exact, rows(3000))
    small, _ = galleries.create("s", space="s", dim=DIM)
    enrol(small, rows(1999))
    assert not exact.upkeep.build_due()
    assert not small.upkeep.build_due()


@pytest.mark.parametrize("how", ["killed", "lies"])
def test_a_build_that_fails_leaves_search_as_it_was_and_nothing_on_disk(
    galleries, tmp_path, monkeypatch, how
):
    monkeypatch.setattr(builds, "_FAILED_SECONDS", 0.1)
    failed = threading.Event()
    if how == "killed":
        popen = subprocess.Popen

        def start(*args, **kwargs):
            child = popen(*args, **kwargs)
            if not failed.is_set():
                os.kill(child.pid, signal.SIGKILL)
                failed.set()
            return child

        monkeypatch.setattr(builds.subprocess, "Popen", start)
    else:
        read = builds._read

        def flipped(path, wanted):
            if not failed.is_set():
                content = bytearray(path.read_bytes())
                content[len(content) // 2] ^= 1
                path.write_bytes(content)
                failed.set()
            return read(path, wanted)

        monkeypatch.setattr(builds, "_read", flipped)
    gallery, _ = galleries.create("g", space="s", dim=DIM, index="sq8", recall_target=0.95)
    vectors = rows(3000)
    enrol(gallery, vectors)
    until(failed.is_set)
    assert gallery.search(vectors[:1], 1).hits[0][0].id == "e0"
    until(lambda: built(gallery))  # it is tried again
    until(lambda: not list(tmp_path.glob("build-*")))


def test_closing_ends_the_process_that_builds(galleries, tmp_path):
    gallery, _ = galleries.create("g", space="s", dim=DIM, index="hnsw")
    enrol(gallery, rows(20_000))
    until(lambda: galleries._builds._child is not None)
    child = galleries._builds._child
    started = time.monotonic()
    galleries.close()
    assert time.monotonic() - started < 5
    assert child.poll() is not None
    assert not list(tmp_path.glob("build-*"))


def test_what_a_killed_service_left_is_swept_at_the_next_start(tmp_path):
    (tmp_path / "build-left").mkdir(parents=True)
    (tmp_path / "build-left" / "index.bin").write_bytes(b"half")
    Galleries.open(tmp_path).close()
    assert not list(tmp_path.glob("build-*"))
