"""The linked table: both rows, the score, how likely it is right, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from service.records.explain import alone, reason
from service.records.linking import Linked, Terms, why_linked
from service.records.pooling import Pooled
from service.records.scoring import FieldScore
from service.records.tables import Table

How = Literal["inner", "left", "outer"]
HOWS: tuple[How, ...] = get_args(How)
LEFT, RIGHT = "left_", "right_"
PAIRS_AT_ONCE = 20_000  # that are explained at once


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two tables, with what its records became, and the column that names them."""

    table: Table
    pooled: Pooled
    id: str | None = None

    def named(self, row: int) -> str:
        """Name a record: by its id, else by its place."""
        return str(self.table.columns[self.id][row]) if self.id else self.table.place(row)


@dataclass(frozen=True, slots=True)
class Output:
    """Both tables linked, as a table.

    Args:
        how: `inner`: pairs alone; `left`: the left records that have none, too; `outer`: and the
            right ones that have none. Nothing is lost unless it is asked for.
    """

    left: Side
    right: Side
    linked: Linked
    terms: Terms
    how: How = "left"

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        fields = [f"score_{name}" for name in self.left.pooled.schema.names]
        return [
            *(LEFT + name for name in self.left.table.names),
            *(RIGHT + name for name in self.right.table.names),
            *("score", "probability", "shared", "reason"),
            *fields,
        ]

    def rows(self) -> Iterator[list[Any]]:
        """Yield the rows, in the order of the left table, those of no left record last."""
        pairs = self.linked.pairs
        explained = self._explained()
        at = 0
        for row in range(len(self.left.table)):
            found = at
            while at < len(pairs) and pairs.left[at] == row:
                yield self._pair(at, next(explained))
                at += 1
            if at == found and self.how != "inner":
                yield self._alone_left(row)
        if self.how == "outer":
            had = set(pairs.right.tolist())
            for row in range(len(self.right.table)):
                if row not in had:
                    yield self._alone_right(row)

    def _explained(self) -> Iterator[list[FieldScore]]:
        pairs = self.linked.pairs
        for start in range(0, len(pairs), PAIRS_AT_ONCE):
            some = pairs.take(np.arange(start, min(start + PAIRS_AT_ONCE, len(pairs))))
            sides = self.left.pooled, self.right.pooled
            yield from why_linked(*sides, some, self.terms, self.linked.taught)

    def _pair(self, at: int, fields: Sequence[FieldScore]) -> list[Any]:
        linked = self.linked
        likely = None if linked.probabilities is None else round(float(linked.probabilities[at]), 4)
        return [
            *_cells(self.left.table, int(linked.pairs.left[at])),
            *_cells(self.right.table, int(linked.pairs.right[at])),
            round(float(linked.pairs.scores[at]), 4),
            likely,
            round(float(linked.shared[at]), 4),
            reason(fields),
            *(None if one.score is None else round(one.score, 4) for one in _ordered(fields, self)),
        ]

    def _alone_left(self, row: int) -> list[Any]:
        nearest = self.linked.nearest
        at = int(np.searchsorted(nearest.left, row))
        named, score = None, None
        if at < len(nearest) and nearest.left[at] == row:
            named, score = self.right.named(int(nearest.right[at])), float(nearest.scores[at])
        why = alone(named, score, self.linked.threshold)
        nothing: list[Any] = [None] * len(self.right.table.names)
        cells = _cells(self.left.table, row)
        return [*cells, *nothing, None, None, None, why, *self._no_scores()]

    def _alone_right(self, row: int) -> list[Any]:
        nothing: list[Any] = [None] * len(self.left.table.names)
        cells = _cells(self.right.table, row)
        return [*nothing, *cells, None, None, None, "no match", *self._no_scores()]

    def _no_scores(self) -> list[Any]:
        return [None] * len(self.left.pooled.schema.names)


def _ordered(fields: Sequence[FieldScore], output: Output) -> Iterator[FieldScore]:
    """Yield the scores in the schema's order of fields, which is not that of its things."""
    named = {one.field: one for one in fields}
    for name in output.left.pooled.schema.names:
        yield named[name]


def _cells(table: Table, row: int) -> list[Any]:
    return [cells[row] for cells in table.columns.values()]
