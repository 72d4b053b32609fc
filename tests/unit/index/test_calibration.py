import math
from fractions import Fraction

import numpy as np
import pytest

from index.binomial import at_most, upper_bound
from index.calibration import (
    Calibration,
    Evidence,
    calibrated,
    conformal_threshold,
    gather,
    platt,
)
from index.chunks import Chunks
from index.errors import RowsInvalid, TooFewImpostors

GENUINE = np.array([0.8, 0.9], np.float32)


@pytest.mark.parametrize("rate", [0.5, 0.1, 0.07, 0.01, 0.003])
def test_the_rule_of_counting_keeps_the_rate_and_no_lower_threshold_does(rate):
    """Of n + 1 exchangeable scores, each is the newcomer equally often: count what passes."""
    scores = np.random.default_rng(0).permutation(1000).astype(np.float32) / 1000
    for n in (math.ceil(1 / rate), 400, 999):
        sample = scores[: n + 1]
        allowed = Fraction(str(rate)) * (n + 1)
        accepted = lower = 0
        for i in range(n + 1):
            rest = np.delete(sample, i)
            threshold, rank = conformal_threshold(rest, rate)
            accepted += bool(sample[i] >= threshold)
            lower += bool(sample[i] >= np.sort(rest)[n - rank - 1] + 1e-6) if rank < n else 1
        assert accepted <= allowed
        assert lower > allowed or lower == n + 1


def test_ties_never_raise_the_rate():
    threshold, _ = conformal_threshold(np.full(99, 0.7, np.float32), 0.5)
    assert np.float32(0.7) < threshold < 0.7001


def test_the_exact_decimal_of_the_rate_counts():
    assert conformal_threshold(np.linspace(0, 1, 99, dtype=np.float32), 0.07)[1] == 7
    assert conformal_threshold(np.linspace(0, 1, 99, dtype=np.float32), 0.29)[1] == 29


def test_too_few_impostors_are_told_with_how_many_it_takes():
    with pytest.raises(TooFewImpostors, match=r"98 impostor.*0\.01.*takes 99.*0\.0101"):
        conformal_threshold(np.zeros(98, np.float32), 0.01)
    conformal_threshold(np.zeros(99, np.float32), 0.01)
    with pytest.raises(TooFewImpostors, match=r"0 impostor.*lowest is 1"):
        conformal_threshold(np.zeros(0, np.float32), 0.01)


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, 1.5, float("nan")])
def test_a_rate_outside_the_open_interval_is_refused(rate):
    with pytest.raises(RowsInvalid, match="false_accept_rate"):
        conformal_threshold(np.zeros(99, np.float32), rate)


@pytest.mark.parametrize(
    ("accepted", "trials", "bound"),
    [  # where the beta quantile has a closed form
        (0, 100, 1 - 0.05 ** (1 / 100)),
        (0, 1, 0.95),
        (49, 50, 0.95 ** (1 / 50)),
        (10, 10, 1.0),
    ],
)
def test_clopper_pearson_where_it_has_a_closed_form(accepted, trials, bound):
    assert upper_bound(accepted, trials) == pytest.approx(bound, abs=1e-12)


@pytest.mark.parametrize(("accepted", "trials"), [(1, 100), (5, 50), (9, 400)])
def test_clopper_pearson_solves_its_equation(accepted, trials):
    p = Fraction(upper_bound(accepted, trials))
    tail = sum(math.comb(trials, i) * p**i * (1 - p) ** (trials - i) for i in range(accepted + 1))
    assert float(tail) == pytest.approx(0.05, abs=1e-9)


def test_the_binomial_sum_is_the_sum():
    direct = sum(math.comb(20, i) * 0.3**i * 0.7 ** (20 - i) for i in range(5))
    assert at_most(4, 20, 0.3) == pytest.approx(direct, rel=1e-12)
    assert at_most(20, 20, 0.3) == pytest.approx(1.0)


def test_evidence_is_the_best_of_others_and_the_best_of_ones_own(unit):
    rows = unit(60)
    codes = (np.arange(60) % 2).astype(np.int32)
    alive = np.arange(60) % 11 != 0
    itself = np.flatnonzero(alive)[::2]
    found = gather(Chunks.of(rows), codes, rows[itself], codes[itself], itself, alive)
    impostors, genuine = [], []
    for i in itself:
        others = [
            float(rows[i].astype(float) @ rows[j])
            for j in range(60)
            if alive[j] and codes[j] != codes[i]
        ]
        same = [
            float(rows[i].astype(float) @ rows[j])
            for j in range(60)
            if alive[j] and codes[j] == codes[i] and j != i
        ]
        impostors.append(max(others))
        genuine.append(max(same))
    np.testing.assert_allclose(found.impostors, impostors, atol=1e-7)
    np.testing.assert_allclose(found.genuine, genuine, atol=1e-7)
    right = [own for own, other in zip(genuine, impostors, strict=True) if own >= other]
    wrong = [other for own, other in zip(genuine, impostors, strict=True) if own < other]
    assert min(len(right), len(wrong)) > 3  # so that the test tells the two apart
    np.testing.assert_allclose(found.right, right, atol=1e-7)
    np.testing.assert_allclose(found.wrong, [*wrong, *impostors], atol=1e-7)


def test_a_query_that_is_nobodys_has_no_genuine_score(unit):
    rows = unit(5)
    codes = np.arange(5, dtype=np.int32)
    own = np.array([-1, 3, -1], np.int32)
    found = gather(Chunks.of(rows), codes, unit(3, seed=1), own)
    assert (len(found.impostors), len(found.genuine)) == (3, 1)
    assert len(found.right) + len(found.wrong) == 3  # as sent, each once
    empty = gather(Chunks.of(rows[:0]), codes[:0], unit(3, seed=1), own)
    assert (len(empty.impostors), len(empty.genuine)) == (0, 0)


def evidence_of(impostors, genuine) -> Evidence:
    """Every genuine score is that of the best hit."""
    return Evidence(impostors, genuine, genuine, impostors)


def test_accepted_is_what_was_found_as_the_best_and_lies_above_the_threshold():
    impostors = np.linspace(0, 0.5, 99, dtype=np.float32)
    genuine = np.array([0.9, 0.8, 0.3, 0.7], np.float32)
    right = genuine[:3]  # another outranked the last
    found = calibrated(
        Evidence(impostors, genuine, right, impostors), 0.05, space="s", seq=3, count=9
    )
    assert found.true_accept_rate == 0.5


def test_the_report_tells_what_the_sample_shows():
    impostors = np.linspace(0, 0.5, 99, dtype=np.float32)
    found = calibrated(evidence_of(impostors, GENUINE), 0.05, space="s", seq=3, count=9)
    assert 0.5 > found.threshold > impostors[-5]
    assert (impostors >= found.threshold).sum() == 4  # one less than floor(0.05 * 100)
    assert found.far_upper == pytest.approx(upper_bound(4, 99))
    assert (found.impostors, found.genuine, found.true_accept_rate) == (99, 2, 1.0)
    assert found.probability_of(0.9) is None  # two genuine scores make no curve
    assert Calibration.from_json(found.to_json()) == found


def test_without_genuine_scores_no_true_accept_rate_is_claimed():
    evidence = evidence_of(np.linspace(0, 0.5, 99, dtype=np.float32), GENUINE[:0])
    assert calibrated(evidence, 0.05, space="s", seq=3, count=9).true_accept_rate is None


def test_staleness_is_a_change_of_more_than_a_fifth():
    evidence = evidence_of(np.linspace(0, 0.5, 99, dtype=np.float32), GENUINE)
    found = calibrated(evidence, 0.05, space="s", seq=3, count=100)
    assert [found.stale(n) for n in (80, 100, 120)] == [False] * 3
    assert [found.stale(n) for n in (79, 121, 0)] == [True] * 3


def test_platt_finds_the_line_that_made_the_labels():
    rng = np.random.default_rng(0)
    scores = rng.uniform(-1, 1, 40_000).astype(np.float32)
    true = rng.random(40_000) < 1 / (1 + np.exp(-(6.0 * scores - 2.0)))
    slope, offset = platt(scores[true], scores[~true])
    assert slope == pytest.approx(6.0, rel=0.05)
    assert offset == pytest.approx(-2.0, rel=0.05)


def test_platt_stays_finite_on_separated_scores_and_refuses_a_falling_line():
    high, low = np.full(30, 0.9, np.float32), np.full(30, 0.1, np.float32)
    slope, offset = platt(high, low)
    assert 1 / (1 + math.exp(-(slope * 0.9 + offset))) == pytest.approx(31 / 32, abs=1e-4)
    assert 1 / (1 + math.exp(-(slope * 0.1 + offset))) == pytest.approx(1 / 32, abs=1e-4)
    assert platt(low, high) is None


@pytest.mark.parametrize("right", [20, 100])
def test_platt_makes_no_curve_where_nothing_was_wrong(right):
    scores = np.random.default_rng(0).uniform(0.5, 1, right).astype(np.float32)
    assert platt(scores, np.empty(0, np.float32)) is None


@pytest.mark.parametrize(("slope", "offset"), [(4.7e6, -2.3e6), (1e300, 0.0)])
def test_a_probability_is_one_however_steep_the_curve(slope, offset):
    steep = Calibration(
        space="s",
        threshold=0.5,
        false_accept_rate=0.01,
        far_upper=0.03,
        impostors=100,
        genuine=100,
        true_accept_rate=1.0,
        slope=slope,
        offset=offset,
        seq=1,
        count=100,
    )
    assert [steep.probability_of(score) for score in (-1.0, 1.0)] == [0.0, 1.0]
