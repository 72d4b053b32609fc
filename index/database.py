"""One SQLite file: its birth, its schema, its connections and its errors; the only door to apsw."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import apsw
from apsw import sqlite_extra

from index.errors import StoreCorrupt, StoreNewer, StoreUnavailable
from index.write_log import damaged_frame

log = logging.getLogger("semblance.store")

Connection: TypeAlias = apsw.Connection

FILE_NAME = "semblance.db"
APPLICATION_ID = 0x53454D42  # "SEMB"
SCHEMA_VERSION = 5

PAGE_BYTES = 16_384
_CHECKSUM_BYTES = 8  # at the end of each page: what the extension below asks for

_READERS_MAX = 8
_READER_WAIT_SECONDS = 10.0

# Vectors and items stand apart, so that a scan of labels and payloads does not read them.
# `payload` is JSONB: a filter over 100 K rows does not parse text.
_SCHEMA = """
CREATE TABLE galleries (
    gallery INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    model TEXT,
    space TEXT NOT NULL,
    dim INTEGER NOT NULL,
    backend TEXT NOT NULL,
    recall_target REAL NOT NULL,
    seq INTEGER NOT NULL DEFAULT 0,
    count INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    calibration TEXT
) STRICT;
CREATE TABLE exemplars (
    row INTEGER PRIMARY KEY AUTOINCREMENT,
    gallery INTEGER NOT NULL,
    id TEXT NOT NULL,
    label TEXT,
    digest BLOB NOT NULL,
    seq INTEGER NOT NULL,
    payload BLOB,
    UNIQUE (gallery, id)
) STRICT;
CREATE INDEX exemplars_in_order ON exemplars (gallery, row);
CREATE INDEX exemplars_by_label ON exemplars (gallery, label);
CREATE TABLE contents (
    row INTEGER PRIMARY KEY,
    vector BLOB NOT NULL,
    item TEXT
) STRICT;
"""

# What each version added to the one before; a new file gets them all.
# `doomed` are galleries that were deleted, whose rows are still being removed; `staged` are being
# restored, and shown to nobody yet; `generations` are built indexes, `outcome` is JSON. `words` are
# of exemplars of galleries with `lexical`, the weight of words; `splitting` is how they were split.
# `alarms` is the threshold of scans, as JSON.
_ADDED = {
    2: """
CREATE TABLE doomed (gallery INTEGER PRIMARY KEY) STRICT;
CREATE TABLE aliases (
    alias TEXT PRIMARY KEY,
    gallery INTEGER NOT NULL,
    previous INTEGER
) STRICT;
""",
    3: """
CREATE TABLE jobs (
    job INTEGER PRIMARY KEY AUTOINCREMENT,
    gallery INTEGER NOT NULL,
    name TEXT NOT NULL,
    caller TEXT NOT NULL,
    source TEXT NOT NULL,
    columns TEXT NOT NULL,
    created_at TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT,
    rows INTEGER NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER NOT NULL,
    enrolled INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    seconds REAL NOT NULL,
    ended_at TEXT
) STRICT;
CREATE TABLE job_failures (
    job INTEGER NOT NULL,
    position INTEGER NOT NULL,
    place TEXT NOT NULL,
    id TEXT,
    code TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (job, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE generations (
    generation INTEGER PRIMARY KEY AUTOINCREMENT,
    gallery INTEGER NOT NULL,
    folder TEXT NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
CREATE TABLE staged (gallery INTEGER PRIMARY KEY) STRICT;
""",
    4: """
ALTER TABLE galleries ADD COLUMN lexical REAL;
CREATE TABLE words (row INTEGER PRIMARY KEY, bag BLOB NOT NULL) STRICT;
CREATE TABLE splitting (version INTEGER NOT NULL) STRICT;
INSERT INTO splitting (version) VALUES (1);
""",
    5: """
ALTER TABLE galleries ADD COLUMN label_score TEXT NOT NULL DEFAULT 'nearest';
ALTER TABLE galleries ADD COLUMN alarms TEXT;
""",
}

_REFUSED = (
    OSError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.NoMemError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ProtocolError,
    apsw.InterruptError,
    apsw.ConnectionClosedError,
)
_DAMAGED = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite reports of the disk into errors of the gallery; bugs pass as they are."""
    try:
        yield
    except _DAMAGED as error:
        raise corrupt(path, str(error)) from error
    except _REFUSED as error:
        if getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA:
            raise corrupt(path, "a page is not what was written") from error
        log.error("the disk refused: %s: %s", path, error)
        raise StoreUnavailable(
            "the disk refused: nothing was acknowledged; see that the data folder has room and is "
            "writable (the log has the reason), then send it again"
        ) from error


def corrupt(path: Path, why: str) -> StoreCorrupt:
    """Return the error of a damaged file, with its remedy."""
    return StoreCorrupt(
        f"{path} is not a sound Semblance database ({why}): restore a copy, "
        "or move the file away to start empty"
    )


class Database:
    """The one writing connection of a database file, and a small pool of reading ones.

    Raises: StoreCorrupt, StoreNewer, StoreUnavailable.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME
        check_pages()
        with translated(self.path):
            if not self.path.exists():
                _give_birth(self.path)
            _check_log(self.path)
            _check(self.path)
            self.writer = _connect(self.path)
        self._idle: list[Connection] = []
        self._permits = threading.Semaphore(_READERS_MAX)
        self._closed = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection inside one read transaction, whose snapshot begins with its first read.

        Raises: StoreUnavailable, StoreCorrupt.
        """
        if not self._permits.acquire(timeout=_READER_WAIT_SECONDS):
            raise StoreUnavailable(f"all {_READERS_MAX} readers are busy: try again")
        try:
            if self._closed:
                raise StoreUnavailable("the store is closed")
            with translated(self.path):
                connection = self._lent()
                try:
                    connection.execute("BEGIN")
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    self._idle.append(connection)
        finally:
            self._permits.release()

    def _lent(self) -> Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return _connect(self.path)

    def close(self) -> None:
        """Close every connection, once the readers are done; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        for _ in range(_READERS_MAX):
            self._permits.acquire(timeout=_READER_WAIT_SECONDS)
        for connection in [*self._idle, self.writer]:
            connection.close()
        self._permits.release(_READERS_MAX)


def check_pages() -> None:
    """Let SQLite put a checksum in every page that it writes, and check it whenever it reads one.

    For the whole process, and for files that were born with room for it. Source: sqlite.org,
    "The Checksum VFS Shim".

    Raises: StoreUnavailable.
    """
    if "cksmvfs" in apsw.vfs_names():
        return
    connection = apsw.Connection(":memory:")
    try:
        sqlite_extra.load(connection, "cksumvfs")
    except (LookupError, sqlite_extra.NotAvailable, apsw.Error) as error:
        raise StoreUnavailable(
            "this build of apsw has no cksumvfs, by which pages are checked: install the wheel of "
            "apsw from PyPI"
        ) from error
    finally:
        connection.close()


def _connect(path: Path) -> Connection:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    connection.set_busy_timeout(1000)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA temp_store = MEMORY")  # the root of a container is read-only
    return connection


def read_only(path: Path) -> Connection:
    """Open another connection that cannot write, for a process that only reads."""
    return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)


def _give_birth(path: Path) -> None:
    """Create the file aside and rename it, so that an empty or half-made one is never ours."""
    if path.with_name(f"{path.name}-wal").exists():
        raise corrupt(path, "the file is gone, its -wal is here")
    young = path.with_name(f"{path.name}.young")
    for left_over in path.parent.glob(f"{young.name}*"):
        left_over.unlink()
    connection = apsw.Connection(str(young))
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.reserve_bytes(reserve=_CHECKSUM_BYTES)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    with connection:
        connection.execute(_SCHEMA)
        _bring_up(connection, 1)
    connection.close()
    sync(young)
    young.rename(path)
    sync(path.parent)


def _check_log(path: Path) -> None:
    """Refuse a write-ahead log that lost what was acknowledged; SQLite would go on without it."""
    log_path = path.with_name(f"{path.name}-wal")
    bad = damaged_frame(log_path, PAGE_BYTES)
    if bad is not None:
        raise StoreCorrupt(
            f"{log_path} was damaged after it was written (frame {bad}): restore a copy of it "
            f"and of {path.name}, or move both away to start empty"
        )


def _check(path: Path) -> None:
    """Refuse a file that is empty, foreign or newer than this program."""
    if path.stat().st_size == 0:
        raise corrupt(path, "it is empty")
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        application = connection.pragma("application_id")
        version = connection.pragma("user_version")
        if application != APPLICATION_ID:
            raise corrupt(path, "another application wrote it")
        if version > SCHEMA_VERSION:
            raise StoreNewer(
                f"{path} has schema {version}, this program knows {SCHEMA_VERSION}: "
                "run the newer Semblance that wrote it"
            )
        if version < SCHEMA_VERSION:
            with connection:
                _bring_up(connection, version)
    finally:
        connection.close()


def _bring_up(connection: Connection, version: int) -> None:
    """Add to a database of an older version what this program knows; inside a transaction."""
    for newer in range(version + 1, SCHEMA_VERSION + 1):
        connection.execute(_ADDED[newer])
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def sync(path: Path) -> None:
    """Force a file or a folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
