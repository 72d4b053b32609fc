"""Labels scored by the mean of their exemplars: against the definition, and what stands with it."""

import io
import json

import numpy as np
import pytest

from index.calibration import calibrated, gather
from index.chunks import Chunks
from index.errors import GalleryExists, RowsInvalid, SnapshotCorrupt
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.hits import pair_scores
from index.snapshot import _head, checked, packed_head


def by_definition(people, query, k, wanted=lambda one: True):
    """Return the best labels, each as nearest id, name and mean, the highest first."""
    groups: dict[str, list[Exemplar]] = {}
    for one in people:
        if wanted(one):
            groups.setdefault(one.label or one.id, []).append(one)
    told = []
    for name, some in groups.items():
        rows = np.stack([one.vector for one in some])
        scores = pair_scores(rows, query)
        mean = np.float32(np.mean(scores.astype(np.float64)))
        told.append((some[int(np.argmax(scores))].id, name, float(mean)))
    return sorted(told, key=lambda one: -one[2])[:k]


def told(gallery, query, k, **how):
    (hits,) = gallery.search([query], k, group_by_label=True, **how).hits
    return [(hit.id, hit.label or hit.id, hit.score) for hit in hits]


def same(found, expected):
    assert [one[:2] for one in found] == [one[:2] for one in expected]
    np.testing.assert_allclose([one[2] for one in found], [one[2] for one in expected], atol=1e-7)


def test_it_is_the_mean_of_all_that_a_label_has(galleries, people, unit):
    gallery, _ = galleries.create("g", space="s", dim=8)
    gallery.enrol(people)
    for query in unit(20, seed=1):
        same(told(gallery, query, 6, label_score="mean"), by_definition(people, query, 6))
        same(told(gallery, query, 2, label_score="mean"), by_definition(people, query, 2))
        some = {"filter": {"payload.n": {"lt": 12}}, "label_score": "mean"}
        expected = by_definition(people, query, 9, lambda one: one.payload["n"] < 12)
        same(told(gallery, query, 9, **some), expected)
        line = expected[2][2] - 1e-6
        same(told(gallery, query, 9, threshold=line, **some), expected[:3])
    gallery.remove([f"e{n}" for n in range(0, 25, 2)])
    stay = [one for one in people if one.payload["n"] % 2 or one.payload["n"] > 24]
    (query,) = unit(1, seed=2)
    same(told(gallery, query, 6, label_score="mean"), by_definition(stay, query, 6))
    gallery.remove([one.id for one in people])
    assert told(gallery, query, 6, label_score="mean") == []


def test_labels_of_one_mean_stand_in_the_order_of_their_rows(galleries):
    gallery, _ = galleries.create("g", space="s", dim=2)
    rows = {"b1": (1, 0), "a1": (0, 1), "b2": (0, 1), "a2": (1, 0)}
    gallery.enrol([Exemplar(one, np.array(row, np.float32), one[0]) for one, row in rows.items()])
    query = np.array([0.6, 0.8], np.float32)
    found = told(gallery, query, 2, label_score="mean")
    assert [one[:2] for one in found] == [("a1", "a"), ("b2", "b")]
    assert found[0][2] == found[1][2] == pytest.approx(0.7)


def test_a_gallery_keeps_its_way_and_a_question_may_ask_for_the_other(
    galleries, people, unit, tmp_path
):
    gallery, _ = galleries.create("g", space="s", dim=8, label_score="mean")
    gallery.enrol(people)
    (query,) = unit(1, seed=1)
    means = told(gallery, query, 4)
    same(means, by_definition(people, query, 4))
    nearest = told(gallery, query, 4, label_score="nearest")
    assert nearest != means
    assert galleries.create("g", space="s", dim=8, label_score="mean") == (gallery, False)
    with pytest.raises(GalleryExists, match="label_score is 'mean', not 'nearest'"):
        galleries.create("g", space="s", dim=8)
    with pytest.raises(RowsInvalid, match="nearest or mean"):
        galleries.create("h", space="s", dim=8, label_score="median")
    galleries.close()
    again = Galleries.open(tmp_path)
    assert told(again.get("g"), query, 4) == means
    assert again.get("g").state().label_score == "mean"
    again.close()


def test_words_have_no_part_in_a_mean(galleries, people, unit):
    gallery, _ = galleries.create("g", space="s", dim=8, lexical=0.4)
    gallery.enrol(people)
    (query,) = unit(1, seed=1)
    how = {"label_score": "mean", "texts": ["7"]}
    same(told(gallery, query, 4, **how), by_definition(people, query, 4))
    with pytest.raises(RowsInvalid, match="lexical_weight"):
        told(gallery, query, 4, weight=0.5, **how)


def test_a_threshold_is_of_means_that_leave_the_query_out(unit):
    rows, codes = unit(40), np.repeat(np.arange(8, dtype=np.int32), 5)
    scores = (rows.astype(np.float64) @ rows.T).astype(np.float32).astype(np.float64)
    others, owns = [], []
    for at in range(40):
        labels = [
            np.mean([scores[at, i] for i in np.flatnonzero(codes == code) if i != at])
            for code in range(8)
        ]
        owns.append(labels.pop(codes[at]))
        others.append(max(labels))
    found = gather(Chunks.of(rows), codes, rows, codes, np.arange(40), None, "mean")
    np.testing.assert_allclose(np.sort(found.impostors), np.sort(others), atol=1e-6)
    np.testing.assert_allclose(np.sort(found.genuine), np.sort(owns), atol=1e-6)
    threshold = calibrated(found, 0.1, space="s", seq=1, count=40, rule="mean").threshold
    assert np.count_nonzero(np.array(others) >= threshold) == 3


def test_the_way_and_its_threshold_come_back_with_a_snapshot(galleries, people, unit):
    gallery, _ = galleries.create("g", space="s", dim=8, label_score="mean")
    gallery.enrol(people)
    gallery.calibrate(false_accept_rate=0.1)
    file = io.BytesIO()
    galleries.snapshots.take(gallery, file, bytes_max=1 << 20, go_on=lambda: None)
    file.seek(0)
    head = checked(file, lambda: None)
    file.seek(0)
    restored = galleries.snapshots.restore("h", file, head, replace=False, go_on=lambda: None)
    assert restored.label_score == "mean"
    assert restored.calibration() == gallery.calibration()
    assert restored.calibration().label_score == "mean"
    plain = packed_head(head.__class__(**{**_fields(head), "label_score": "nearest"}))
    assert "label_score" not in {key for key in json.loads(plain) if key != "calibration"}
    wrong = json.loads(packed_head(head)) | {"label_score": "median"}
    with pytest.raises(SnapshotCorrupt, match="nearest or mean"):
        _head(json.dumps(wrong).encode())


def _fields(head):
    return {name: getattr(head, name) for name in head.__slots__}
