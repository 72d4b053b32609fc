"""Scans that callers share: who asks the like while every core scans is scanned with others.

A product of the rows with many queries reads the rows once. Nobody waits for company: a caller
scans at once while a core is free. Those that come beyond that wait for the first scan that ends;
the first of them scans then, for itself and its share of the others.
"""

import threading
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from index.chunks import Chunks
from index.hits import Mask, Positions, Scores
from index.scan import Scan
from index.vectors import Rows

QUERIES_MAX = 32  # of a scan that is shared: beyond that its arithmetic is what takes time
AT_ONCE_MAX = 8  # a scan reads 30 GB a second: more of them wait for memory, not for a core


@dataclass(slots=True)
class _Alike:
    """The callers who ask the like: so many scan, the others wait."""

    scanning: int = 0
    waiting: "deque[_Asked]" = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class _Asked:
    """What a caller asked; once `told`, it has its answer, or its turn to scan, or an error."""

    rows: Chunks
    queries: Rows
    k: int
    allowed: Mask | None
    start: int
    alike: _Alike = field(default_factory=_Alike)
    told: threading.Event = field(default_factory=threading.Event)
    scans: bool = False
    found: tuple[Scores, Positions] | None = None

    @property
    def likeness(self) -> Hashable:
        """Equal for those that one scan can answer: the fewer hits are cut out of the more."""
        return self.rows.likeness, id(self.allowed), self.start, self.k.bit_length()


class Coalescing:
    """A scan that many threads share.

    However a scan ends, those who wait for it are told. An error is for who caused it: each of
    several that failed together asks again by itself.

    Args:
        at_once: how many scans of the like go on side by side: a core for each.
    """

    def __init__(self, scan: Scan, at_once: int) -> None:
        self._scan, self._at_once = scan, at_once
        self._all: dict[Hashable, _Alike] = {}
        self._lock = threading.Lock()  # for a few steps in memory; no writer takes it

    def best(
        self, rows: Chunks, queries: Rows, k: int, allowed: Mask | None, start: int = 0
    ) -> tuple[Scores, Positions]:
        """Return the best k allowed rows of each query, as `Scan.best` does."""
        if not 0 < len(queries) < QUERIES_MAX:
            return self._scan.best(rows, queries, k, allowed, start)
        asked = _Asked(rows, queries, k, allowed, start)
        try:
            self._enter(asked)
            asked.told.wait()
            if asked.scans:
                self._scan_with_company(asked)
        finally:
            self._leave(asked)
        if asked.found is None:
            asked.found = self._scan.best(rows, queries, k, allowed, start)
        return asked.found

    def _enter(self, asked: _Asked) -> None:
        with self._lock:
            asked.alike = self._all.setdefault(asked.likeness, asked.alike)
            if asked.alike.scanning < self._at_once:
                self._give_turn(asked)
            else:
                asked.alike.waiting.append(asked)

    def _give_turn(self, asked: _Asked) -> None:
        asked.alike.scanning += 1
        asked.scans = True
        asked.told.set()

    def _leave(self, asked: _Asked) -> None:
        """Pass the turn on, also where the caller's thread was interrupted while it waited."""
        with self._lock:
            alike = asked.alike
            if asked.scans:
                alike.scanning -= 1
                if alike.waiting:
                    self._give_turn(alike.waiting.popleft())
            elif asked in alike.waiting:
                alike.waiting.remove(asked)
            if not alike.scanning and self._all.get(asked.likeness) is alike:
                del self._all[asked.likeness]

    def _scan_with_company(self, asked: _Asked) -> None:
        together = [asked]
        try:
            with self._lock:
                self._join(together, asked.alike.waiting)
            if len(together) == 1:
                asked.found = self._scan.best(
                    asked.rows, asked.queries, asked.k, asked.allowed, asked.start
                )
            else:
                with suppress(Exception):  # whose fault it is shows when each asks by itself
                    self._scan_for(together)
        finally:
            for each in together[1:]:
                each.told.set()

    def _join(self, together: list[_Asked], waiting: deque[_Asked]) -> None:
        """Take on a share of those who wait, so that scans side by side take equally long."""
        share = -(-(1 + len(waiting)) // self._at_once)
        queries = len(together[0].queries)
        while waiting and len(together) < share:
            queries += len(waiting[0].queries)
            if queries > QUERIES_MAX:
                break
            together.append(waiting.popleft())

    def _scan_for(self, together: list[_Asked]) -> None:
        first = together[0]
        queries = np.concatenate([each.queries for each in together])
        k = max(each.k for each in together)
        scores, positions = self._scan.best(first.rows, queries, k, first.allowed, first.start)
        done = 0
        for each in together:
            part = np.s_[done : done + len(each.queries), : each.k]
            each.found = scores[part], positions[part]
            done += len(each.queries)
