"""Pooled rows and scores of records, against the sums that the pages state."""

import asyncio
import math
from typing import Any

import numpy as np
import pytest

from index.hits import pair_scores
from index.linking.pairs import Pairs
from service.errors import SchemaInvalid
from service.records.pooling import Pooled, pooled
from service.records.schema import Field, Schema
from service.records.scoring import explained, scored, similarities
from service.records.tables import Table
from service.records.values import features, likeness
from tests.lettered import Lettered, lettered

Record = dict[str, Any]


def made(records: list[Record], schema: Schema, encoders: Lettered | None = None) -> Pooled:
    table = Table.of([dict.fromkeys(schema.names) | one for one in records])
    return asyncio.run(pooled(table, schema, encoders or Lettered()))


def every_pair(left: Pooled, right: Pooled) -> Pairs:
    at, other = np.indices((left.n, right.n)).reshape(2, -1)
    return Pairs.of(at, other, np.zeros(len(at)))


NAME, CITY = Field("name", "name", 3.0), Field("city", "text", 1.0)
PRICE = Field("price", "number", 2.0, scale=10.0)


def test_a_score_is_the_weighted_mean_over_what_both_have() -> None:
    schema = Schema((NAME, CITY, PRICE))
    left = made([{"name": "Acme", "city": "Oslo", "price": 10}], schema)
    right = made(
        [
            {"name": "Acne", "city": "Oslo", "price": "20"},
            {"name": "Acne", "price": 20},
            {"city": "Bergen"},
            {"name": " "},
        ],
        schema,
    )
    found = scored(left, right, every_pair(left, right))
    name = float(lettered("Acme", "letters") @ lettered("Acne", "letters"))
    city = float(lettered("Oslo", "sentences") @ lettered("Bergen", "sentences"))
    price = math.exp(-0.5)
    assert found.pairs.right.tolist() == [0, 1, 2]  # the last has nothing, and no score
    assert found.pairs.scores == pytest.approx(
        [(3 * name + 1 + 2 * price) / 6, (3 * name + 2 * price) / 5, city], abs=1e-5
    )
    assert found.shared == pytest.approx([1.0, 5 / 6, 1 / 6])
    some = scored(left, right, every_pair(left, right), shared_min=0.5)
    assert some.pairs.right.tolist() == [0, 1]


def test_where_nothing_is_missing_the_rows_inner_product_is_the_score() -> None:
    schema = Schema((NAME, CITY))
    left = made([{"name": "Acme", "city": "Oslo"}, {"name": "Zeta", "city": "Rome"}], schema)
    right = made([{"name": "Acne", "city": "Osla"}, {"name": "Beta", "city": "Roma"}], schema)
    rows, at = left.rows()
    others, _ = right.rows()
    assert np.linalg.norm(rows, axis=1) == pytest.approx([1, 1], abs=1e-6)
    assert at.tolist() == [0, 1]
    found = scored(left, right, every_pair(left, right))
    assert (rows @ others.T).ravel() == pytest.approx(found.pairs.scores, abs=1e-5)


def test_a_number_counts_in_the_rows_nearly_as_in_the_score() -> None:
    schema = Schema((NAME, PRICE))
    left = made([{"name": "Acme", "price": 10}], schema)
    right = made([{"name": "Acne", "price": p} for p in (10, 12, 25, 60, 120)], schema)
    found = scored(left, right, every_pair(left, right))
    products = pair_scores(right.rows()[0], left.rows()[0][0])
    assert products == pytest.approx(found.pairs.scores, abs=0.005)


def test_values_rows_have_their_likeness_as_inner_product() -> None:
    values = np.linspace(-1e4, -1e4 + 65, 200)  # 13 scales wide
    rows = features(values, 5.0)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)
    wanted = likeness(values[:, None], values[None, :], 5.0)
    assert np.abs(rows @ rows.T - wanted).max() < 0.005
    assert not features(np.array([np.nan]), 1.0).any()


def test_a_name_and_its_picture_are_pooled_with_their_weights_and_one_may_be_missing() -> None:
    schema = Schema((Field("name", "name", 1.0), Field("scan", "image", 3.0, of="name"), CITY))
    both = made([{"name": "Acme", "scan": "Axme", "city": "Oslo"}], schema)
    one = made([{"name": "Acme"}, {"scan": "Axme"}], schema)
    name, scan = lettered("Acme", "letters"), lettered("Axme", "letters")
    z = name + 3 * scan
    z /= np.linalg.norm(z)
    assert both.things[0].rows[0] == pytest.approx(z, abs=1e-6)
    found = scored(both, one, every_pair(both, one))
    # What only shows and what is only named meet in one space.
    assert found.pairs.scores == pytest.approx([z @ name, z @ scan], abs=1e-6)
    assert found.shared == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("rerank", [0.0, 0.3, 1.0])
def test_the_contributions_of_the_fields_sum_to_the_score(rerank: float) -> None:
    schema = Schema((NAME, Field("scan", "image", 2.0, of="name"), CITY, PRICE))
    left = made(
        [
            {"name": "Acme", "scan": "Axme", "city": "Oslo", "price": 3},
            {"scan": "Zeta", "price": 9},
            {"name": "Beta"},
        ],
        schema,
    )
    right = made(
        [{"name": "Acne", "scan": "Acme", "price": 5}, {"name": "Zetta", "city": "Rom"}], schema
    )
    found = scored(left, right, every_pair(left, right), rerank=rerank)
    assert len(found.pairs) == 6
    for fields, score in zip(
        explained(left, right, found.pairs, rerank=rerank), found.pairs.scores, strict=True
    ):
        assert sum(one.contribution for one in fields) == pytest.approx(float(score), abs=1e-6)
        assert [one.field for one in fields] == ["name", "scan", "city", "price"]
    fields = explained(left, right, found.pairs, rerank=rerank)[0]
    assert fields[2].score is None
    assert fields[2].contribution == 0 == fields[2].weight
    assert fields[3].weight == pytest.approx(2 / 5)


def test_strings_count_by_their_weight_where_both_have_texts() -> None:
    schema = Schema((NAME, Field("scan", "image", 1.0, of="name")))
    left = made([{"name": "ACME, Inc"}, {"scan": "Acme Inc"}], schema)
    right = made([{"name": "acme in"}], schema)
    pairs = every_pair(left, right)
    plain, ranked = (scored(left, right, pairs, rerank=r).pairs.scores for r in (0.0, 0.4))
    assert ranked[0] == pytest.approx(0.6 * plain[0] + 0.4 * 7 / 8, abs=1e-6)
    assert ranked[1] == plain[1]
    assert similarities([""], [""]).tolist() == [1.0]


def test_each_different_value_is_embedded_once_and_short_ones_first() -> None:
    encoders = Lettered()
    records = [{"name": "Longer name"}, {"name": "Acme"}, {"name": " Acme"}, {"name": None}]
    found = made(records, Schema((NAME,)), encoders)
    assert encoders.asked == [("names", [{"text": "Acme"}, {"text": "Longer name"}])]
    assert (found.things[0].at >= 0).tolist() == [True, True, True, False]
    assert found.rows()[1].tolist() == [0, 1, 2]


def test_cells_that_cannot_be_read_are_told_and_count_as_missing() -> None:
    day = Field("day", "date", scale=10)
    vector = Field("vector", "vector")
    found = made(
        [
            {"name": "...", "price": "12 kg", "day": "2020-13-45", "vector": [1.0, 0.0]},
            {"name": "Acme", "price": "1,200.5", "day": "2020-02-29", "vector": [0.0, 0.0]},
            {"vector": [1.0]},
            {"vector": "no"},
        ],
        Schema((NAME, PRICE, day, vector)),
    )
    assert set(found.wrong) == {
        (0, "name"), (0, "price"), (0, "day"), (1, "vector"), (2, "vector"), (3, "vector")
    }  # fmt: skip
    assert found.wrong[0, "price"] == "'12 kg' is no number"
    assert found.things[1].values is not None
    assert found.things[1].values[1] == 1200.5


def test_what_lies_in_two_spaces_cannot_be_pooled() -> None:
    schema = Schema((NAME, Field("scan", "image", of="name", encoder="minilm")))
    with pytest.raises(SchemaInvalid, match="lie in the spaces letters, sentences"):
        made([{"name": "Acme", "scan": "Acme"}], schema)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ((), "0 fields"),
        ((NAME, NAME), "named twice"),
        ((Field("a", "name", 0.0),), "weight 0.0"),
        ((Field("a", "name", math.nan),), "weight nan"),
        ((Field("a", "number", scale=-1.0),), "scale -1.0"),
        ((Field("a", "name", scale=1.0),), "has no scale"),
        ((Field("a", "date", encoder="names"),), "no encoder embeds"),
        ((Field("a", "image", of="b"),), "no other field"),
        ((NAME, Field("b", "image", of="name"), Field("c", "image", of="b")), "name that one"),
        ((PRICE, Field("b", "image", of="price")), "only names, texts and images"),
    ],
)
def test_a_schema_that_means_nothing_is_refused(fields: tuple[Field, ...], words: str) -> None:
    with pytest.raises(SchemaInvalid, match=words):
        Schema(fields)
