"""One thread writes; what waits together is committed together."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from index.database import Connection, Database, translated
from index.errors import StoreUnavailable

T = TypeVar("T")

_GROUP_MAX = 64  # operations in one transaction; bounds the wait of the first one


@dataclass(slots=True, eq=False)
class _Operation:
    work: Callable[[Connection], Any]
    publish: Callable[[Any], None]
    done: Future[Any] = field(default_factory=Future)


class Writer:
    """The thread that owns the writing connection.

    An operation is work in the database, then its publication in memory, then the answer to its
    caller: published only after the COMMIT, which has synced the write-ahead log, and in the
    order of commits.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Operation] = deque()
        self._wake = threading.Condition()
        self._stopped: str | None = None
        self._thread = threading.Thread(target=self._run, name="gallery-writer", daemon=True)
        self._thread.start()

    def write(self, work: Callable[[Connection], T], publish: Callable[[T], None]) -> T:
        """Do the work inside a transaction and return its answer once it is on disk and published.

        Raises: StoreUnavailable, StoreCorrupt, and whatever the work raises, which undoes it alone.
        """
        operation = _Operation(work, publish)
        with self._wake:
            if self._stopped:
                raise StoreUnavailable(self._stopped)
            self._waiting.append(operation)
            self._wake.notify()
        answer: T = operation.done.result()
        return answer

    def check(self) -> None:
        """Pass while writes are taken.

        Raises: StoreUnavailable.
        """
        if self._stopped:
            raise StoreUnavailable(self._stopped)

    def close(self) -> None:
        """Take no more writes, finish those that wait, and end the thread."""
        self._stop("the store is closed")
        self._thread.join()

    def _stop(self, why: str) -> None:
        with self._wake:
            self._stopped = self._stopped or why
            self._wake.notify()

    def _run(self) -> None:
        group: list[_Operation] = []
        try:
            while group := self._next_group():
                self._settle(group)
                group.clear()  # their closures hold rows, and the next write may be far away
        except BaseException:  # a publication failed: what stands in memory is behind the disk
            self._stop("the gallery writer died: restart the service")
            self._fail([*group, *self._waiting])
            raise

    def _next_group(self) -> list[_Operation]:
        """Wait for operations; an empty group means the end."""
        with self._wake:
            while not self._waiting and not self._stopped:
                self._wake.wait()
            return [self._waiting.popleft() for _ in range(min(_GROUP_MAX, len(self._waiting)))]

    def _settle(self, group: list[_Operation]) -> None:
        """Commit the group; where it is refused whole, each gets its own try."""
        try:
            answers = self._commit(group)
        except Exception as error:  # noqa: BLE001 - nothing was committed; its callers get it
            if len(group) > 1:
                for operation in group:
                    self._settle([operation])
            else:
                group[0].done.set_exception(error)
            return
        for operation, answer in answers:
            operation.publish(answer)
            operation.done.set_result(answer)

    def _commit(self, group: list[_Operation]) -> list[tuple[_Operation, Any]]:
        """Do the work of a group in one transaction; return the answers that succeeded."""
        connection = self._database.writer
        answers: list[tuple[_Operation, Any]] = []
        failures: list[tuple[_Operation, Exception]] = []
        with translated(self._database.path):
            try:
                connection.execute("BEGIN IMMEDIATE")
                for operation in group:
                    try:
                        connection.execute("SAVEPOINT operation")
                        with translated(self._database.path):
                            answers.append((operation, operation.work(connection)))
                    except Exception as error:  # whatever it is, its caller gets it
                        if not connection.in_transaction:
                            raise  # a full disk undoes the whole transaction
                        connection.execute("ROLLBACK TO operation")
                        failures.append((operation, error))
                    connection.execute("RELEASE operation")
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        for operation, failure in failures:
            operation.done.set_exception(failure)
        return answers

    @staticmethod
    def _fail(operations: list[_Operation]) -> None:
        for operation in operations:
            if not operation.done.done():
                operation.done.set_exception(
                    StoreUnavailable(
                        "the gallery writer died: restart the service to see what stands"
                    )
                )
