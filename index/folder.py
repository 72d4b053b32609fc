"""The lock that keeps a data folder to one process."""

import fcntl
import os
from pathlib import Path

from index.errors import FolderLocked, StoreUnavailable

LOCK_NAME = "semblance.lock"


class FolderLock:
    """An exclusive lock on a folder, held from construction to `release`.

    The kernel drops it when the process ends in whatever way; the file that stays behind locks
    nothing.

    Raises: FolderLocked, StoreUnavailable.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreUnavailable(
                f"data folder {folder} cannot be opened: {error.strerror}; make it writable"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace") or "unknown"
            os.close(self._file)
            raise FolderLocked(
                f"data folder {folder} is in use by process {holder}: stop it, "
                "or talk to it with --server URL"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give the folder free; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
