"""Pairs of records, of which it is told whether they are of one thing: how well each method knows.

The sets are those of DeepMatcher (Mudgal et al., "Deep Learning for Entity Matching", SIGMOD 2018)
as Ditto spells them, and Splink's thousand made-up people.
"""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]
from sklearn.metrics import adjusted_rand_score

FIELD = re.compile(r"COL (\S+) VAL (.*?)\s*(?=COL |$)")
CUTS = 80  # thresholds that are tried for groups
Record = Mapping[str, str]
Scores = NDArray[np.float32]


@dataclass(frozen=True)
class RecordPairs:
    """Pairs of records, and whether each is of one thing (n,); a missing value is empty."""

    left: Sequence[Record]
    right: Sequence[Record]
    same: NDArray[np.bool_]

    @cached_property
    def fields(self) -> list[str]:
        """The names of the fields, in order."""
        return list(dict.fromkeys(name for one in (*self.left, *self.right) for name in one))

    @cached_property
    def texts(self) -> tuple[list[str], list[str]]:
        """The fields of either side in one text each."""
        return _joined(self.left), _joined(self.right)

    def column(self, field: str) -> tuple[list[str], list[str]]:
        """The values of one field on either side."""
        return [one.get(field, "") for one in self.left], [one.get(field, "") for one in self.right]


PairScorer = Callable[[RecordPairs], Scores]
"""Scores of pairs (n,): higher, where they are rather of one thing."""


@dataclass(frozen=True, slots=True)
class Matching:
    """One set: pairs by which a threshold is chosen, and others by which it is measured.

    Args:
        learnt: pairs of which everything may be learnt, the threshold too where `chosen` is empty.
    """

    name: str
    learnt: RecordPairs
    chosen: RecordPairs
    measured: RecordPairs


def matchings(records: Path) -> list[Matching]:
    """Read the sets that are there.

    Thresholds are chosen on `valid` and measured on `test`; where there is no `test`, they are
    chosen on `train` and measured on `valid`.
    """
    found = []
    for folder in sorted(records.glob("*/*/")):
        parts = {path.stem: path for path in folder.glob("*.txt")}
        if {"train", "valid"} <= set(parts):
            train, valid = read(parts["train"]), read(parts["valid"])
            name = folder.name + (", dirty" if folder.parent.name == "Dirty" else "")
            if "test" in parts:
                found.append(Matching(name, train, valid, read(parts["test"])))
            else:
                found.append(Matching(name, train, train, valid))
    return found


def read(path: Path) -> RecordPairs:
    """Read lines of `COL field VAL value ...`, twice, and 1 or 0, with tabs between."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    left, right = ([dict(FIELD.findall(row[side])) for row in rows] for side in (0, 1))
    return RecordPairs(left, right, np.array([row[2].strip() == "1" for row in rows]))


def best_threshold(scores: Scores, same: NDArray[np.bool_]) -> float:
    """Find the threshold of the best F1: pairs of that score or more are taken for one.

    >>> best_threshold(np.array([.9, .8, .7, .1]), np.array([True, False, True, False])).item()
    0.7
    """
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(same[order])
    f1 = 2 * hits / (np.arange(1, len(ranked) + 1) + same.sum())
    f1[:-1][ranked[:-1] == ranked[1:]] = 0.0  # a threshold takes all pairs of a score
    return ranked[f1.argmax()]  # type: ignore[no-any-return]


def f1_at(scores: Scores, same: NDArray[np.bool_], threshold: float) -> float:
    """Tell the harmonic mean of precision and recall of the pairs at a threshold or above."""
    taken = scores >= threshold
    return float(2 * (taken & same).sum() / max(1, taken.sum() + same.sum()))


def pair_f1(score: PairScorer, matching: Matching) -> float:
    """Measure one method on one set."""
    threshold = best_threshold(score(matching.chosen), matching.chosen.same)
    return f1_at(score(matching.measured), matching.measured.same, threshold)


@dataclass(frozen=True)
class People:
    """Records of which many are of one person, and whose they are (n,)."""

    records: Sequence[Record]
    whose: NDArray[np.int64]

    @cached_property
    def places(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All pairs of two records."""
        left, right = np.triu_indices(len(self.records), 1)
        return left, right

    @cached_property
    def pairs(self) -> RecordPairs:
        """The same with what they hold."""
        left, right = self.places
        return RecordPairs(
            [self.records[i] for i in left],
            [self.records[i] for i in right],
            self.whose[left] == self.whose[right],
        )

    def groups(self, scores: Scores, threshold: float) -> NDArray[np.int64]:
        """Group what is linked by pairs at a threshold or above: single linkage (n,)."""
        left, right = self.places
        taken, n = scores >= threshold, len(self.records)
        links = coo_array((np.ones(taken.sum()), (left[taken], right[taken])), shape=(n, n))
        found: NDArray[np.int64] = connected_components(links, directed=False)[1]
        return found


def people(path: Path) -> tuple[People, People]:
    """Read Splink's people: every second person is for choosing, the others are measured."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    halves = []
    for part in (0, 1):
        some = [row for row in rows if int(row["cluster"]) % 2 == part]
        whose = np.array([int(row["cluster"]) for row in some])
        told = [{k: v for k, v in row.items() if k not in ("unique_id", "cluster")} for row in some]
        halves.append(People(told, whose))
    return halves[0], halves[1]


def people_figures(score: PairScorer, chosen: People, measured: People) -> tuple[float, float]:
    """Tell F1 of pairs and the adjusted Rand index of groups, each at its best threshold.

    Source: Hubert and Arabie, "Comparing Partitions", Journal of Classification, 1985.
    """
    before, after = score(chosen.pairs), score(measured.pairs)
    f1 = f1_at(after, measured.pairs.same, best_threshold(before, chosen.pairs.same))
    likely = np.sort(before)[-4 * int(chosen.pairs.same.sum()) :]
    cuts = np.unique(np.quantile(likely, np.linspace(0, 1, CUTS)))
    by_cut = [adjusted_rand_score(chosen.whose, chosen.groups(before, cut)) for cut in cuts]
    groups = measured.groups(after, cuts[int(np.argmax(by_cut))])
    return f1, float(adjusted_rand_score(measured.whose, groups))


def _joined(records: Sequence[Record]) -> list[str]:
    return [" ".join(value for value in one.values() if value) for one in records]
