import threading
from pathlib import Path

import apsw
import pytest

from index.database import Database
from index.errors import StoreUnavailable
from index.writer import Writer


@pytest.fixture
def database(tmp_path: Path):
    opened = Database(tmp_path)
    opened.writer.execute("CREATE TABLE notes (note)")
    yield opened
    opened.close()


@pytest.fixture
def writer(database):
    started = Writer(database)
    yield started
    started.close()


def add(note):
    def work(connection):
        connection.execute("INSERT INTO notes VALUES (?)", (note,))
        if note == "bad":
            raise ValueError(note)
        return note

    return work


def notes(database):
    with database.reading() as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes ORDER BY rowid")]


def queue_up(writer, works, publish=lambda _: None):
    """Hold the writer inside one operation until the others wait; return their outcomes."""
    held, go = threading.Event(), threading.Event()

    def hold(_):
        held.set()
        go.wait()

    outcomes = [None] * len(works)

    def call(i):
        try:
            outcomes[i] = writer.write(works[i], publish)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test looks at it
            outcomes[i] = error

    first = threading.Thread(target=writer.write, args=(hold, lambda _: None))
    first.start()
    held.wait()
    threads = []
    for i in range(len(works)):
        threads.append(threading.Thread(target=call, args=(i,)))
        threads[-1].start()
        while len(writer._waiting) <= i:
            threading.Event().wait(0.001)
    go.set()
    for thread in (first, *threads):
        thread.join()
    return outcomes


def test_those_that_wait_are_committed_together_and_one_failure_stays_alone(database, writer):
    commits = []
    database.writer.set_commit_hook(lambda: bool(commits.append(1)))
    outcomes = queue_up(writer, [add("a"), add("bad"), add("b")])
    assert outcomes[::2] == ["a", "b"]
    assert isinstance(outcomes[1], ValueError)
    assert notes(database) == ["a", "b"]
    assert len(commits) == 2  # the operation that held the writer, and the group


def test_what_is_published_is_readable_by_others_already(database, writer):
    seen = []
    writer.write(add("a"), lambda note: seen.append((note, notes(database))))
    assert seen == [("a", ["a"])]


def test_a_group_the_disk_refuses_is_tried_one_by_one(database, writer):
    def fill(connection):
        connection.execute("INSERT INTO notes VALUES (zeroblob(10000000))")

    limit = database.writer.pragma("page_count") + 20
    database.writer.pragma("max_page_count", limit)
    outcomes = queue_up(writer, [add("a"), fill, add("b")])
    assert outcomes[::2] == ["a", "b"]
    assert isinstance(outcomes[1], StoreUnavailable)
    assert notes(database) == ["a", "b"]
    database.writer.pragma("max_page_count", 2**31)
    writer.write(fill, lambda _: None)
    assert len(notes(database)) == 3


def test_a_commit_that_fails_is_not_acknowledged_nor_published(database, writer):
    published = []
    database.writer.set_commit_hook(lambda: True)  # refuses
    with pytest.raises(apsw.ConstraintError):
        writer.write(add("a"), published.append)
    database.writer.set_commit_hook(None)
    writer.write(add("b"), published.append)
    assert published == notes(database) == ["b"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_dies_fails_those_who_wait_and_those_who_come(database):
    writer = Writer(database)

    def die(_):
        raise MemoryError

    outcomes = queue_up(writer, [add("a"), add("b")], publish=die)
    assert [type(one) for one in outcomes] == [StoreUnavailable] * 2
    assert "restart" in str(outcomes[0])
    for call in (writer.check, lambda: writer.write(add("c"), lambda _: None)):
        with pytest.raises(StoreUnavailable, match="died: restart"):
            call()
    writer.close()


def test_closing_finishes_what_waits(database):
    writer = Writer(database)
    closing = threading.Thread(target=writer.close)
    outcomes = queue_up(writer, [add("a"), lambda c: (closing.start(), add("b")(c))[1], add("c")])
    closing.join()
    assert outcomes == ["a", "b", "c"]
    assert notes(database) == ["a", "b", "c"]
    with pytest.raises(StoreUnavailable, match="closed"):
        writer.write(add("d"), lambda _: None)
