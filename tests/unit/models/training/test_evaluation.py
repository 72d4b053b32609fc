"""Figures against plain counting."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.evaluation import (
    Told,
    Trial,
    auc,
    recall,
    scores_of,
    strangers,
    told_at,
    verification,
)


@pytest.mark.parametrize("seed", range(5))
def test_recall_is_what_a_sorted_list_tells(seed: int) -> None:
    draw = np.random.default_rng(seed)
    scores = draw.random((30, 9)).astype(np.float32)
    truth = draw.integers(9, size=30).tolist()
    for k in (1, 3, 9):
        hits = sum(t in np.argsort(-row)[:k] for row, t in zip(scores, truth, strict=True))
        assert recall(scores, truth, k) == pytest.approx(hits / 30)


def test_a_score_that_a_stranger_shares_is_no_hit() -> None:
    assert recall(np.ones((4, 3), np.float32), [0, 1, 2, 0], 1) == 0
    assert recall(np.ones((4, 3), np.float32), [0, 1, 2, 0], 3) == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_area_is_the_share_of_pairs_in_order(seed: int) -> None:
    draw = np.random.default_rng(seed)
    positives = draw.integers(6, size=20).astype(np.float32)  # with ties
    negatives = draw.integers(5, size=30).astype(np.float32)
    wins = [(p > n) + (p == n) / 2 for p in positives for n in negatives]
    assert auc(positives, negatives) == pytest.approx(np.mean(wins))


def test_all_pairs_are_verified() -> None:
    scores = np.array([[0.9, 0.2, 0.1], [0.3, 0.25, 0.0]], np.float32)
    assert verification(scores, [0, 1]) == pytest.approx(7 / 8)


def test_what_is_named_at_a_false_accept_rate() -> None:
    unknown = np.array([[0.1], [0.2], [0.3], [0.4], [0.5]], np.float32)
    scores = np.array([[0.45], [0.2]], np.float32)
    assert told_at(scores, [0, 0], unknown, 0.25) == Told(right=0.5, wrong=0, unknown=0.5)
    assert told_at(scores, [0, 0], unknown, 0.0) == Told(right=0, wrong=0, unknown=1)


def test_a_stranger_is_a_query_without_its_reference() -> None:
    scores = np.array([[0.9, 0.1], [0.6, 0.5], [0.2, 0.7]], np.float32)
    unknown = strangers(scores, [0, 1, 1])
    assert unknown.max(1).tolist() == pytest.approx([0.1, 0.6, 0.2])
    assert scores[0, 0] == np.float32(0.9)
    assert told_at(scores, [0, 1, 1], unknown, 0.0) == Told(2 / 3, 1 / 3, 0)


def test_scores_are_inner_products_of_what_is_embedded() -> None:
    rows = {b"a": [1.0, 0.0], b"b": [0.0, 1.0], b"q": [0.6, 0.8]}
    trial = Trial([b"a", b"b"], [b"q"], [1])
    found = scores_of(trial, lambda items: np.array([rows[i] for i in items], np.float32))
    assert found.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)]]
