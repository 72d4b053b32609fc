"""The threads that read the vectors of large galleries behind a start, while these answer already.

A gallery whose index is sound needs its vectors for what the index finds alone: a few hundred rows
of a search, which are read one by one until all are in memory. So a million rows answer as soon as
their names are known. All is read as it stood at the start, whatever is written meanwhile.
"""

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace

from index import store
from index.arriving import BLOCK_ROWS, Arriving
from index.database import Connection, Database, translated
from index.errors import GalleryError, StoreUnavailable
from index.hits import Positions
from index.loading import VectorsDamaged, checked, undamaged, write_vectors
from index.page import Page
from index.vectors import Rows

log = logging.getLogger("semblance.arrivals")

_THREADS = 2  # that read side by side: more wait for each other


@dataclass(frozen=True, slots=True)
class _Expected:
    """A gallery whose first `n` vectors are read behind the start."""

    name: str
    number: int
    page: Page
    n: int
    arriving: Arriving


class Arrivals:
    """What is read at a start, and behind it.

    Made while nobody writes: all `connections` see the store as it stands then, until the last row
    is there.
    """

    def __init__(self, database: Database) -> None:
        self._path = database.path
        with ExitStack() as lent, translated(self._path):
            self._single, *self.connections = [
                lent.enter_context(database.reading()) for _ in range(1 + _THREADS)
            ]
            for connection in (self._single, *self.connections):
                store.count_galleries(connection)  # with its first read, what it sees is fixed
            self._lent = lent.pop_all()
        self._turn = threading.Lock()  # of the single one, for rows that are wanted out of turn
        self._expected: list[_Expected] = []
        self._threads: list[threading.Thread] = []
        self._reading, self._is_closed = 0, False

    def expect(self, name: str, number: int, page: Page, n: int) -> Page:
        """Return a page of which the first `n` vectors are read once :meth:`start` is called."""
        arriving = Arriving(n, lambda positions: self._read(name, page, positions))
        self._expected.append(_Expected(name, number, page, n, arriving))
        return replace(page, arriving=arriving)

    def start(self) -> None:
        """Read what is expected, by threads that nobody waits for."""
        if not self._expected:
            self._give_back()
            return
        # One iterator for all: each takes the next block, so that waiting scans go on.
        blocks = iter([(one, at) for one in self._expected for at in range(0, one.n, BLOCK_ROWS)])
        self._reading = len(self.connections)
        self._threads = [
            threading.Thread(
                target=self._run, args=(one, blocks), name="gallery-arrivals", daemon=True
            )
            for one in self.connections
        ]
        for thread in self._threads:
            thread.start()

    def check(self) -> None:
        """Pass unless rows are missing that will never be there.

        Raises: StoreCorrupt, StoreUnavailable.
        """
        for one in self._expected:
            one.arriving.check()

    def close(self) -> None:
        """Read no more, and refuse those who wait."""
        self._is_closed = True
        self._refuse("the store is closed")
        for thread in self._threads:
            thread.join()
        self._give_back()

    def _run(self, connection: Connection, blocks: Iterable[tuple[_Expected, int]]) -> None:
        started = time.perf_counter()
        try:
            for one, start in blocks:
                if self._is_closed:
                    break
                self._fetch(connection, one, start)
        finally:
            with self._turn:
                self._reading -= 1
                is_last = self._reading == 0
            if is_last:
                self._refuse("its vectors could not be read: see the log, and restart")
                self._give_back()
                seconds = time.perf_counter() - started
                log.info("vectors of large galleries were read behind the start: %.1f s", seconds)

    def _fetch(self, connection: Connection, one: _Expected, start: int) -> None:
        stop = min(start + BLOCK_ROWS, one.n)
        try:
            with undamaged(self._path, one.name):
                write_vectors(connection, one.number, one.page, start, stop)
        except GalleryError as error:
            log.error("gallery %s: %s", one.name, error)
            one.arriving.fail(error)
        else:
            one.arriving.came(start // BLOCK_ROWS)

    def _read(self, name: str, page: Page, positions: Positions) -> Rows | None:
        """Read single rows (m, d) out of turn; None where all are there, or refused, by now."""
        with self._turn, undamaged(self._path, name):
            if self._single is None:
                return None
            some = store.single_vectors(self._single, page.numbers[positions].tolist())
            if len(some) < len(positions):
                raise VectorsDamaged(f"{len(positions) - len(some)} vectors missing")
            return checked(some, page.dim)

    def _refuse(self, why: str) -> None:
        for one in self._expected:
            one.arriving.fail(StoreUnavailable(f"gallery {one.name!r}: {why}"))

    def _give_back(self) -> None:
        with self._turn:
            self._single = None
            self._lent.close()
