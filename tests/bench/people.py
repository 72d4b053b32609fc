"""Splink's fake people, deduplicated without a label: ARI and F1 of pairs.

By name only. DATA names the folder that holds `records/fake_1000.csv` of Splink's data sets (MIT).
"""

import os
from pathlib import Path
from typing import cast

import numpy as np
from sklearn.metrics import adjusted_rand_score

from service.linking import _pooled, _run
from service.records.asked import fields_said, schema_for
from service.records.deduping import LINKAGES, DedupeTerms, dedupe
from service.records.tables import read_table
from tests.bench.dedupe import pairs_within
from tests.bench.figures import Figure

ON_REQUEST = True
FIELDS = {
    "as found out": None,
    "all as names": "first_name,surname,dob,city,email",
}
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
        for linkage in LINKAGES:
            found = dedupe(records, DedupeTerms(linkage=linkage))
            both = np.unique(np.stack([found.of, truth]), axis=1, return_inverse=True)[1]
            right, put, true = (pairs_within(one) for one in (both, found.of, truth))
            ari = cast(float, adjusted_rand_score(truth, found.of))
            made.append(
                Figure(
                    f"{what}, {linkage}: ARI", f"{ari:.3f}",
                    f"pairs P {right / put:.3f} R {right / true:.3f} "
                    f"F1 {2 * right / (put + true):.3f} at {found.threshold:.3f}",
                )
            )  # fmt: skip
    return made
