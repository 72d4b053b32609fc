"""Pairs of records and groups of them, by each method, as tables."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from models.training.records import splinked
from models.training.records.matching import (
    Matching,
    PairScorer,
    matchings,
    pair_f1,
    people,
    people_figures,
)
from models.training.records.scorers import (
    STRINGS,
    ByEncoder,
    Compared,
    Weighed,
    pooled,
    whole,
    with_strings,
)

ENCODERS = ("minilm", "names")
SLOW = "minilm"  # on all texts of the training parts
PEOPLE = "fake_1000.csv"


def record_lines(records: Path, bundles: Path) -> Iterator[str]:
    """Tell F1 of pairs on each set, and of groups of people F1 and the adjusted Rand index."""
    sets, there = matchings(records), (records / PEOPLE).exists()
    names = [one.name for one in sets] + ["people, F1", "people, ARI"] * there
    yield f"| F1 of pairs | {' | '.join(names)} |"
    yield f"|---|{'---|' * len(names)}"
    halves = people(records / PEOPLE) if there else None
    ways = compared(bundles)
    for name, score in unlabelled(ways).items():
        cells = [f"{pair_f1(score, one):.3f}" for one in sets]
        if halves:
            cells += [f"{figure:.3f}" for figure in people_figures(score, *halves)]
        yield f"| {name} | {' | '.join(cells)} |"
    for name, fit in labelled(ways).items():
        cells = [_told(fit, one) for one in sets]
        if halves and name == "Splink":
            score = splinked.fitted(*(half.pairs for half in halves))
            cells += [f"{figure:.3f}" for figure in people_figures(score, *halves)]
        elif halves:
            cells += ["-", "-"]
        yield f"| {name} | {' | '.join(cells)} |"


def compared(bundles: Path) -> dict[str, Compared]:
    """List what compares two texts."""
    there = [name for name in ENCODERS if (bundles / name).exists()]
    return STRINGS | {name: ByEncoder(bundles / name) for name in there}


def unlabelled(ways: Mapping[str, Compared]) -> dict[str, PairScorer]:
    """List the methods that learn nothing of a set but a threshold."""
    found = {name: whole(way) for name, way in ways.items()}
    for name in ("TF-IDF, n-grams", *ENCODERS):
        if name in ways:
            found[f"{name}, by field"] = pooled(ways[name])
    if "names" in ways:
        found["names and Levenshtein, by field"] = pooled(with_strings(ways["names"]))
    return found


def labelled(ways: Mapping[str, Compared]) -> dict[str, Callable[[Matching], PairScorer]]:
    """List the methods that are fitted to a set."""
    weighed = [way for name, way in ways.items() if name != SLOW]

    def splink(one: Matching) -> PairScorer:
        parts = {id(part): part for part in (one.learnt, one.chosen, one.measured)}
        return splinked.fitted(*parts.values())

    found: dict[str, Callable[[Matching], PairScorer]] = {
        "strings, n-grams and names by field, weighed on train": lambda one: Weighed(
            weighed
        ).fitted(one.learnt)
    }
    return found | ({"Splink": splink} if splinked.is_there() else {})


def _told(fit: Callable[[Matching], PairScorer], one: Matching) -> str:
    try:
        return f"{pair_f1(fit(one), one):.3f}"
    except ValueError:  # of so few pairs no model can be fitted
        return "-"
