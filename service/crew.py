"""Threads that do the same work; one that dies is replaced, after a pause where many do."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

log = logging.getLogger("semblance.lane")
RESTART_SECONDS_MAX = 5.0
DEATHS_FORGOTTEN_SECONDS = 60.0


class Crew:
    """So many threads, by number.

    Args:
        lock: of those who share the work; it is notified when the end is asked for.
        work: what a thread does, until nothing is left to do at the end.
        bury: the last deed of a thread that dies of its work: answers for it, and calls `start`.
    """

    def __init__(
        self,
        lock: threading.Condition,
        name: str,
        size: int,
        work: Callable[[int], None],
        bury: Callable[[int], None],
    ) -> None:
        self._lock, self._name, self._size = lock, name, size
        self._work, self._bury = work, bury
        self.is_ending = False
        self._threads: dict[int, threading.Thread] = {}
        self._resting: set[int] = set()  # replaced, and not yet back from their pause
        self._deaths: list[float] = []

    @property
    def alive(self) -> bool:
        """Whether a thread is at work."""
        return len(self._threads) > len(self._resting)

    def start(self) -> None:
        """Start what is not there, under the lock; where the system has no thread, it is late."""
        for one in range(self._size):
            if one in self._threads or self.is_ending:
                continue
            pause = self._pause_seconds()
            thread = threading.Thread(
                target=self._run, args=(one, pause), name=f"{self._name}-{one}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError:
                log.exception("no thread could be started for %s", self._name)
                return
            self._threads[one] = thread
            if pause:
                self._resting.add(one)

    def end(self, seconds: float) -> None:
        """Let the threads end, and wait for them no longer than that."""
        until = monotonic() + seconds
        with self._lock:
            self.is_ending = True
            threads = list(self._threads.values())
            self._lock.notify_all()
        for thread in threads:
            thread.join(max(0.0, until - monotonic()))

    def _pause_seconds(self) -> float:
        now = monotonic()
        self._deaths = [at for at in self._deaths if now - at < DEATHS_FORGOTTEN_SECONDS]
        again = len(self._deaths) - self._size
        return min(RESTART_SECONDS_MAX, 0.1 * 2.0**again) if again > 0 else 0.0

    def _run(self, one: int, pause: float) -> None:
        try:
            if pause:
                with self._lock:
                    self._lock.wait_for(lambda: self.is_ending, pause)
                    self._resting.discard(one)
            self._work(one)
        except BaseException:
            log.exception("thread %d of %s died", one, self._name)
            with self._lock:
                self._deaths.append(monotonic())
                self._leave(one)
            self._bury(one)
        else:
            with self._lock:
                self._leave(one)

    def _leave(self, one: int) -> None:
        self._threads.pop(one, None)
        self._resting.discard(one)
