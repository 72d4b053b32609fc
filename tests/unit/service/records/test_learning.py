"""Labels that teach what fields weigh: of two tables, of one, side by side, and from files."""

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from service.linking import cluster, evaluate_pairs, merge
from service.records.compared import TOGETHER
from service.records.labelled import labels_of
from service.records.labels import LabelsInvalid, hashes_of
from service.records.learning import Label
from service.records.linking import Terms, link, why_linked
from service.records.output import Side
from service.records.pooling import pooled
from service.records.schema import Field, Schema
from service.records.tables import Bounds, Table
from tests.lettered import Lettered

SCHEMA = Schema((Field("name", "name"), Field("colour", "name"), Field("year", "number", scale=1)))
COLOURS = ("red", "green", "blue", "white")


def records(n: int, seed: int = 0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Make things and their copies: names with a slip; colours are anybody's, and so are years."""
    draw = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    left, right = [], []
    for number in range(n):
        name = "".join(draw.choice(letters) for _ in range(8))
        place = draw.randrange(8)
        slip = name[:place] + draw.choice(letters) + name[place + 1 :]
        for side, said in ((left, name), (right, slip)):
            colour = None if draw.random() < 0.1 else draw.choice(COLOURS)
            side.append({"id": f"n{number}", "name": said, "colour": colour,
                         "year": draw.randrange(1990, 1993)})  # fmt: skip
    return left, right


def labels(n: int, many: int, seed: int = 1) -> list[Label]:
    draw = random.Random(seed)
    same = [(at, at, True) for at in draw.sample(range(n), many)]
    return [*same, *((at, (at + 1 + draw.randrange(n - 1)) % n, False) for at, _, _ in same)]


def right_of(left: Table, right: Table, **terms: Any) -> float:
    sides = [asyncio.run(pooled(table, SCHEMA, Lettered())) for table in (left, right)]
    found = link(*sides, Terms(k=100, **terms))
    right_ones = (found.pairs.left == found.pairs.right).sum()
    return float(2 * right_ones / (len(found.pairs) + len(left)))


def test_linked_by_weights_that_are_learnt_more_is_right_and_told_why() -> None:
    left, right = (Table.of(side) for side in records(150))
    told = labels(150, 40)
    f1 = right_of(left, right, labels=told)
    assert f1 > 0.9 > right_of(left, right, threshold=0.6) + 0.2
    sides = [asyncio.run(pooled(table, SCHEMA, Lettered())) for table in (left, right)]
    terms = Terms(k=100, labels=told)
    found = link(*sides, terms)
    assert found.taught is not None and found.taught.judge is not None
    assert "weights and threshold are learnt" in found.taught.note()
    why = why_linked(*sides, found.pairs, terms, found.taught)
    for score, fields in zip(found.pairs.scores.tolist(), why, strict=True):
        odds = sum(one.contribution for one in fields)
        assert 1 / (1 + np.exp(-odds)) == pytest.approx(score, abs=1e-4)
        weights = {one.field: one.weight for one in fields}
        assert set(weights) == {"name", "colour", "year", TOGETHER}
        assert weights["name"] > weights["year"]
    # What is promised of the threshold is so.
    assert found.expected is not None
    assert found.expected.f1_low - 0.05 < f1 < found.expected.f1_high + 0.05


def test_few_labels_teach_the_threshold_alone() -> None:
    left, right = (Table.of(side) for side in records(150))
    sides = [asyncio.run(pooled(table, SCHEMA, Lettered())) for table in (left, right)]
    found = link(*sides, Terms(labels=labels(150, 5)))
    assert found.taught is not None and found.taught.judge is None
    assert found.expected is not None and found.threshold == found.expected.threshold
    assert found.taught.note() == "10 labels: the threshold is learnt from them"
    nothing = link(*sides, Terms(threshold=0.5))
    assert nothing.taught is None


def test_the_verbs_learn_too() -> None:
    left, right = records(120)
    said: dict[str, Any] = {"fields": SCHEMA.fields, "encoders": Lettered()}
    rows = merge(left, right, labels=labels(120, 40), k=100, **said)
    assert sum(row["left_id"] == row["right_id"] for row in rows) > 0.9 * len(rows)
    both = [*left, *right]
    told = [(one, other + 120, same) for one, other, same in labels(120, 40)]
    found = [row["cluster"] for row in cluster(both, labels=told, k=100, **said)]
    put = sum(one == other for one, other in zip(found[:120], found[120:], strict=True))
    assert put > 100 and len(set(found)) > 100
    pairs = [(left[one], right[other]) for one, other, _ in labels(120, 60)]
    same = [same for _, _, same in labels(120, 60)]
    half: list[bool | None] = [one if at % 2 else None for at, one in enumerate(same)]
    scores = evaluate_pairs(pairs, labels=half, **said)
    wrong = sum(((score or 0) > 0.5) != one for score, one in zip(scores, same, strict=True))
    assert wrong < 10


def sides_of(left: Table, right: Table) -> tuple[Side, Side]:
    made = [asyncio.run(pooled(table, SCHEMA, Lettered())) for table in (left, right)]
    return Side(left, made[0], "id"), Side(right, made[1], "id")


def test_labels_are_read_from_answers_and_from_tables(tmp_path: Path) -> None:
    left, right = (Table.of(side) for side in records(3))
    sides = sides_of(left, right)
    (tmp_path / "labels.csv").write_text("left,right,same\nn0,n0,1\nn1,n2,no\nn9,n0,1\n", "utf-8")
    assert labels_of(tmp_path / "labels.csv", *sides, Bounds()) == (
        [(0, 0, True), (1, 2, False)],
        1,
    )
    hashes = [hashes_of(table, SCHEMA.names) for table in (left, right)]
    line = {"left": hashes[0][2], "right": hashes[1][1], "answer": "different"}
    (tmp_path / "said.jsonl").write_text(json.dumps(line) + "\n", "utf-8")
    assert labels_of(tmp_path / "said.jsonl", *sides, Bounds()) == ([(2, 1, False)], 0)


@pytest.mark.parametrize(
    ("text", "ids", "said"),
    [
        ("left,right,same\nn0,n0,maybe\n", True, "line 2: `same` is 'maybe'; write 1 or 0"),
        ("left,right,same\nn0,n0,1\n", False, "name the column that holds these by --left-id"),
        ("left,same\nn0,1\n", True, "has no column 'right'"),
    ],
)
def test_labels_that_cannot_be_are_refused(tmp_path: Path, text: str, ids: bool, said: str) -> None:
    left, right = (Table.of(side) for side in records(2))
    one, other = sides_of(left, right)
    if not ids:
        one, other = Side(one.table, one.pooled), Side(other.table, other.pooled)
    (tmp_path / "labels.csv").write_text(text, "utf-8")
    with pytest.raises((LabelsInvalid, ValueError), match=said):
        labels_of(tmp_path / "labels.csv", one, other, Bounds())
