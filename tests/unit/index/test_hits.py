import math

import numpy as np

from index.chunks import Chunks
from index.hits import exact_scores, ranked, rounding_slack


def test_a_score_is_the_rounded_sum_whatever_stands_beside_the_row(unit):
    rows, query = unit(9000, 33), unit(1, 33, seed=1)[0]
    everything = np.arange(len(rows))
    all_at_once = exact_scores(Chunks.of(rows), everything, query)
    for at in (0, 1, 4095, 4096, 8999):
        alone = exact_scores(Chunks.of(rows[at : at + 1].copy()), np.array([0]), query)[0]
        true = math.fsum(float(a) * float(b) for a, b in zip(rows[at], query, strict=True))
        assert all_at_once[at] == alone
        assert abs(float(alone) - true) <= 2**-24


def test_rough_float32_scores_stay_within_half_the_slack(unit):
    rows, query = unit(2000, 384), unit(1, 384, seed=1)[0]
    exact = exact_scores(Chunks.of(rows), np.arange(2000), query)
    assert np.abs(rows @ query - exact).max() <= rounding_slack(384) / 2


def test_scores_do_not_leave_the_range_of_a_cosine():
    row = np.full((1, 3), np.float32(0.57735032), np.float32)  # a little long
    assert exact_scores(Chunks.of(row), np.array([0]), row[0])[0] == 1.0
    assert exact_scores(Chunks.of(row), np.array([0]), -row[0])[0] == -1.0


def test_ties_stand_in_the_order_of_positions():
    scores, positions = ranked(
        np.array([0.5, 0.9, 0.5, 0.9], np.float32), np.array([7, 6, 2, 3]), 3
    )
    assert positions.tolist() == [3, 6, 2]
    assert scores.tolist() == np.array([0.9, 0.9, 0.5], np.float32).tolist()
