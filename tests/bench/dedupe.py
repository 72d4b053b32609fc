"""Deduplication of ten thousand to a million rows: seconds, memory, precision and recall of pairs.

By name only: a million rows take some ten minutes and 8 GB. ROWS=100000 stops sooner; KINDS=vectors
leaves out the names, KINDS=names the vectors. `vectors` are rows around centres, a hundred to each,
one row in five a copy with noise: candidates, threshold and clusters, as of a table of vectors.
`names` are made by code (`tests/people.py`), one in five again with slips of the hand, and take the
whole way: encoder `names`, candidates, scores, threshold, clusters. Each size has its own process.
"""

import json
import os
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from index.linking.average import average_linkage
from index.linking.blocking import self_candidates
from index.linking.clusters import single_linkage
from index.linking.threshold import without_labels
from service.linking import _pooled, _run
from service.records.deduping import DedupeTerms, dedupe
from service.records.schema import Field, Schema
from service.records.tables import Table
from tests.bench.figures import Figure
from tests.people import people

ON_REQUEST = True
ROWS_MAX = int(os.environ.get("ROWS", "1000000"))
KINDS = os.environ.get("KINDS", "vectors,names").split(",")
SIZES = {"vectors": (10_000, 100_000, 1_000_000), "names": (10_000, 100_000)}
DIM, K, COPIES = 192, 5, 0.2
SECONDS_MAX = 7200


def figures() -> list[Figure]:
    """Measure each kind at each size, and say how it grows."""
    made = []
    for kind in KINDS:
        before: dict[str, Any] | None = None
        for rows in (n for n in SIZES[kind] if n <= ROWS_MAX):
            one = in_process(kind, rows)
            grown = "" if before is None else f"x{one['seconds'] / before['seconds']:.1f}"
            steps = ", ".join(f"{name} {took:.1f}" for name, took in one["steps"].items())
            made += [
                Figure(f"{kind}, {rows} rows: seconds", f"{one['seconds']:.1f} s", grown),
                Figure(f"  {steps}", ""),
                Figure("  peak of memory", f"{one['bytes'] / 1e6:.0f} MB"),
                Figure(
                    "  pairs, by what was found alone",
                    f"P {one['precision']:.3f}",
                    f"R {one['recall']:.3f} at {one['threshold']:.3f}",
                ),
            ]
            before = one
    return made


def in_process(kind: str, rows: int) -> dict[str, Any]:
    """Measure in a process of its own, whose peak of memory is its alone."""
    command = [sys.executable, "-m", "tests.bench.dedupe", kind, str(rows)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=True, timeout=SECONDS_MAX
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def of_vectors(n: int) -> dict[str, Any]:
    """Deduplicate rows around centres, some of them copies."""
    rows, owner = clustered(n)
    steps: dict[str, float] = {}
    with Timed(steps, "candidates"):
        pairs = self_candidates(rows, K)
    with Timed(steps, "threshold"):
        threshold = without_labels(pairs).best(pairs.scores).threshold
    with Timed(steps, "single linkage"):
        of = single_linkage(n, pairs, threshold)
    with Timed(steps, "average linkage"):
        average_linkage(n, pairs, threshold)
    return told(of, owner, threshold, steps)


def of_names(n: int) -> dict[str, Any]:
    """Deduplicate names, from texts to clusters."""
    names, owner = people(n, COPIES)
    steps: dict[str, float] = {}
    with Timed(steps, "encoder"):
        schema = Schema((Field("name", "name"),))
        records = _run(_pooled(Table.of([{"name": name} for name in names]), schema, None))
    with Timed(steps, "dedupe"):
        found = dedupe(records, DedupeTerms())
    return told(found.of, np.array(owner), found.threshold, steps)


def clustered(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return unit rows (n, 192), a hundred around each centre, one in five a copy of another."""
    chance = np.random.default_rng(0)
    first = round(n * (1 - COPIES))
    centres = chance.standard_normal((n // 100, DIM), np.float32)
    rows = np.empty((n, DIM), np.float32)
    for start in range(0, first, 100_000):
        some = rows[start : min(start + 100_000, first)]
        some[:] = centres[chance.integers(0, len(centres), len(some))]
        some += 0.7 * chance.standard_normal(some.shape, np.float32)
    noise = chance.standard_normal((n - first, DIM), np.float32)
    rows[first:] = rows[: n - first] + 0.35 * noise
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    owner = np.concatenate([np.arange(first), np.arange(n - first)])
    order = chance.permutation(n)
    return np.ascontiguousarray(rows[order]), owner[order]


def told(
    of: np.ndarray, owner: np.ndarray, threshold: float, steps: dict[str, float]
) -> dict[str, Any]:
    """Tell the figures of one run: pairs within clusters against pairs of one owner."""
    both = np.unique(np.stack([of, owner]), axis=1, return_inverse=True)[1]
    right, found, true = (pairs_within(one) for one in (both, of, owner))
    return {
        "seconds": sum(took for step, took in steps.items() if step != "average linkage"),
        "steps": steps,
        "bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "precision": right / max(found, 1),
        "recall": right / true,
        "threshold": threshold,
    }


def pairs_within(of: np.ndarray) -> int:
    """Count the pairs of rows that have one name."""
    counts = np.unique(of, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


class Timed:
    """Adds the seconds of a block to a dictionary, and says so on standard error."""

    def __init__(self, steps: dict[str, float], name: str) -> None:
        self._steps, self._name = steps, name

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._steps[self._name] = time.perf_counter() - self._started
        print(f"{self._name}: {self._steps[self._name]:.1f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    measured = {"vectors": of_vectors, "names": of_names}[sys.argv[1]](int(sys.argv[2]))
    print(json.dumps(measured))
