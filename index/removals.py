"""The rows of deleted galleries, removed behind the scenes, a few at a time."""

import logging
import threading

from index import store
from index.errors import GalleryError, StoreUnavailable
from index.writer import Writer

log = logging.getLogger("semblance.removals")

ROWS_AT_ONCE = 5000  # in one write: some 50 ms, for which other writes wait
_PAUSE_SECONDS = 0.01  # after each, so that writes that wait come first
_REFUSED_SECONDS = 5.0


class Removals:
    """The thread that removes them, each run of rows a write of its own.

    A deletion is decided, and on disk, before any of its rows goes; what a killed process left is
    in `doomed` and removed from the next start on.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._wake = threading.Event()
        self._wake.set()  # there may be some of before
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gallery-removals", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look for what is to be removed; returns at once."""
        self._wake.set()

    def close(self) -> None:
        """End the thread after the write that is under way; the rest waits for the next start."""
        self._stopped.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.wait()
            self._wake.clear()
            try:
                while not self._stopped.wait(_PAUSE_SECONDS) and self._some():
                    pass
            except GalleryError as error:
                if self._ended():
                    return
                log.error("rows of deleted galleries stay for now: %s", error)
                self._stopped.wait(_REFUSED_SECONDS)
                self._wake.set()

    def _some(self) -> bool:
        return self._writer.write(
            lambda connection: store.remove_doomed(connection, ROWS_AT_ONCE), lambda _: None
        )

    def _ended(self) -> bool:
        """Tell that nothing will be written any more."""
        try:
            self._writer.check()
        except StoreUnavailable:
            return True
        return False
