"""All that is known of pairs of records, field by field: what labels are learnt from."""

from collections.abc import Callable, Iterator

import numpy as np

from index.hits import Positions
from index.linking.curves import Numbers
from index.linking.learned import Column, Known
from index.linking.pairs import Pairs
from index.linking.texts import Texts
from service.records.pooling import Pooled, Thing
from service.records.scoring import thing_scores

TOGETHER = "all together"
"""What the texts of all fields in one are called."""
SCORE, ALIKE, EQUAL = "score", "alike", "equal"
Scored = Callable[[Pairs], Numbers]
"""Pairs to the scores that they have without labels (n,); NaN where they share nothing."""


class Compared:
    """Two sides of which pairs are compared in every way there is.

    Of each thing: how alike its rows or values are; of texts `Texts.compared`, of values whether
    they are equal. And the texts of all fields in one, where several are texts.

    Args:
        left, right: made by one schema; of one table the same twice.
        score: how pairs are scored without labels.
    """

    def __init__(self, left: Pooled, right: Pooled, score: Scored) -> None:
        self._things = list(zip(left.things, right.things, strict=True))
        self._score = score
        said = [(_said(one), _said(other)) for one, other in self._things]
        self._texts = [
            Texts.of(mine, theirs) if mine is not None and theirs is not None else None
            for mine, theirs in said
        ]
        told = [(one, two) for one, two in said if one is not None and two is not None]
        self._together = (
            Texts.of(_joined([one for one, _ in told]), _joined([two for _, two in told]))
            if len(told) > 1
            else None
        )

    def known(self, pairs: Pairs) -> Known:
        """Tell all that is known of pairs."""
        told = list(self._told(pairs))
        return Known(
            tuple(Column(field, way) for field, way, _ in told),
            np.stack([values for _, _, values in told], axis=1),
        )

    def _told(self, pairs: Pairs) -> Iterator[tuple[str, str, Numbers]]:
        at, other = pairs.left, pairs.right
        yield TOGETHER, SCORE, self._score(pairs)
        for (one, two), texts in zip(self._things, self._texts, strict=True):
            yield one.name, ALIKE, thing_scores(one, two, at, other)
            if one.values is not None and two.values is not None:
                mine, theirs = one.values[at], two.values[other]
                missing = np.isnan(mine) | np.isnan(theirs)
                yield one.name, EQUAL, np.where(missing, np.nan, mine == theirs)
            for way, values in texts.compared(at, other).items() if texts else ():
                yield one.name, way, values
        for way, values in self._together.compared(at, other).items() if self._together else ():
            yield TOGETHER, way, values


def _said(thing: Thing) -> list[str | None] | None:
    """Return the text of a thing's first field (n,), None where it is missing; None of no text."""
    part = thing.parts[0] if thing.parts else None
    if part is None or part.texts is None:
        return None
    return [part.texts[place] if place >= 0 else None for place in _places(part.at)]


def _places(at: Positions) -> list[int]:
    found: list[int] = at.tolist()
    return found


def _joined(columns: list[list[str | None]]) -> list[str | None]:
    """Put the texts of each record in one; None where it has none at all."""
    return [" ".join(filter(None, cells)) or None for cells in zip(*columns, strict=True)]
