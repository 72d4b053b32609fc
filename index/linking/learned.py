"""How likely a pair is of one thing, by all that is known of it: weights learnt from labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.hits import Mask
from index.linking.curves import Numbers
from index.linking.logit import Logit, by_others, chances, surprise

LABELS_MIN = 20
"""Labels of either kind from which on weights are learnt."""
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
SCORE_RIDGE = 0.01
"""What the weight of the score as it was costs beside those of the others."""


@dataclass(frozen=True, slots=True)
class Column:
    """One number that is known of each pair: of which field, and in which way it was compared."""

    field: str
    way: str


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of pairs.

    Args:
        columns: (f,); the first is the score that pairs have without labels.
        values: (n, f); NaN where a field is missing on either side.
    """

    columns: tuple[Column, ...]
    values: Numbers


@dataclass(frozen=True, slots=True)
class Learned:
    """Weights of what is known of pairs.

    Args:
        columns: what the weights are of (f,).
        middles, spreads: of the labelled pairs (f,): a missing value counts as the middle.
        logit: of the values, less the middle, by the spread; then of what is missing.
        by_others: of each labelled pair its chance, told by what was learnt of the others (m,).
        shares: of each field in how much it tells the labelled pairs apart: the spread of what it
            adds to the log odds, by the sum of all; together 1.
    """

    columns: tuple[Column, ...]
    middles: Numbers
    spreads: Numbers
    logit: Logit
    by_others: Numbers
    shares: dict[str, float]

    def chances(self, known: Known) -> Numbers:
        """Return how likely pairs (n,) are of one thing."""
        return chances(self.logit.log_odds(_ready(known, self.middles, self.spreads)))

    def parts(self, known: Known) -> dict[str, Numbers]:
        """Return what each field adds to the log odds of pairs (n,); all together are these.

        What is added to every pair is shared out among the fields evenly.
        """
        added = _parts(self.columns, self.logit, _ready(known, self.middles, self.spreads))
        each = self.logit.bias / len(added)
        return {field: part + each for field, part in added.items()}


def learnt(known: Known, same: Mask) -> Learned | None:
    """Learn weights from labels (m,); None where they are few, or tell no more than the score.

    How much weights are held back is chosen by what labels say that were not learnt from, and so is
    whether anything is learnt at all: the alternative is a curve of the score alone.
    """
    if min(int(same.sum()), int((~same).sum())) < LABELS_MIN:
        return None
    values = known.values
    there = ~np.isnan(values)
    many = np.maximum(there.sum(axis=0), 1)
    middles = np.where(there, values, 0.0).sum(axis=0) / many
    away = np.where(there, values - middles, 0.0)
    spreads = np.sqrt((away * away).sum(axis=0) / many)
    spreads[spreads < 1e-6] = np.inf  # what is the same of all pairs says nothing
    ready = _ready(known, middles, spreads)
    costs = np.ones(ready.shape[1])
    costs[0] = SCORE_RIDGE
    told = {ridge: by_others(ready, same, ridge * costs) for ridge in RIDGES}
    best = min(told, key=lambda ridge: surprise(told[ridge], same))
    alone = by_others(ready[:, :1], same, np.array([SCORE_RIDGE]))
    if surprise(told[best], same) >= surprise(alone, same):
        return None
    logit = Logit.fitted(ready, same, best * costs)
    moved = {field: part.std() for field, part in _parts(known.columns, logit, ready).items()}
    total = max(sum(moved.values()), 1e-300)
    shares = {field: float(spread / total) for field, spread in moved.items()}
    return Learned(known.columns, middles, spreads, logit, chances(told[best]), shares)


def _parts(columns: Sequence[Column], logit: Logit, ready: Numbers) -> dict[str, Numbers]:
    """Sum what the columns of each field add to the log odds (n,)."""
    both = (ready * logit.weights).reshape(len(ready), 2, -1).sum(axis=1)
    fields = dict.fromkeys(one.field for one in columns)
    return {field: both[:, [one.field == field for one in columns]].sum(axis=1) for field in fields}


def _ready(known: Known, middles: Numbers, spreads: Numbers) -> Numbers:
    """Return values (n, f) about 0, 0 where missing; and behind them what is missing (n, f)."""
    missing = np.isnan(known.values)
    away = np.where(missing, 0.0, known.values - middles) / spreads
    return np.concatenate([away, missing.astype(np.float64)], axis=1)
