"""Pairs of records: thresholds and groups against what is counted by hand, fields by law."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("rapidfuzz", reason="the train extra is not installed")

from models.training.records.baselines import tf_idf
from models.training.records.matching import (
    People,
    RecordPairs,
    best_threshold,
    f1_at,
    matchings,
    pair_f1,
    people,
    people_figures,
)
from models.training.records.scorers import (
    STRINGS,
    Weighed,
    by_grams,
    pooled,
    whole,
    with_strings,
)

LINE = "COL title VAL {} COL maker VAL {} COL price VAL 3\tCOL title VAL {} COL maker VAL  \t{}\n"
THINGS = ["red lamp", "oak table", "iron kettle", "wool coat", "glass jar", "paper kite"]


def made(path: Path, shift: int) -> None:
    """Write pairs of things: the same with a slip, and others."""
    lines = []
    for place, thing in enumerate(THINGS):
        other = THINGS[(place + shift) % len(THINGS)]
        lines += [LINE.format(thing, "acme", thing[1:], 1), LINE.format(thing, "acme", other, 0)]
    path.write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, parts in (("Structured/Things", "train valid test"), ("Dirty/Few", "train valid")):
        (tmp_path / name).mkdir(parents=True)
        for shift, part in enumerate(parts.split(), 1):
            made(tmp_path / name / f"{part}.txt", shift)
    return tmp_path


def test_the_best_threshold_is_that_of_all_thresholds() -> None:
    draw = np.random.default_rng(3)
    for _ in range(30):
        scores = np.round(draw.random(40), 1).astype(np.float32)
        same = draw.random(40) < scores
        found = f1_at(scores, same, best_threshold(scores, same))
        assert found == max(f1_at(scores, same, one) for one in scores)


def test_f1_is_the_harmonic_mean() -> None:
    scores, same = np.array([0.9, 0.8, 0.7, 0.1], np.float32), np.array([1, 0, 1, 1], bool)
    # Two of three that are taken are right, two of three that are right are taken.
    assert f1_at(scores, same, 0.7) == pytest.approx(2 / 3)


def test_sets_are_read_and_thresholds_chosen_where_it_is_allowed(folder: Path) -> None:
    few, things = matchings(folder)
    assert (few.name, things.name) == ("Few, dirty", "Things")
    assert few.chosen is few.learnt
    assert len({id(part) for part in (things.learnt, things.chosen, things.measured)}) == 3
    assert things.measured.fields == ["title", "maker", "price"]
    assert things.measured.left[0] == {"title": "red lamp", "maker": "acme", "price": "3"}
    assert things.measured.right[0] == {"title": "ed lamp", "maker": ""}
    assert things.measured.texts[0][0] == "red lamp acme 3"
    assert things.measured.same.tolist() == [True, False] * len(THINGS)


def test_fields_that_one_record_lacks_count_for_nothing(folder: Path) -> None:
    measured = matchings(folder)[1].measured
    way = STRINGS["Levenshtein"]
    expected = way(*measured.column("title"))
    np.testing.assert_allclose(pooled(way)(measured), expected)
    assert not np.allclose(whole(way)(measured), expected)
    nothing = RecordPairs([{"a": "x"}], [{"a": ""}], np.array([True]))
    assert pooled(way)(nothing).tolist() == [-1.0]


def test_n_grams_compare_pairs_as_they_compare_all() -> None:
    names = sorted(THINGS)
    np.testing.assert_allclose(by_grams(names, names), 1, atol=1e-6)
    np.testing.assert_allclose(
        by_grams(names, names[::-1]), tf_idf(names, names)[:, ::-1].diagonal(), atol=1e-6
    )
    assert by_grams(["", " "], ["", ""]).tolist() == [0, 0]


def test_strings_count_half(folder: Path) -> None:
    one, other = ["Café", "lamp"], ["cafe", "lump"]
    never = lambda left, right: np.zeros(len(left), np.float32)  # noqa: E731
    np.testing.assert_allclose(with_strings(never)(one, other), [0.5, 0.375])


def test_what_is_alike_is_found_and_learnt_weights_find_it_too(folder: Path) -> None:
    things = matchings(folder)[1]
    for way in STRINGS.values():
        assert pair_f1(whole(way), things) > 0.9
    assert pair_f1(Weighed([STRINGS["Levenshtein"]]).fitted(things.learnt), things) == 1.0


def test_groups_are_linked_by_chains(tmp_path: Path) -> None:
    names = ["anna", "anne", "annie", "boris", "borys", "clara"]
    some = People([{"name": name} for name in names], np.array([0, 0, 0, 1, 1, 2]))
    groups = some.groups(whole(STRINGS["Levenshtein"])(some.pairs), 0.75)
    assert len(set(groups)) == 3
    assert len(set(groups[:3])) == 1
    rows = ["unique_id,name,cluster"]
    for half in (0, 1):
        rows += [
            f"{place},{name},{2 * whose + half}"
            for place, (name, whose) in enumerate(zip(names, some.whose, strict=True))
        ]
    (tmp_path / "people.csv").write_text("\n".join(rows), encoding="utf-8")
    chosen, measured = people(tmp_path / "people.csv")
    assert chosen.records == measured.records == some.records
    f1, index = people_figures(whole(STRINGS["Levenshtein"]), chosen, measured)
    assert index == 1.0
    assert f1 > 0.8
