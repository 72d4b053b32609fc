"""What is learnt from labels, against what it must be: slopes of zero, sums, plain loops."""

import math
from collections import Counter

import numpy as np
import pytest

from index.errors import RowsInvalid
from index.linking.grams import Grams
from index.linking.learned import Column, Known, learnt
from index.linking.logit import Logit, by_others, chances, surprise
from index.linking.texts import FIRST, LETTERS, RARE, WORDS, Texts

TEXTS = ["acme", "acme ltd", "zeta et fils", "zeta", "a 1b", ""]


def counted(text: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for word in text.split():
        edged = f" {word} "
        for n in (2, 3, 4):
            found.update(edged[at : at + n] for at in range(len(edged) + 1 - n))
    return found


def test_cosines_of_grams_are_those_of_plain_loops() -> None:
    counts = [counted(text) for text in TEXTS]
    rare = Counter(gram for one in counts for gram in one)
    rows = [
        {g: (1 + math.log(c)) * (1 + math.log(7 / (1 + rare[g]))) for g, c in one.items()}
        for one in counts
    ]
    at, other = (side.ravel() for side in np.indices((6, 6)))
    found = Grams.of(TEXTS).cosines(at, other).reshape(6, 6)
    for i, one in enumerate(rows):
        for j, two in enumerate(rows):
            product = sum(weight * two.get(gram, 0.0) for gram, weight in one.items())
            norms = math.prod(math.sqrt(sum(w * w for w in row.values())) for row in (one, two))
            assert found[i, j] == pytest.approx(product / norms if norms else 0.0, abs=1e-6)
    assert Grams.of([]).cosines(at[:0], other[:0]).shape == (0,)


def drawn(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(seed)
    features = chance.normal(size=(n, 3))
    odds = 2.0 * features[:, 0] - features[:, 1] + 0.5
    return features, chance.random(n) < chances(odds)


def test_at_the_weights_found_the_loss_is_flat() -> None:
    features, same = drawn()
    ridge = np.array([1.0, 5.0, 1.0])
    found = Logit.fitted(features, same, ridge)
    off = chances(found.log_odds(features)) - same
    assert features.T @ off + ridge * found.weights == pytest.approx(np.zeros(3), abs=1e-3)
    assert off.sum() == pytest.approx(0.0, abs=1e-3)  # on the whole as many as there are
    assert found.weights[0] > 1.2 and abs(found.weights[2]) < 0.3


def test_labels_that_a_feature_parts_wholly_are_borne_by_the_ridge() -> None:
    features = np.linspace(-1, 1, 50)[:, None]
    found = Logit.fitted(features, features[:, 0] > 0, np.array([0.1]))
    assert 5 < found.weights[0] < 100
    with pytest.raises(RowsInvalid, match="some of either kind"):
        Logit.fitted(features, np.ones(50, np.bool_), np.array([1.0]))


def test_each_label_is_told_by_others() -> None:
    features, same = drawn(200, seed=1)
    noise = np.random.default_rng(2).normal(size=(200, 60))
    light = np.full(60, 1e-3)
    fitted = Logit.fitted(noise, same, light).log_odds(noise)
    assert surprise(fitted, same) < 0.6  # what was learnt by heart
    assert surprise(by_others(noise, same, light), same) > 0.69  # says nothing of others
    assert surprise(by_others(features, same, np.ones(3)), same) < 0.6
    with pytest.raises(RowsInvalid, match="two at least"):
        by_others(features[:5], np.array([True] + [False] * 4), np.ones(3))


COLUMNS = (Column("whole", "score"), Column("name", "alike"), Column("city", "alike"))


def known(n: int, seed: int = 0) -> tuple[Known, np.ndarray]:
    """Make pairs of which the name tells all, the city nothing, and the score is the mean."""
    chance = np.random.default_rng(seed)
    same = chance.random(n) < 0.4
    name = 0.5 + 0.2 * same + 0.1 * chance.normal(size=n)
    city = chance.random(n)
    city[::7] = np.nan
    mean = np.where(np.isnan(city), name, (name + city) / 2)
    return Known(COLUMNS, np.stack([mean, name, city], axis=1)), same


def test_what_tells_weighs_and_what_does_not_does_not() -> None:
    pairs, same = known(300)
    found = learnt(pairs, same)
    assert found is not None
    assert sum(found.shares.values()) == pytest.approx(1.0)
    assert found.shares["name"] > 3 * found.shares["city"]
    others, truth = known(2000, seed=1)
    odds = np.log(found.chances(others) / (1 - found.chances(others)))
    assert sum(found.parts(others).values()) == pytest.approx(odds, abs=1e-6)
    right = (found.chances(others) > 0.5) == truth
    assert right.mean() > ((others.values[:, 0] > 0.6) == truth).mean() + 0.05
    # Chances are what they say: of pairs told so likely, so many are of one thing.
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        some = (found.chances(others) >= low) & (found.chances(others) < low + 0.2)
        assert truth[some].mean() == pytest.approx(found.chances(others)[some].mean(), abs=0.1)


def test_few_labels_and_labels_that_tell_no_more_than_the_score_teach_no_weights() -> None:
    pairs, same = known(40)
    assert learnt(pairs, same) is None
    chance = np.random.default_rng(3)
    score = chance.random(400)
    noise = Known(COLUMNS, np.stack([score, *chance.random((2, 400))], axis=1))
    told = learnt(noise, chance.random(400) < score)
    assert told is None or told.shares["whole"] > 0.8


def test_texts_are_compared_in_every_way_and_missing_ones_in_none() -> None:
    texts = Texts.of(["acme ltd", "zeta", None], ["ltd acme", "", "zeta"])
    found = texts.compared(np.array([0, 1, 2, 1]), np.array([0, 1, 2, 2]))
    assert np.isnan(found[LETTERS]).tolist() == [False, True, True, False]
    assert found[WORDS][0] == 1.0 and found[LETTERS][0] < 0.5
    assert found[RARE][0] == pytest.approx(1.0)
    assert all(found[way][3] == pytest.approx(1.0) for way in (LETTERS, FIRST, WORDS, RARE))
