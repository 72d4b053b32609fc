"""Deduplication of records: what is put together, at what threshold, and what is told of it."""

import asyncio
import random
from typing import Any

import numpy as np
import pytest

from index.errors import ScoresInseparable
from service.records.deduping import DedupeTerms, dedupe, first_alike
from service.records.golden import chosen
from service.records.pooling import Pooled, pooled
from service.records.schema import Field, Schema
from service.records.tables import Table
from tests.lettered import Lettered

NAME = Schema((Field("name", "name"),))


def made(records: list[dict[str, Any]], schema: Schema = NAME) -> Pooled:
    return asyncio.run(pooled(Table.of(records), schema, Lettered()))


def names(*texts: str | None) -> list[dict[str, Any]]:
    return [{"name": text} for text in texts]


def groups(of: np.ndarray) -> list[list[int]]:
    return [np.flatnonzero(of == one).tolist() for one in range(of.max() + 1)]


def test_what_is_spelt_nearly_alike_is_put_together() -> None:
    records = made(names("Acme Limited", "Bolt", "Acme Limted", "Zephyr Inc", "Zephyr Inc"))
    found = dedupe(records, DedupeTerms(threshold=0.7))
    assert groups(found.of) == [[0, 2], [1], [3, 4]]
    assert [(one.members, one.weakest.left) for one in found.clusters] == [([0, 2], 0), ([3, 4], 3)]
    assert list(zip(found.pairs.left, found.pairs.right, strict=True)) == [(0, 2), (3, 4)]
    assert found.pairs.scores[1] == 1.0
    assert found.pairs.scores[0] == pytest.approx(found.clusters[0].diameter.score)


def test_more_copies_than_candidates_are_one_by_both_linkages() -> None:
    texts = ["Acme Limited"] * 40 + ["Zephyr"] * 30 + ["Acme Limitd"]
    for linkage in ("single", "average"):
        terms = DedupeTerms(k=3, threshold=0.7, linkage=linkage)  # type: ignore[arg-type]
        found = dedupe(made(names(*texts)), terms)
        assert [len(one) for one in groups(found.of)] == [41, 30]
        assert len(found.clusters[0].chain) <= 2


def test_records_that_have_nothing_stay_alone() -> None:
    found = dedupe(made(names("Acme", None, "", "Acme", None)), DedupeTerms(threshold=0.5))
    assert groups(found.of) == [[0, 3], [1], [2], [4]]


def test_a_table_of_one_record_and_of_nothing() -> None:
    assert groups(dedupe(made(names("Acme")), DedupeTerms(threshold=0.5)).of) == [[0]]
    assert groups(dedupe(made(names(None)), DedupeTerms()).of) == [[0]]


def test_what_reads_the_same_is_told_over_all_fields() -> None:
    schema = Schema((Field("name", "name"), Field("year", "number", scale=1.0)))
    rows = [("A", 1), ("A", 2), ("A", 1), ("A", None), ("A", None), (None, None), (None, None)]
    records = made([{"name": name, "year": year} for name, year in rows], schema)
    assert first_alike(records).tolist() == [0, 1, 0, 3, 3, 5, 6]


def test_a_chain_is_cut_at_its_bound_and_told() -> None:
    texts = ["abcdefgh", "abcdefgx", "abcdefxx", "abcdexxx", "abcdxxxx"]
    free = dedupe(made(names(*texts)), DedupeTerms(threshold=0.6, linkage="single"))
    assert groups(free.of) == [[0, 1, 2, 3, 4]]
    (cluster,) = free.clusters
    assert {cluster.diameter.left, cluster.diameter.right} == {0, 4}
    assert cluster.diameter.score < 0.6  # that is what single linkage does
    assert len(cluster.chain) == 4
    bound = dedupe(made(names(*texts)), DedupeTerms(threshold=0.6, linkage="single", members_max=3))
    assert max(map(len, groups(bound.of))) <= 3
    average = dedupe(made(names(*texts)), DedupeTerms(threshold=0.6, linkage="average"))
    assert max(map(len, groups(average.of))) < 5


def people(count: int, copies: int) -> tuple[list[dict[str, Any]], list[int]]:
    """Names of eight random letters, some of them again with one letter changed."""
    draw = random.Random(1)
    texts = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for _ in range(count)]
    owners = list(range(count))
    for owner in range(copies):
        place = draw.randrange(12)
        text = texts[owner]
        texts.append(text[:place] + draw.choice("aeiou") + text[place + 1 :])
        owners.append(owner)
    return names(*texts), owners


def test_the_threshold_is_found_without_being_told() -> None:
    records, owners = people(300, 80)
    found = dedupe(made(records), DedupeTerms())
    assert found.expected is not None and found.probabilities is not None
    pairs = list(zip(found.pairs.left.tolist(), found.pairs.right.tolist(), strict=True))
    right = sum(owners[one] == owners[other] for one, other in pairs)
    assert right >= 75 and right >= 0.95 * len(pairs)
    assert found.expected.low <= found.threshold <= found.expected.high


def test_strangers_alone_are_refused_unless_a_threshold_is_told() -> None:
    records, _ = people(300, 0)
    with pytest.raises(ScoresInseparable, match="give a threshold"):
        dedupe(made(records), DedupeTerms())
    told = dedupe(made(records), DedupeTerms(threshold=0.9))
    assert told.expected is None and len(told.clusters) == 0


def test_labels_tell_a_threshold_where_scores_alone_do_not() -> None:
    records, owners = people(300, 3)
    with pytest.raises(ScoresInseparable):
        dedupe(made(records), DedupeTerms())
    labels = [(owner, 300 + owner, True) for owner in range(3)]
    labels += [(one, one + 1, False) for one in range(5, 40)]
    found = dedupe(made(records), DedupeTerms(labels=labels))
    assert found.expected is not None
    assert {tuple(one.members) for one in found.clusters} >= {(0, 300), (1, 301), (2, 302)}
    assert len(found.clusters) < 10
    assert owners[300] == 0


def test_a_false_match_rate_is_kept_by_a_higher_threshold() -> None:
    records, _ = people(300, 80)
    best = dedupe(made(records), DedupeTerms())
    strict = dedupe(made(records), DedupeTerms(false_match_rate=0.001))
    assert strict.threshold >= best.threshold - 0.05
    assert strict.expected is not None and strict.expected.precision_low >= 0.999


@pytest.mark.parametrize(
    ("cells", "medoid", "value", "row", "why"),
    [
        (["a", None, "A "], 0, "a", 0, "only"),
        (["Rob", "Robert", "rob"], 1, "Rob", 0, "most frequent"),
        (["Ann", "Anne"], 0, "Anne", 1, "longest"),
        (["Anna", "Hanz", "Otto"], 2, "Otto", 2, "medoid"),
        (["Anna", "Hanz", "x"], 2, "Anna", 0, "first"),
        ([None, "", "  "], 0, None, None, ""),
        ([3, 3, 12], 2, 3, 0, "most frequent"),
    ],
)
def test_the_golden_value_is_by_the_rule(
    cells: list[Any], medoid: int, value: Any, row: int | None, why: str
) -> None:
    found = chosen(cells, range(len(cells)), medoid)
    assert (found.value, found.row, found.why) == (value, row, why)
