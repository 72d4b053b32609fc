"""Several rows of one exemplar: found as one, removed and replaced as one, counted as they are."""

import io

import numpy as np
import pytest

from index.exemplar import Exemplar
from index.galleries import Galleries
from index.parts import part_id, split_id
from index.snapshot import checked


def long(name, rows, label=None):
    """Make a whole and its parts: the whole is the first row."""
    parts = [Exemplar(part_id(name, at, at + 1), row, label) for at, row in enumerate(rows[1:])]
    return [Exemplar(name, rows[0], label), *parts]


@pytest.mark.parametrize("whole", ["a", "a#t=1,2", "ü/ #t=", "x" * 400])
@pytest.mark.parametrize("seconds", [(0.0, 1.0), (3599.25, 3603.125), (0.001, 9_999_999.5)])
def test_an_id_tells_of_which_it_is_a_part_and_where(whole, seconds):
    assert split_id(part_id(whole, *seconds)) == (whole, seconds)


@pytest.mark.parametrize("one", ["a#t=1", "a#t=1,", "a#t=1,2s", "#t=1,2", "a#t=-1,2", "a#t=1,2\n"])
def test_other_ids_are_wholes(one):
    assert split_id(one) == (one, None)


def test_an_exemplar_is_found_once_by_its_best_part(galleries, unit):
    gallery, _ = galleries.create("g", space="s", dim=8)
    rows = unit(60)
    gallery.enrol([*long("a", rows[:40]), *long("b", rows[40:50]), Exemplar("c", rows[50])])
    names = ["a"] * 40 + ["b"] * 10 + ["c"]
    for query in unit(10, seed=1):
        scores = rows[:51] @ query
        (hits,) = gallery.search([query], 5).hits
        assert [hit.id for hit in hits] == list(
            dict.fromkeys(names[at] for at in np.argsort(-scores))
        )
        best = int(np.argmax(scores[:40]))
        (found,) = [hit for hit in hits if hit.id == "a"]
        assert found.score == pytest.approx(scores[:40].max(), abs=1e-6)
        assert found.seconds == (None if best == 0 else (best - 1.0, float(best)))
        (first,) = gallery.search([query], 1).hits
        assert first == hits[:1]
        # An exemplar without a label is no rival of itself.
        (grouped,) = gallery.search([query], 5, group_by_label=True).hits
        assert [hit.id for hit in grouped] == [hit.id for hit in hits]


def test_it_goes_and_is_replaced_with_all_its_parts(galleries, unit, tmp_path):
    gallery, _ = galleries.create("g", space="s", dim=8)
    rows = unit(30)
    others = [Exemplar("a#", rows[20]), Exemplar("a#t=x", rows[21]), Exemplar("ab", rows[22])]
    gallery.enrol([*long("a", rows[:10], "A"), *others])
    assert (gallery.count, gallery.state().parts) == (13, 9)
    gallery.enrol(long("a", rows[10:14], "B"))
    assert (gallery.count, gallery.state().parts, gallery.state().labels) == (7, 3, 1)
    gallery.enrol([Exemplar("a#t=0,1", rows[15], "B")])  # one part by itself
    assert gallery.count == 7
    gallery.enrol(long("a#t=0,1", rows[16:18], "B"))
    assert gallery.count == 8
    galleries.close()
    galleries = Galleries.open(tmp_path)
    gallery = galleries.get("g")
    assert (gallery.count, gallery.state().parts) == (8, 4)
    _, removed = gallery.remove(["a"])
    assert sorted(removed) == ["a", "a#t=0,1", "a#t=1,2", "a#t=2,3"]
    assert (gallery.count, gallery.state().parts) == (4, 1)
    gallery.enrol([*others, Exemplar("a", rows[0])])
    assert gallery.count == 5
    galleries.close()


def test_parts_come_back_with_a_snapshot(galleries, unit):
    gallery, _ = galleries.create("g", space="s", dim=8)
    gallery.enrol(long("a", unit(9), "A"))
    file = io.BytesIO()
    galleries.snapshots.take(gallery, file, bytes_max=1 << 20, go_on=lambda: None)
    file.seek(0)
    head = checked(file, lambda: None)
    file.seek(0)
    restored = galleries.snapshots.restore("h", file, head, replace=False, go_on=lambda: None)
    assert (restored.count, restored.state().parts) == (9, 8)
    (query,) = unit(1, seed=1)
    assert restored.search([query], 3).hits[0][0].seconds == (
        gallery.search([query], 3).hits[0][0].seconds
    )
