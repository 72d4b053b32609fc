"""A deleted gallery is gone at once; its rows go behind the scenes, whatever happens meanwhile."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from index import removals
from index.errors import GalleryUnknown
from index.exemplar import Exemplar
from index.galleries import Galleries
from tests.pace import PACE


def left(folder: Path) -> tuple[int, int, int]:
    """Count exemplars, contents and doomed galleries, as another process sees them."""
    connection = apsw.Connection(str(folder / "semblance.db"))
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").get
        for table in ("exemplars", "contents", "doomed")
    ]
    connection.close()
    return counts[0], counts[1], counts[2]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10 * PACE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def held(monkeypatch):
    """Removals that wait before each run of rows until they are let go."""
    go = threading.Semaphore(0)
    real = removals.Removals._some

    def waiting(self):
        while not go.acquire(timeout=0.01):
            if self._stopped.is_set():
                return False
        return real(self)

    monkeypatch.setattr(removals.Removals, "_some", waiting)
    monkeypatch.setattr(removals, "ROWS_AT_ONCE", 7)
    return go


def test_rows_go_a_few_at_a_time_and_only_those_of_the_deleted(held, galleries, people, tmp_path):
    for name in "ab":
        galleries.create(name, space="s", dim=8)[0].enrol(people)
    galleries.delete("a")
    assert left(tmp_path) == (60, 60, 1)
    for stand in (53, 46, 39, 32):
        held.release()
        until(lambda stand=stand: left(tmp_path) == (stand, stand, 1))
    held.release()
    until(lambda: left(tmp_path) == (30, 30, 0))
    assert galleries.get("b").state().count == 30
    assert len(galleries.get("b").page(limit=100)[0]) == 30


def test_writes_go_on_between_and_the_name_is_free_at_once(held, galleries, people, tmp_path):
    old = galleries.create("a", space="s", dim=8)[0]
    old.enrol(people)
    galleries.delete("a")
    with pytest.raises(GalleryUnknown):
        old.search([people[0].vector], 1)
    with pytest.raises(GalleryUnknown):
        old.enrol(people)
    new = galleries.create("a", space="s", dim=8)[0]
    assert new.number > old.number
    for n, one in enumerate(people):
        held.release()
        new.enrol([one])
        assert new.count == n + 1
    until(lambda: left(tmp_path) == (30, 30, 0))
    assert [one.id for one in new.page(limit=100)[0]] == [one.id for one in people]


def test_what_a_killed_process_left_is_removed_from_the_next_start_on(held, people, tmp_path):
    galleries = Galleries.open(tmp_path)
    for name in "abc":
        galleries.create(name, space="s", dim=8)[0].enrol(people)
    for name in "ab":
        galleries.delete(name)
    held.release()
    until(lambda: left(tmp_path)[2] == 2 and left(tmp_path)[0] < 90)
    galleries.close()  # as a kill leaves it: what remains is nowhere but in the store
    stood = left(tmp_path)
    assert stood[0] > 30
    assert stood[2] == 2
    again = Galleries.open(tmp_path)
    assert [state.name for state in again.states()] == ["c"]
    for _ in range(20):
        held.release()
    until(lambda: left(tmp_path) == (30, 30, 0))
    assert again.get("c").state().count == 30
    fresh = again.create("a", space="s", dim=8)[0]
    assert fresh.number > 3, "no number comes back, so that no new rows are taken for old ones"
    again.close()


def test_a_refused_removal_is_tried_again(galleries, people, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(removals, "_REFUSED_SECONDS", 0.01)
    galleries.create("a", space="s", dim=8)[0].enrol(people)
    real, failures = removals.store.remove_doomed, [apsw.FullError("full"), apsw.FullError("full")]

    def failing(connection, rows_max):
        if failures:
            raise failures.pop()
        return real(connection, rows_max)

    monkeypatch.setattr(removals.store, "remove_doomed", failing)
    galleries.delete("a")
    until(lambda: left(tmp_path) == (0, 0, 0))
    assert "rows of deleted galleries stay for now" in caplog.text


def test_the_thread_ends_with_the_store(galleries, people):
    galleries.create("a", space="s", dim=8)[0].enrol(
        [Exemplar(f"{n}-{one.id}", one.vector) for n in range(3) for one in people]
    )
    galleries.delete("a")
    galleries.close()
    assert "gallery-removals" not in {thread.name for thread in threading.enumerate()}
