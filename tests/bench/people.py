"""Splink's fake people, deduplicated without a label and with some: ARI and F1 of pairs.

By name only. DATA names the folder that holds `records/fake_1000.csv` of Splink's data sets (MIT).
"""

import os
from pathlib import Path
from typing import cast

import numpy as np
from sklearn.metrics import adjusted_rand_score

from index.linking.asking import Asking
from service.linking import _pooled, _run
from service.records.asked import fields_said, schema_for
from service.records.deduping import (
    LINKAGES,
    DedupeTerms,
    candidates_of,
    dedupe,
    first_alike,
)
from service.records.learning import Label
from service.records.pooling import Pooled
from service.records.tables import read_table
from tests.bench.dedupe import pairs_within
from tests.bench.figures import Figure

ON_REQUEST = True
FIELDS = {
    "as found out": None,
    "all as names": "first_name,surname,dob,city,email",
}
LABELS = (80, 160)
COLUMNS = ["first_name", "surname", "dob", "city", "email"]


def figures() -> list[Figure]:
    """Deduplicate by each linkage, at the threshold that the scores tell."""
    table = read_table(Path(os.environ["DATA"]) / "records" / "fake_1000.csv")
    truth = np.unique(np.array(table.columns["cluster"]), return_inverse=True)[1]
    made = []
    for what, said in FIELDS.items():
        schema = (
            schema_for([table], on=COLUMNS) if said is None
            else schema_for([table], fields=fields_said(said))
        ).schema  # fmt: skip
        records = _run(_pooled(table, schema, None))
        ways = {linkage: DedupeTerms(linkage=linkage) for linkage in LINKAGES}
        for many in LABELS:
            ways[f"average, {many} labels"] = DedupeTerms(labels=asked(records, truth, many))
        for way, terms in ways.items():
            found = dedupe(records, terms)
            both = np.unique(np.stack([found.of, truth]), axis=1, return_inverse=True)[1]
            right, put, true = (pairs_within(one) for one in (both, found.of, truth))
            ari = cast(float, adjusted_rand_score(truth, found.of))
            made.append(
                Figure(
                    f"{what}, {way}: ARI", f"{ari:.3f}",
                    f"pairs P {right / put:.3f} R {right / true:.3f} "
                    f"F1 {2 * right / (put + true):.3f} at {found.threshold:.3f}",
                )
            )  # fmt: skip
    return made


def asked(records: Pooled, truth: np.ndarray, many: int) -> list[Label]:
    """Answer so many questions of `dedupe label` as the truth has it."""
    pairs, _ = candidates_of(records, first_alike(records), DedupeTerms())
    same = truth[pairs.left] == truth[pairs.right]
    asking = Asking(pairs)
    while len(asking.labels) < many:
        pair = asking.next()
        assert pair is not None
        asking.answer(pair, bool(same[pair]))
    return [
        (int(pairs.left[at]), int(pairs.right[at]), is_so) for at, is_so in asking.labels.items()
    ]
