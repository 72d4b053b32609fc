"""What deduplication writes: the table with its clusters, one golden record each, and a report."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from index.linking.held import Cluster, Link, sizes
from index.linking.pairs import Pairs
from service.records.deduping import Deduped, DedupeTerms, why_deduped
from service.records.explain import reason
from service.records.golden import Choice, chosen
from service.records.output import Side
from service.records.scoring import FieldScore

COLUMNS = ("cluster", "cluster_size", "linked_to", "score", "probability", "reason")
GOLDEN_COLUMNS = ("cluster", "cluster_size", "taken_from")
PAIRS_AT_ONCE = 20_000  # that are explained at once
LARGEST = 5  # clusters that are shown first


@dataclass(frozen=True)
class DedupeOutput:
    """A table, what its records became, and in which clusters they are."""

    side: Side
    found: Deduped
    terms: DedupeTerms

    @property
    def names(self) -> list[str]:
        """The columns' names of the table: its own, and six."""
        return [*self.side.table.names, *_fresh(COLUMNS, self.side.table.names)]

    def rows(self) -> Iterator[list[Any]]:
        """Yield the rows in the order of the table, each with its cluster and its best link."""
        best = self._best_links()
        shown = self._explained(best)
        found, size = self.found, np.bincount(self.found.of)
        for row in range(len(self.side.table)):
            cluster = int(found.of[row])
            cells = [*_cells(self.side, row), cluster + 1, int(size[cluster])]
            if best[row] < 0:
                yield [*cells, None, None, None, None]
                continue
            at = int(best[row])
            left, right = int(found.pairs.left[at]), int(found.pairs.right[at])
            likely = None if found.probabilities is None else float(found.probabilities[at])
            yield [
                *cells,
                self.side.named(right if left == row else left),
                round(float(found.pairs.scores[at]), 4),
                None if likely is None else round(likely, 4),
                reason(next(shown)),
            ]

    @property
    def golden_names(self) -> list[str]:
        """The columns' names of the golden records: the table's own, and three."""
        return [*self.side.table.names, *_fresh(GOLDEN_COLUMNS, self.side.table.names)]

    def golden_rows(self) -> Iterator[list[Any]]:
        """Yield one record of each cluster, those of one record too, by their first records."""
        many = {int(self.found.of[one.members[0]]): one for one in self.found.clusters}
        _, firsts = np.unique(self.found.of, return_index=True)
        for cluster, row in enumerate(firsts.tolist()):
            if cluster not in many:
                yield [*_cells(self.side, row), cluster + 1, 1, self.side.named(row)]
                continue
            choices = self.choices(many[cluster])
            values = [one.value for one in choices.values()]
            words = "; ".join(
                f"{name}: {_worded(one, self.side)}"
                for name, one in choices.items()
                if one.row is not None
            )
            yield [*values, cluster + 1, len(many[cluster].members), words]

    def choices(self, cluster: Cluster) -> dict[str, Choice]:
        """Return the golden record of a cluster, column by column."""
        columns = self.side.table.columns.items()
        return {name: chosen(cells, cluster.members, cluster.medoid) for name, cells in columns}

    def report(self) -> dict[str, Any]:
        """Tell how many clusters there are of which size, and what holds each of them together."""
        found, records = self.found, len(self.side.table)
        return {
            "records": records,
            "clusters": int(found.of.max(initial=-1)) + 1,
            "repeated": records - (int(found.of.max(initial=-1)) + 1),
            "linkage": self.terms.linkage,
            "threshold": found.threshold,
            "expected": None if found.expected is None else asdict(found.expected),
            "sizes": [
                {"members": size, "clusters": count} for size, count in sizes(found.of).items()
            ],
            "held": [self.told(one) for one in found.clusters],
        }

    def told(self, one: Cluster) -> dict[str, Any]:
        """Tell a cluster: its members, its weakest link, its diameter and the chain through it."""
        return {
            "cluster": int(self.found.of[one.members[0]]) + 1,
            "size": len(one.members),
            "members": [self.side.named(row) for row in one.members],
            "medoid": self.side.named(one.medoid),
            "weakest": self._link(one.weakest),
            "diameter": self._link(one.diameter) | {"is_exact": one.is_exact},
            "chain": [self._link(link) for link in one.chain],
        }

    def worded(self) -> list[str]:
        """Word the report for a terminal: how many, and the largest clusters, with their chains."""
        told = self.report_head
        lines = [told]
        for one in [each for each in self.found.clusters if len(each.members) > 2][:LARGEST]:
            ends = one.diameter
            lines.append(
                f"  {len(one.members)} records: weakest link {one.weakest.score:.2f}; "
                f"{self.side.named(ends.left)} and {self.side.named(ends.right)} score "
                f"{ends.score:.2f}, joined by {len(one.chain)} links"
            )
        return lines

    @cached_property
    def report_head(self) -> str:
        """Word what was found in one line."""
        found, records = self.found, len(self.side.table)
        clusters = int(found.of.max(initial=-1)) + 1
        words = f"{records} records in {clusters} clusters; threshold {found.threshold:.3f}"
        if found.expected is not None:
            told = found.expected
            sure = "expected of links" if found.taught else "if no strangers are nearly alike"
            words += (
                f" ({told.low:.3f} to {told.high:.3f}; {sure}: precision "
                f"{told.precision:.2f}, recall {told.recall:.2f})"
            )
        return words

    def _link(self, link: Link) -> dict[str, Any]:
        return {
            "left": self.side.named(link.left),
            "right": self.side.named(link.right),
            "score": round(link.score, 6),
        }

    def _best_links(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Return for each record the place of its best pair (n,), -1 where it has none."""
        pairs = self.found.pairs
        best = np.full(len(self.side.table), -1)
        if not len(pairs):
            return best
        order = np.argsort(pairs.scores, kind="stable")
        for ends in (pairs.left, pairs.right):  # the best writes last; a later one only if better
            there = np.full(len(best), -1)
            there[ends[order]] = order
            better = (there >= 0) & (
                (best < 0) | (pairs.scores[there] > pairs.scores[np.maximum(best, 0)])
            )
            best[better] = there[better]
        return best

    def _explained(self, best: np.ndarray[Any, Any]) -> Iterator[list[FieldScore]]:
        """Yield why the best pairs of the records that have one have their scores, in order."""
        having = best[best >= 0]
        pooled = self.side.pooled
        for start in range(0, len(having), PAIRS_AT_ONCE):
            some: Pairs = self.found.pairs.take(having[start : start + PAIRS_AT_ONCE])
            yield from why_deduped(pooled, some, self.terms, self.found.taught)


def _fresh(names: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Return names that no column of the table has, with `_2` and so on behind where one does."""
    fresh = []
    for name in names:
        number, free = 2, name
        while free in taken:
            free, number = f"{name}_{number}", number + 1
        fresh.append(free)
    return fresh


def _worded(one: Choice, side: Side) -> str:
    assert one.row is not None
    return f"{side.named(one.row)} ({one.why}, {one.votes} of {one.of})"


def _cells(side: Side, row: int) -> list[Any]:
    return [cells[row] for cells in side.table.columns.values()]
