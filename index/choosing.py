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
from index.hits import Positions, Scores, rounding_slack
from index.measured import Measured, Rung
from index.plan import Plan
from index.scan import USUAL, open_scan
from index.vectors import Rows

QUERIES = 400
WANTS = (10, 30, 100, 300, 1000)
FACTORS = (2, 4, 10, 30)  # candidates that are scored again, for each one wanted
_TIMED = 40
_SURE = 1.64  # standard errors by which the mean must pass the target: 95 %, one-sided


@dataclass(frozen=True, slots=True)
class Choice:
    """The cheapest index that finds enough, or None where a scan is as good; and why."""

    measured: Measured | None
    why: str


@dataclass(frozen=True, slots=True)
class Trial:
    """Rows of the gallery as queries (q, d), each at its own position, and the exact truth.

    `floors` holds, by depth, the score of each query's last true hit (q,), itself left out.
    """

    queries: Rows
    positions: Positions
    floors: dict[int, Scores]

    @classmethod
    def of(cls, rows: Chunks, seed: int = 1) -> "Trial":
        """Draw the queries and look at every row for each of them."""
        chance = np.random.default_rng(seed)
        at = np.sort(chance.choice(len(rows), min(QUERIES, len(rows)), replace=False))
        queries = rows.take(at)
        wants = [want for want in WANTS if want < len(rows)]
        scores, found = open_scan(USUAL).best(rows, queries, max(wants) + 1, None)
        floors = {want: np.empty(len(at), np.float32) for want in wants}
        for i, (own, some, where) in enumerate(zip(at, scores, found, strict=True)):
            others = some[where != own]
            for want in wants:
                floors[want][i] = others[want - 1]
        return cls(queries, at, floors)

    def found(self, rows: Chunks, candidates: Positions, want: int) -> Scores:
        """Return the share (q,) of the best `want` that is among the candidates (q, m)."""
        shares = np.empty(len(candidates), np.float32)
        for i, some in enumerate(candidates):
            near = some[(some >= 0) & (some != self.positions[i])]
            scores = rows.take(near) @ self.queries[i]
            hits = np.count_nonzero(scores >= self.floors[want][i] - rounding_slack(rows.dim))
            shares[i] = min(int(hits), want) / want
        return shares


def choose(
    rows: Chunks,
    index: str,
    recall_target: float,
    bytes_max: float,
) -> Choice:
    """Build what may serve, measure it, and return the fastest that finds enough.

    One below the target is never returned. Under `auto` a scan is a candidate too.

    Args:
        bytes_max: memory that an index may take beside the rows.
    """
    trial = Trial.of(rows)
    scan = open_scan(USUAL)
    scanned = _milliseconds(trial, lambda query: scan.best(rows, query, 10, None))
    best, fastest = None, scanned if index == AUTO else np.inf
    said = [f"scan {scanned:.2f} ms"]
    for name in candidates_for(index):
        plan = open_backend(name).plan(len(rows), rows.dim)
        refused = _refused(plan, len(rows), bytes_max, unasked=index == AUTO)
        if plan is None or refused:
            said.append(f"{name} {refused}")
            continue
        made = _measured(name, plan, rows, trial, recall_target)
        if isinstance(made, str):
            said.append(f"{name} {made}")
            continue
        first = made.rungs[0]
        said.append(f"{name} {first.milliseconds:.2f} ms at recall {first.recall:.4f}")
        if first.milliseconds < fastest:
            best, fastest = made, first.milliseconds
    taken = USUAL if best is None else best.name
    return Choice(best, f"{taken} of {len(rows)} rows: {'; '.join(said)}")


def _refused(plan: Plan | None, rows: int, bytes_max: float, *, unasked: bool) -> str | None:
    """Say why an index is not even built."""
    if plan is None:
        return "cannot be built over these"
    if plan.bytes_per_row * rows > bytes_max:
        return f"would take {plan.bytes_per_row * rows / 1e6:.0f} MB of {bytes_max / 1e6:.0f}"
    if unasked and plan.auto_rows_max is not None and rows > plan.auto_rows_max:
        return f"takes long to build beyond {plan.auto_rows_max} rows; it must be asked for"
    return None


def _measured(name: str, plan: Plan, rows: Chunks, trial: Trial, target: float) -> Measured | str:
    """Build one and climb to the target at each depth; or say how far it came at the first."""
    built = FaissIndex.build(rows, plan)
    rungs: list[Rung] = []
    for want in trial.floors:
        rung = _climb(built, rows, trial, want, plan.efforts, target)
        if isinstance(rung, str):
            return rung if not rungs else Measured(name, built, rungs)
        rungs.append(rung)
    return Measured(name, built, rungs)


def _climb(
    built: FaissIndex, rows: Chunks, trial: Trial, want: int, efforts: Sequence[int], target: float
) -> Rung | str:
    """Return the cheapest way to find enough of the best `want`, or how much was found at most."""
    passing: list[Rung] = []
    reached = 0.0
    for effort in efforts:
        for factor in FACTORS:
            # One more than wanted: a query finds itself, which is none of its hits.
            depth = (want + 1) * factor
            shares = trial.found(rows, built.search(trial.queries, depth, effort), want)
            recall = float(shares.mean())
            sure = recall - _SURE * float(shares.std()) / len(shares) ** 0.5
            reached = max(reached, recall)
            if sure >= target or recall >= 1.0:
                ms = _milliseconds(trial, partial(_answer, built, rows, depth, effort))
                passing.append(Rung(want, effort, depth, recall, ms))
                break
    if not passing:
        return f"finds {reached:.4f} of the best {want} at most"
    return min(passing, key=lambda rung: rung.milliseconds)


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
