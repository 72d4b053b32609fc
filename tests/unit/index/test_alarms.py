"""The threshold of scans: as many false alarms an hour as were asked for, and no lower one does."""

import io
import json
import math

import numpy as np
import pytest

from index.alarms import Alarms, threshold_of_alarms
from index.binomial import poisson_bound
from index.errors import RowsInvalid, SnapshotCorrupt, TooFewImpostors
from index.snapshot import _head, checked, packed_head

ALARMS = Alarms("s", 0.5, 2.0, 4.7, 1.0, (1.0, 0.5), 0.2, "mean", 3, 30)


@pytest.mark.parametrize(
    ("rate", "hours", "passing"), [(1.0, 2.0, 1), (60.0, 1 / 60, 0), (7.5, 2, 14)]
)
def test_so_many_pass_less_the_one_at_the_edge(rate, hours, passing):
    peaks = np.random.default_rng(0).permutation(500).astype(np.float32) / 500
    threshold, upper = threshold_of_alarms(peaks, hours, rate)
    assert np.count_nonzero(peaks >= threshold) == passing
    assert np.count_nonzero(peaks >= np.nextafter(np.float32(threshold), np.float32(0))) > passing
    assert upper == pytest.approx(poisson_bound(passing, hours))


def test_fewer_peaks_than_may_pass_need_no_threshold():
    assert threshold_of_alarms(np.array([0.1, 0.2], np.float32), 1.0, 3.0)[0] == -1.0


def test_a_short_background_promises_no_low_rate():
    peaks = np.zeros(9, np.float32)
    for hours, rate in ((0.99, 1.0), (0.0, 5.0)):
        with pytest.raises(TooFewImpostors, match="send more background"):
            threshold_of_alarms(peaks, hours, rate)
    for rate in (0.0, -1.0, math.inf, math.nan, 3601.0):
        with pytest.raises(RowsInvalid, match="false_alarms_per_hour"):
            threshold_of_alarms(peaks, 1.0, rate)


def test_the_bound_on_a_rate_is_that_of_poisson():
    for events in (0, 3, 40):
        mean = poisson_bound(events, 2.0) * 2.0
        least = sum(math.exp(-mean) * mean**i / math.factorial(i) for i in range(events + 1))
        assert least == pytest.approx(0.05, abs=1e-6)


def test_it_stays_over_a_restart_and_comes_back_with_a_snapshot(galleries, people, tmp_path):
    gallery, _ = galleries.create("g", space="s", dim=8)
    gallery.enrol(people)
    gallery.keep_alarms(ALARMS)
    file = io.BytesIO()
    galleries.snapshots.take(gallery, file, bytes_max=1 << 20, go_on=lambda: None)
    file.seek(0)
    head = checked(file, lambda: None)
    file.seek(0)
    restored = galleries.snapshots.restore("h", file, head, replace=False, go_on=lambda: None)
    assert restored.alarms() == gallery.alarms() == ALARMS
    galleries.close()
    again = galleries.open(tmp_path)
    assert again.get("g").alarms() == again.get("h").alarms() == ALARMS
    again.close()
    told = json.loads(packed_head(head))
    for wrong in ({"seconds": [0]}, {"seconds": ["1"]}, {"label_score": "max"}, {"space": "t"}):
        bad = told | {"alarms": told["alarms"] | wrong}
        with pytest.raises(SnapshotCorrupt):
            _head(json.dumps(bad).encode())
