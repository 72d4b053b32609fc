"""The choice of an index by measuring it on the gallery's own rows, against exact truth."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from index.backend import AUTO, candidates_for, open_backend
from index.chunks import Chunks
from index.faiss_door import FaissIndex
from index.measured import Measured, Rung
from index.plan import Plan
from index.scan import USUAL, open_scan
from index.trial import WANTS, Trial
from index.vectors import Rows

FACTORS = (2, 4, 10, 30)  # candidates that are scored again, for each one wanted
_TIMED = 40


@dataclass(frozen=True, slots=True)
class Choice:
    """The cheapest index that finds enough, or None where a scan is as good; and why.

    `raced` tells that all were measured that may serve.
    """

    measured: Measured | None
    why: str
    raced: bool = True


def choose(
    rows: Chunks,
    index: str,
    recall_target: float,
    bytes_max: float,
    kept: str | None = None,
    asked: Rows | None = None,
) -> Choice:
    """Build what may serve, measure it, and return the fastest that finds enough.

    One below the target is never returned. Under `auto` a scan is a candidate too.

    Args:
        bytes_max: memory that an index may take beside the rows.
        kept: a backend that was the best before; where it still finds enough, no other is built.
        asked: queries (q, d) of late, for which enough must be found as well.
    """
    trial = Trial.of(rows, asked)
    scan = open_scan(USUAL)
    scanned = _milliseconds(trial, lambda query: scan.best(rows, query, 10, None))
    race = _Race(rows, trial, scanned, recall_target, bytes_max, unasked=index == AUTO)
    if kept is not None:
        made = race.enter(kept, np.inf)
        if isinstance(made, Measured):
            return Choice(made, f"{kept} again, of {len(rows)} rows: {_said(made)}", raced=False)
    best, fastest = None, scanned if index == AUTO else np.inf
    said = [f"scan {scanned:.2f} ms"]
    for name in race.order(candidates_for(index)):
        made = race.enter(name, fastest)
        said.append(f"{name} {made if isinstance(made, str) else _said(made)}")
        if isinstance(made, Measured) and made.rungs[0].milliseconds < fastest:
            best, fastest = made, made.rungs[0].milliseconds
    taken = USUAL if best is None else best.name
    return Choice(best, f"{taken} of {len(rows)} rows: {'; '.join(said)}")


def _said(made: Measured) -> str:
    first = made.rungs[0]
    return f"{first.milliseconds:.2f} ms at recall {first.recall:.4f}"


@dataclass(frozen=True, slots=True)
class _Race:
    """The terms on which all are measured; `unasked` ones must not take long to build.

    `scanned` is the milliseconds of a look at every row.
    """

    rows: Chunks
    trial: Trial
    scanned: float
    target: float
    bytes_max: float
    unasked: bool

    def order(self, names: Sequence[str]) -> list[str]:
        """Put those first that are soonest measured: a fast one spares others the measuring."""

        def cost(name: str) -> tuple[bool, int]:
            plan = self._plan(name)
            return (False, 0) if plan is None else (plan.parameter is not None, plan.sample)

        return sorted(names, key=cost)

    def enter(self, name: str, faster_than: float) -> Measured | str:
        """Build one and climb to the target at each depth; or say why not.

        Args:
            faster_than: milliseconds that it must stay below to be of any use.
        """
        plan = self._plan(name)
        refused = _refused(plan, len(self.rows), self.bytes_max, unasked=self.unasked)
        if plan is None or refused:
            return refused or ""
        try:
            built = FaissIndex.build(self.rows, plan)
        except MemoryError as error:
            return f"does not fit: {error}"
        least = self._milliseconds(built, (WANTS[0] + 1) * FACTORS[0], plan.efforts[0])
        if least >= faster_than:
            return f"takes {least:.2f} ms at the least"
        rungs: list[Rung] = []
        for want in self.trial.wants:
            rung = self._climb(built, want, plan.efforts)
            if isinstance(rung, str):
                return rung if not rungs else Measured(name, built, rungs)
            if rungs and rung.milliseconds >= self.scanned:
                break  # so deep, every row is looked at sooner
            rungs.append(rung)
            if rungs[0].milliseconds >= faster_than:
                break  # it is not taken, however deep it goes
        return Measured(name, built, rungs)

    def _plan(self, name: str) -> Plan | None:
        return open_backend(name).plan(len(self.rows), self.rows.dim)

    def _climb(self, built: FaissIndex, want: int, efforts: Sequence[int]) -> Rung | str:
        """Return the cheapest way to find enough of the best `want`, or what was found at most."""
        passing: list[Rung] = []
        reached = 0.0
        for effort in efforts:
            for factor in FACTORS:
                # One more than wanted: a query finds itself, which is none of its hits.
                depth = (want + 1) * factor
                candidates = built.search(self.trial.queries, depth, effort)
                recall, sure = self.trial.recall(self.rows, candidates, want)
                reached = max(reached, recall)
                if sure >= self.target or recall >= 1.0:
                    ms = self._milliseconds(built, depth, effort)
                    passing.append(Rung(want, effort, depth, recall, ms))
                    break
        if not passing:
            return f"finds {reached:.4f} of the best {want} at most"
        return min(passing, key=lambda rung: rung.milliseconds)

    def _milliseconds(self, built: FaissIndex, depth: int, effort: int) -> float:
        return _milliseconds(self.trial, partial(_answer, built, self.rows, depth, effort))


def _refused(plan: Plan | None, rows: int, bytes_max: float, *, unasked: bool) -> str | None:
    """Say why an index is not even built."""
    if plan is None:
        return "cannot be built over these rows, or here"
    if plan.bytes_per_row * rows > bytes_max:
        return f"would take {plan.bytes_per_row * rows / 1e6:.0f} MB of {bytes_max / 1e6:.0f}"
    if unasked and plan.auto_rows_max is not None and rows > plan.auto_rows_max:
        return f"takes long to build beyond {plan.auto_rows_max} rows; it must be asked for"
    return None


def _answer(built: FaissIndex, rows: Chunks, depth: int, effort: int, query: Rows) -> None:
    (found,) = built.search(query, depth, effort)
    near = found[found >= 0]
    rows.take(near) @ query[0]


def _milliseconds(trial: Trial, ask: Callable[[Rows], object]) -> float:
    """Return the median time of one query."""
    taken = []
    for query in trial.queries[:_TIMED]:
        start = time.perf_counter()
        ask(query[np.newaxis])
        taken.append(time.perf_counter() - start)
    return 1000.0 * statistics.median(taken)
