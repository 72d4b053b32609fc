"""Splink beside ours: Fellegi and Sunter's model, fitted without labels; needs the package splink.

Source: Linacre et al., "Splink: Free software for probabilistic record linkage at scale", 2022,
which is no part of what is shipped, nor needed to try what is.
"""

import importlib
import importlib.util
import logging
from typing import Any

import numpy as np

from models.training.records.matching import PairScorer, RecordPairs, Scores

LEVELS = (0.92, 0.8)  # of Jaro-Winkler's similarity, beside equality
PAIRS_MAX, SEED = 1e6, 1
SIDES = ("left", "right")
WEAK = 1e-6  # probability that is given to a pair that Splink says nothing of


def is_there() -> bool:
    """Tell whether the package is."""
    return importlib.util.find_spec("splink") is not None


def fitted(*parts: RecordPairs) -> PairScorer:
    """Fit Splink's model to pairs, without labels, and score those very parts by it.

    Raises:
        ValueError: the model cannot be fitted to these pairs.
    """
    left, right = ([one for part in parts for one in getattr(part, side)] for side in SIDES)
    every = RecordPairs(left, right, np.concatenate([part.same for part in parts]))
    found = np.split(_scores(every), np.cumsum([len(part.same) for part in parts])[:-1])
    by_part = {id(part): some for part, some in zip(parts, found, strict=True)}
    return lambda part: by_part[id(part)]


def _scores(pairs: RecordPairs) -> Scores:
    """Score pairs by match weight, the logarithm to base 2 of the odds.

    Each field is compared by Jaro-Winkler at four levels; how often strangers agree is counted on
    random pairs, how often the same do is fitted by expectation maximisation.
    """
    library, backend, levels = (
        importlib.import_module(name)
        for name in ("splink", "splink.backends.duckdb", "splink.comparison_library")
    )
    logging.getLogger("splink").setLevel(logging.ERROR)
    fields = [name for name in pairs.fields if _says_something(pairs, name)]
    settings = library.SettingsCreator(
        link_type="link_only",
        comparisons=[levels.JaroWinklerAtThresholds(name, list(LEVELS)) for name in fields],
        blocking_rules_to_generate_predictions=[library.block_on("pair")],
        retain_matching_columns=False,
        additional_columns_to_retain=["pair"],
    )
    base = backend.DuckDBAPI()
    sides = [
        base.register(_table(pairs, fields, side), dataset_display_name=f"{name}_side")
        for side, name in enumerate(SIDES)
    ]
    linker = library.Linker(sides, settings, log_level=logging.ERROR)
    linker.training.estimate_u_using_random_sampling(max_pairs=PAIRS_MAX, seed=SEED)
    linker.training.estimate_parameters_using_expectation_maximisation(
        library.block_on("pair"), record_sample_proportion=1.0
    )
    told = linker.inference.predict().as_record_list()
    found = np.full(len(pairs.same), np.log2(WEAK), np.float32)
    for row in told:
        found[int(row["pair_l"])] = row["match_weight"]
    return found


def _says_something(pairs: RecordPairs, field: str) -> bool:
    """Tell whether a field has two values or more on either side."""
    return all(len(set(side) - {""}) > 1 for side in pairs.column(field))


def _table(pairs: RecordPairs, fields: list[str], side: int) -> Any:
    arrow = importlib.import_module("pyarrow")
    numbers = list(range(len(pairs.same)))
    columns: dict[str, list[Any]] = {"unique_id": numbers, "pair": numbers}
    for field in fields:
        columns[field] = [value or None for value in pairs.column(field)[side]]
    return arrow.table(columns)
