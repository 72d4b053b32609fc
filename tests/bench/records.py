"""Labelled pairs of records: F1 by what `evaluate_pairs` learns of other labelled pairs.

By name only. DATA names the folder that holds `records/` with the sets of DeepMatcher. Learnt from
`train` and `valid` together, and measured on `test`; where there is no `test`, learnt from `train`
and measured on `valid`. The threshold is that of the best F1 of the labelled pairs, each told by
what was learnt of the others. Beside it n-grams of all fields in one text, by the same threshold.
"""

import os
from pathlib import Path

import numpy as np

from models.training.records.matching import (
    RecordPairs,
    Scores,
    best_threshold,
    f1_at,
    matchings,
)
from models.training.records.scorers import STRINGS, whole
from service.linking import evaluate_pairs
from tests.bench.figures import Figure

ON_REQUEST = True
GRAMS = "TF-IDF, n-grams"


def figures() -> list[Figure]:
    """Learn and measure each set; and without labels, for the same threshold."""
    made = []
    for one in matchings(Path(os.environ["DATA"]) / "records"):
        learnt = one.learnt if one.chosen is one.learnt else _joined(one.learnt, one.chosen)
        both = _joined(learnt, one.measured)
        same, n = both.same, len(learnt.same)
        labels = [*map(bool, learnt.same), *[None] * len(one.measured.same)]
        pairs = list(zip(both.left, both.right, strict=True))
        ways = {
            "learnt": np.array(evaluate_pairs(pairs, labels=labels), np.float32),
            "as it comes": np.array(evaluate_pairs(pairs), np.float32),
            GRAMS: whole(STRINGS[GRAMS])(both),
        }
        told = ", ".join(
            f"{way} {_f1(s, same, n):.3f}" for way, s in ways.items() if way != "learnt"
        )
        made.append(Figure(f"{one.name}: F1", f"{_f1(ways['learnt'], same, n):.3f}", told))
    return made


def _f1(scores: Scores, same: np.ndarray, n: int) -> float:
    known = np.nan_to_num(scores, nan=-1.0)  # a pair that shares nothing
    return f1_at(known[n:], same[n:], best_threshold(known[:n], same[:n]))


def _joined(one: RecordPairs, other: RecordPairs) -> RecordPairs:
    return RecordPairs(
        [*one.left, *other.left],
        [*one.right, *other.right],
        np.concatenate([one.same, other.same]),
    )
