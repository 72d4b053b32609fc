"""Indexes that are built behind the scenes, by a process that may die, while all else goes on."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import numpy as np
import pytest

from index import builds, generations
from index.database import read_only
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from index.vectors import unit_rows
from tests.pace import PACE

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
    end = time.monotonic() + seconds * PACE
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
    assert (state.index_why or "").startswith("pq ")  # "again", where a first build saw fewer rows
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
        read = generations._checked

        def flipped(path, wanted):
            if not failed.is_set():
                content = bytearray(path.read_bytes())
                content[len(content) // 2] ^= 1
                path.write_bytes(content)
                failed.set()
            return read(path, wanted)

        monkeypatch.setattr(generations, "_checked", flipped)
    gallery, _ = galleries.create("g", space="s", dim=DIM, index="sq8", recall_target=0.95)
    vectors = rows(3000)
    enrol(gallery, vectors)
    until(failed.is_set)
    assert gallery.search(vectors[:1], 1).hits[0][0].id == "e0"
    until(lambda: built(gallery))  # it is tried again
    until(lambda: len(on_disk(tmp_path)) == 1)


def test_memory_that_is_short_for_a_moment_ends_no_thread(galleries, monkeypatch):
    monkeypatch.setattr(builds, "_FAILED_SECONDS", 0.1)
    gallery, _ = galleries.create("g", space="s", dim=DIM, index="sq8", recall_target=0.95)
    short, read = threading.Event(), builds.read

    def refused(*given):
        if not short.is_set():
            short.set()
            raise MemoryError
        return read(*given)

    monkeypatch.setattr(builds, "read", refused)
    enrol(gallery, rows(3000))
    until(lambda: built(gallery))
    assert short.is_set()


def test_closing_ends_the_process_that_builds(galleries, tmp_path):
    gallery, _ = galleries.create("g", space="s", dim=DIM, index="hnsw")
    enrol(gallery, rows(20_000))
    until(lambda: galleries._builds._child is not None)
    child = galleries._builds._child
    started = time.monotonic()
    galleries.close()
    assert time.monotonic() - started < 5 * PACE
    assert child.poll() is not None
    assert not on_disk(tmp_path)


def test_what_a_killed_service_left_is_swept_at_the_next_start(tmp_path):
    left = tmp_path / "indexes" / "left"
    left.mkdir(parents=True)
    (left / "index.bin").write_bytes(b"half")
    Galleries.open(tmp_path).close()
    assert not on_disk(tmp_path)


def on_disk(folder: Path) -> list[Path]:
    return list((folder / "indexes").glob("*"))


def generations_of(folder: Path) -> list[Path]:
    """Return the folders of its generations, the newest first."""
    connection = read_only(folder / "semblance.db")
    found = connection.execute("SELECT folder FROM generations ORDER BY generation DESC").fetchall()
    connection.close()
    return [folder / "indexes" / name for (name,) in found]


@pytest.fixture
def twice_built(tmp_path, monkeypatch) -> Path:
    """Return a data folder with a gallery of 8 000 rows and two generations of its index."""
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 0.05)
    opened = Galleries.open(tmp_path, index_rows_min=2000, index_memory_share=2.0)
    gallery, _ = opened.create("g", space="s", dim=DIM, index="sq8", recall_target=0.95)
    enrol(gallery, rows(3500))
    until(lambda: built(gallery))
    enrol(gallery, rows(4500, seed=1), "more")
    until(lambda: built(gallery) and gallery.upkeep.delta == 0)
    assert "again" in (gallery.state().index_why or "")
    opened.close()
    assert sorted(on_disk(tmp_path)) == sorted(generations_of(tmp_path))
    assert len(on_disk(tmp_path)) == 2
    return tmp_path


@pytest.mark.parametrize("told", ["{", "[]", '{"newer": 1}'])
def test_what_is_told_of_a_generation_may_be_damaged_or_of_another_program(
    twice_built, monkeypatch, told
):
    connection = apsw.Connection(str(twice_built / "semblance.db"))
    connection.execute("UPDATE generations SET outcome = ?", (told,))
    connection.close()
    opened = opened_without_builds(twice_built, monkeypatch)
    gallery = opened.get("g")
    assert gallery.state().index_in_use == "scan"
    assert gallery.upkeep.build_due()
    assert gallery.search(rows(3500)[:1], 1).hits[0][0].id == "e0"
    opened.close()


def opened_without_builds(folder: Path, monkeypatch) -> Galleries:
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 1000.0)
    return Galleries.open(folder, index_rows_min=2000)


DAMAGE = {
    "flipped": lambda file: file.write_bytes(
        file.read_bytes()[:100] + bytes([file.read_bytes()[100] ^ 1]) + file.read_bytes()[101:]
    ),
    "truncated": lambda file: os.truncate(file, 1000),
    "empty": lambda file: os.truncate(file, 0),
    "gone": lambda file: file.unlink(),
    "another": lambda file: shutil.copy(generations_of(file.parents[2])[1] / file.name, file),
}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", ["index.bin", "numbers.bin"])
def test_a_restart_takes_the_newest_generation_that_is_sound(twice_built, monkeypatch, how, name):
    newest, before = generations_of(twice_built)
    probe = rows(1, seed=5)

    def start(delta: int | None) -> list[str]:
        opened = opened_without_builds(twice_built, monkeypatch)
        gallery = opened.get("g")
        assert gallery.state().index_in_use == ("scan" if delta is None else "sq8")
        assert gallery.upkeep.delta == (delta or 0)
        found = [hit.id for hit in gallery.search(probe, 10).hits[0]]
        opened.close()
        return found

    at_once = start(delta=0)
    DAMAGE[how](newest / name)
    assert start(delta=4500) == at_once
    for file in before.iterdir():
        file.write_bytes(b"")
    assert start(delta=None) == at_once
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 0.05)
    opened = Galleries.open(twice_built, index_rows_min=2000, index_memory_share=2.0)
    until(lambda: built(opened.get("g")))  # behind what goes on
    opened.close()


def test_rows_that_left_and_came_since_are_right_after_a_restart(twice_built, monkeypatch):
    opened = opened_without_builds(twice_built, monkeypatch)
    opened.get("g").remove([f"e{i}" for i in range(0, 300, 3)])
    enrol(opened.get("g"), rows(50, seed=7), "late")
    opened.close()
    opened = opened_without_builds(twice_built, monkeypatch)
    gallery = opened.get("g")
    assert gallery.state().index_in_use == "sq8"
    assert gallery.upkeep.delta == 50
    vectors = dict(zip([f"e{i}" for i in range(3500)], rows(3500), strict=True))
    for one in ("e1", "e299", "e3499"):
        assert gallery.search(vectors[one][None], 1).hits[0][0].id == one
    assert gallery.search(vectors["e3"][None], 1).hits[0][0].id != "e3"
    assert gallery.search(rows(50, seed=7)[40:41], 1).hits[0][0].id == "late40"
    opened.close()


def test_the_indexes_of_a_deleted_gallery_go_with_it(twice_built, monkeypatch):
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 0.05)
    opened = Galleries.open(twice_built, index_rows_min=2000)
    time.sleep(0.2)  # the loop has seen the gallery
    opened.delete("g")
    until(lambda: not on_disk(twice_built))
    opened.close()


def test_a_scan_that_was_chosen_is_not_measured_again_at_each_start(tmp_path, monkeypatch):
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 0.05)
    opened = Galleries.open(tmp_path, index_rows_min=2000, index_memory_share=1e-6)
    gallery, _ = opened.create("g", space="s", dim=DIM)
    enrol(gallery, rows(2500))
    until(lambda: gallery.state().index_why is not None)
    opened.close()
    opened = opened_without_builds(tmp_path, monkeypatch)
    assert "would take" in (opened.get("g").state().index_why or "")
    assert not opened.get("g").upkeep.build_due()
    opened.close()


def test_a_build_waits_for_the_end_of_an_import_but_not_for_ever(tmp_path, monkeypatch):
    opened = opened_without_builds(tmp_path, monkeypatch)
    gallery, _ = opened.create("g", space="s", dim=DIM, index="sq8")
    growing = opened._builds._is_growing
    enrol(gallery, rows(2500))
    assert growing(gallery)
    assert not growing(gallery)
    enrol(gallery, rows(20), "few")
    assert not growing(gallery)
    enrol(gallery, rows(2500), "many")
    monkeypatch.setattr(builds, "_GROWN_MAX", 5000)
    assert not growing(gallery)
    opened.close()


def test_a_few_late_rows_are_worth_a_build_when_the_last_one_is_long_ago(tmp_path, monkeypatch):
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 0.05)
    opened = Galleries.open(tmp_path, index_rows_min=200, index_memory_share=2.0)
    gallery, _ = opened.create("g", space="s", dim=DIM, index="sq8", recall_target=0.95)
    enrol(gallery, rows(4000))
    until(lambda: built(gallery) and gallery.upkeep.delta == 0)
    opened.close()
    monkeypatch.setattr(builds, "_LOOK_SECONDS", 1000.0)
    opened = Galleries.open(tmp_path, index_rows_min=200)
    upkeep = opened.get("g").upkeep
    enrol(opened.get("g"), rows(100, seed=1), "few")
    assert upkeep.build_due(rested=True)
    assert not upkeep.build_due(rested=False)
    enrol(opened.get("g"), rows(310, seed=2), "many")
    assert upkeep.build_due(rested=False)
    opened.close()


# Where the process is killed while an index is published, and whether it stands then.
PLACES = {
    "Generations.fresh": False,
    "Builds._ordered": False,
    "Arrival.__init__": False,
    "Builds._recorded": False,
    "Published.swap": True,
    "Generations.sweep": True,
}
KILLED = """
import os, signal, sys, time
from pathlib import Path
from index import builds, generations, published
from index.galleries import Galleries
from tests.pace import PACE
from tests.pace import PACE

folder, place = Path(sys.argv[1]), sys.argv[2]
builds._LOOK_SECONDS = 0.05
opened = Galleries.open(folder, index_rows_min=2000)
kill = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
owner, name = place.split(".")
owners = {"Generations": generations.Generations, "Builds": builds.Builds,
          "Arrival": generations.Arrival, "Published": published.Published}
if place == "Builds._recorded":  # the row is written, and the transaction not committed
    record = builds.record
    builds.record = lambda *args: (record(*args), kill())
elif place in ("Published.swap", "Generations.sweep", "Arrival.__init__"):
    setattr(owners[owner], name, kill)
else:
    was = getattr(owners[owner], name)
    setattr(owners[owner], name, lambda *args: (was(*args), kill()))
time.sleep(60)
"""


@pytest.mark.parametrize("place", PLACES)
def test_an_index_stands_whole_or_not_at_all_wherever_the_process_is_killed(
    tmp_path, monkeypatch, place
):
    opened = opened_without_builds(tmp_path, monkeypatch)
    gallery, _ = opened.create("g", space="s", dim=DIM, index="sq8", recall_target=0.95)
    vectors = rows(4000)
    enrol(gallery, vectors)
    opened.close()
    child = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), place],
        cwd=Path(__file__).parents[2],
        timeout=60 * PACE,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    opened = opened_without_builds(tmp_path, monkeypatch)
    gallery = opened.get("g")
    assert gallery.state().index_in_use == ("sq8" if PLACES[place] else "scan")
    assert gallery.count == 4000
    for at in (0, 1999, 3999):
        assert gallery.search(vectors[at : at + 1], 1).hits[0][0].id == f"e{at}"
    assert sorted(on_disk(tmp_path)) == sorted(generations_of(tmp_path))
    opened.close()
