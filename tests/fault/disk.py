"""A file system put before the real one, which tells of every write and sync of SQLite."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import apsw

from index.database import check_pages

SECTOR_BYTES = 512
# Is told "write", "sync" or "truncate" of which file, "before" and "after", a write "halfway" too.
Watch = Callable[["DiskFile", str, str], None]


@dataclass(frozen=True, slots=True)
class _Before:
    """What stood where something was written since the last sync: a power cut may bring it back."""

    at: int
    old: bytes
    size: int


class Disk(apsw.VFS):
    """The real file system with a watch on it; an error that the watch raises is the disk's."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.files = watch, set[DiskFile]()
        self.real = apsw.vfs_names()[0]
        super().__init__("watched", self.real, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> "DiskFile":  # noqa: N802 - SQLite's name
        return DiskFile(self, name, flags)

    def cut_power(self, share: float) -> None:
        """Lose the last `share` of what was written to each file since it was synced last."""
        for file in self.files:
            file.lose(share)


class DiskFile(apsw.VFSFile):
    """One file of it; `kind` is "db", "wal" or "other"."""

    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk, self._unsynced = disk, list[_Before]()
        path = name if isinstance(name, str) or name is None else name.filename()
        self.kind = "other"
        if path is not None and path.endswith((".db", ".db-wal")):
            self.kind = "wal" if path.endswith("-wal") else "db"
        super().__init__(disk.real, name, flags)
        if self.kind != "other":
            # Never closed while the process lives: that would drop SQLite's locks on the file.
            self._handle = os.open(path, os.O_RDWR)
            disk.files.add(self)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._remember(offset, len(data))
        self._disk.watch(self, "write", "before")
        if self.kind != "other":
            os.pwrite(self._handle, data[: torn_at(offset, len(data))], offset)
            self._disk.watch(self, "write", "halfway")
        super().xWrite(data, offset)
        self._disk.watch(self, "write", "after")

    def xTruncate(self, size: int) -> None:  # noqa: N802
        if self.kind != "other":
            self._remember(size, max(0, os.fstat(self._handle).st_size - size))
        self._disk.watch(self, "truncate", "before")
        super().xTruncate(size)
        self._disk.watch(self, "truncate", "after")

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.watch(self, "sync", "before")
        super().xSync(flags)
        self._unsynced.clear()
        self._disk.watch(self, "sync", "after")

    def xClose(self) -> None:  # noqa: N802
        self._disk.files.discard(self)
        super().xClose()

    def lose(self, share: float) -> None:
        """Bring back what stood before the last `share` of the writes since the last sync."""
        kept = round(len(self._unsynced) * (1 - share))
        for before in reversed(self._unsynced[kept:]):
            os.pwrite(self._handle, before.old, before.at)
            os.ftruncate(self._handle, before.size)

    def _remember(self, at: int, length: int) -> None:
        if self.kind != "other":
            old = os.pread(self._handle, length, at)
            self._unsynced.append(_Before(at, old, os.fstat(self._handle).st_size))


def torn_at(offset: int, length: int) -> int:
    """Tell how much of a write there is halfway: a disk writes a sector whole, or not at all.

    So does a kernel that lets a process be killed. The head of a log is 32 bytes at its beginning:
    of it there is nothing, or all; torn, it could not be told from one that was damaged later.

    >>> torn_at(0, 32), torn_at(0, 4096), torn_at(500, 24)
    (0, 2048, 12)
    """
    middle = (offset + length // 2) // SECTOR_BYTES * SECTOR_BYTES
    last = (offset + length - 1) // SECTOR_BYTES * SECTOR_BYTES
    return max(middle if middle > offset else last, offset) - offset


@contextmanager
def watched(watch: Watch) -> Iterator[Disk]:
    """Put the file system before the real one, and take it away again."""
    check_pages()  # now: it would stand on what is taken away again
    real = apsw.vfs_names()[0]
    disk = Disk(watch)
    try:
        yield disk
    finally:
        disk.unregister()
        assert apsw.vfs_names()[0] == real
