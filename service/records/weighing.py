"""Scores of the records of one table, in which a field that one of two lacks counts for little.

Where most records lack something, the mean over the fields that both have (`scoring`) is too much
for those that share little: two of the same first name, and nothing else known, would score 1, and
single linkage would put everybody together. Here a field that one of the two lacks counts as half
alike: with W the sum of all weights, the score of a pair is

    (sum of w s over the fields that both have + m (W - sum of their w)) / W,    m = 0.5.
"""

from dataclasses import replace

import numpy as np

from index.linking.pairs import Pairs
from service.records.pooling import Pooled
from service.records.scoring import FieldScore, explained, scored

MISSING = 0.5


def weighed(records: Pooled, pairs: Pairs, rerank: float, missing: float = MISSING) -> Pairs:
    """Score pairs of records of one table; those that share nothing are left out.

    Args:
        rerank: what the distance of strings weighs, 0 to 1.
        missing: what a field counts that one of the two lacks, -1 to 1.
    """
    known = scored(records, records, pairs, rerank=rerank)
    scores = known.shared * known.pairs.scores + (1.0 - known.shared) * np.float32(missing)
    return Pairs(known.pairs.left, known.pairs.right, scores.astype(np.float32))


def why_weighed(
    records: Pooled, pairs: Pairs, rerank: float, missing: float = MISSING
) -> list[list[FieldScore]]:
    """Tell field by field why pairs have their scores: the contributions sum to them."""
    total = sum(thing.weight for thing in records.things)
    weight = {thing.name: thing.weight / total for thing in records.things}
    told = []
    for fields in explained(records, records, pairs, rerank=rerank):
        # Of fields of one thing the first stands for it where it is missing.
        absent = {one.field for one in fields if not one.weight} & weight.keys()
        shared = 1.0 - sum(weight[name] for name in absent)
        told.append([_weighed(one, weight, absent, shared, missing) for one in fields])
    return told


def _weighed(
    one: FieldScore, weight: dict[str, float], absent: set[str], shared: float, missing: float
) -> FieldScore:
    if one.field in absent:
        own = weight[one.field]
        return replace(one, contribution=own * missing)  # of weight 0: it says nothing itself
    return replace(one, weight=one.weight * shared, contribution=one.contribution * shared)
