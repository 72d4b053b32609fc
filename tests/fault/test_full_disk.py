"""A disk that is full from some write on: refused and unchanged, or acknowledged and kept."""

import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from index import database
from index.errors import StoreUnavailable
from index.exemplar import Exemplar
from index.galleries import Galleries
from tests.fault.disk import DiskFile, watched

DIM, N = 64, 300
ROWS = np.random.default_rng(0).standard_normal((2 * N, DIM)).astype(np.float32)
ROWS /= np.linalg.norm(ROWS, axis=1, keepdims=True)


class Room:
    """Room for so many writes and syncs; none once they are done, until there is room again.

    The database file is left alone: it is written to after the commit, by a checkpoint, whose
    failure SQLite passes over, while apsw brings an error of this file system out of COMMIT.
    """

    def __init__(self) -> None:
        self.left: int | None = None

    def watch(self, file: DiskFile, what: str, moment: str) -> None:
        if moment == "before" and file.kind != "db" and self.left is not None:
            if self.left == 0:
                raise apsw.FullError("no room")
            self.left -= 1


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room()
    with watched(made.watch):
        yield made


def exemplars(first: int, count: int) -> list[Exemplar]:
    return [Exemplar(f"e{i}", ROWS[i], "AB"[i % 2], {"n": i}) for i in range(first, first + count)]


OPERATIONS: dict[str, Callable[[Galleries], Any]] = {
    "create": lambda galleries: galleries.create("new", space="s", dim=DIM),
    "delete": lambda galleries: galleries.delete("other"),
    "point": lambda galleries: galleries.aliases.point("a", "other", lambda _: None),
    "roll back": lambda galleries: galleries.aliases.roll_back("b", lambda _: None),
    "enrol": lambda galleries: galleries.get("g").enrol(exemplars(N - 20, 60)),
    "remove": lambda galleries: galleries.get("g").remove([f"e{i}" for i in range(50)]),
    "remove where": lambda galleries: galleries.get("g").remove_where({"label": "A"}),
    "calibrate": lambda galleries: galleries.get("g").calibrate(
        false_accept_rate=0.5, queries=ROWS[:20], labels=[None] * 20
    ),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    galleries = Galleries.open(folder)
    galleries.create("g", space="s", dim=DIM)[0].enrol(exemplars(0, N))
    galleries.create("other", space="s", dim=DIM)[0].enrol(exemplars(0, 5))
    for name in ("other", "g"):
        galleries.aliases.point("b", name, lambda _: None)
    galleries.close()
    return folder


def standing(galleries: Galleries) -> Any:
    """Return what is read and what is found."""
    found: dict[str, Any] = {}
    for state in galleries.states():
        gallery = galleries.get(state.name)
        page = gallery.page(limit=10_000, with_vector=True)[0]
        rows = [(one.id, one.label, one.seq, one.vector.tobytes()) for one in page]
        hits = gallery.search(ROWS[:3], 10, with_payload=True).hits if rows else []
        found[state.name] = state.seq, state.count, gallery.calibration(), rows, hits
    aliases = [(one.alias, one.gallery.name) for one in galleries.aliases.all()]
    return found, aliases


@pytest.mark.slow
@pytest.mark.parametrize("what", OPERATIONS)
def test_a_disk_that_is_full_at_any_write_or_sync(tmp_path, filled, room, what):
    for writes in range(1000):
        folder = tmp_path / str(writes)
        shutil.copytree(filled, folder)
        galleries = Galleries.open(folder)
        before = standing(galleries)
        room.left = writes
        refused = is_refused(galleries, what)
        enough, room.left = room.left > 0, None
        after = standing(galleries)
        assert (after == before) == refused
        if refused:  # there is room again
            assert not is_refused(galleries, what)
            after = standing(galleries)
            assert after != before
        galleries.close()
        reopened = Galleries.open(folder)
        assert standing(reopened) == after
        reopened.close()
        if enough:
            break
    assert not refused
    assert writes > 2


def is_refused(galleries: Galleries, what: str) -> bool:
    try:
        OPERATIONS[what](galleries)
    except StoreUnavailable as error:
        assert "nothing was acknowledged" in str(error)
        return True
    return False


# What a connection meets that is dropped after an error, apsw has nowhere to raise.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_store_is_born_once_there_is_room(tmp_path, room):
    for writes in range(1000):
        folder = tmp_path / str(writes)
        room.left = writes
        with suppress(StoreUnavailable):
            Galleries.open(folder).close()
        enough, room.left = room.left > 0, None
        galleries = Galleries.open(folder)
        galleries.create("g", space="s", dim=DIM)[0].enrol(exemplars(0, 5))
        galleries.close()
        if enough:
            break
    assert writes > 10


def test_a_database_that_cannot_grow_leaves_the_log_to_keep_what_is_acknowledged(
    tmp_path, filled, monkeypatch
):
    """A checkpoint that fails costs nothing; once the log may not grow either, it is refused."""
    connect = database._connect

    def connected(path: Path) -> database.Connection:
        connection = connect(path)
        connection.wal_autocheckpoint(1)
        return connection

    monkeypatch.setattr(database, "_connect", connected)
    folder = tmp_path / "data"
    shutil.copytree(filled, folder)
    galleries = Galleries.open(folder)
    gallery = galleries.get("g")
    size = (folder / database.FILE_NAME).stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    acknowledged = 0
    try:
        with pytest.raises(StoreUnavailable):
            for number in range(N):
                gallery.enrol(exemplars(N + number, 1))
                acknowledged += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert acknowledged
    log = (folder / f"{database.FILE_NAME}-wal").stat().st_size
    assert log > size / 2
    before = standing(galleries)
    assert gallery.count == N + acknowledged
    gallery.enrol(exemplars(N + acknowledged, 1))
    after = standing(galleries)
    assert after != before
    galleries.close()
    reopened = Galleries.open(folder)
    assert standing(reopened) == after
    reopened.close()
