"""Masks of filters: kept while nothing is written, never told of another moment."""

import gc
import weakref

import numpy as np
import pytest

from index import compaction, store
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.masks import MASKS_MAX, Masks


@pytest.fixture
def gallery(tmp_path):
    opened = Galleries.open(tmp_path)
    made, _ = opened.create("g", space="s", dim=4)
    made.enrol(
        [
            Exemplar(f"e{i}", np.eye(4, dtype=np.float32)[i % 4], f"l{i % 3}", {"x": i % 2})
            for i in range(60)
        ]
    )
    yield made
    opened.close()


@pytest.fixture
def reads(monkeypatch) -> list[store.Condition]:
    made: list[store.Condition] = []
    rows_where = store.rows_where

    def counted(connection, gallery, condition):
        made.append(condition)
        return rows_where(connection, gallery, condition)

    monkeypatch.setattr(store, "rows_where", counted)
    return made


def ids(gallery, wanted) -> set[str]:
    return {hit.id for hit in gallery.search(np.eye(4)[:1], 60, filter=wanted).hits[0]}


def test_the_same_filter_is_read_once_until_something_is_written(gallery, reads):
    wanted = {f"e{i}" for i in range(0, 60, 3)}
    for _ in range(3):
        assert ids(gallery, {"label": "l0"}) == wanted
    assert len(reads) == 1
    gallery.enrol([Exemplar("late", np.ones(4, np.float32), "l0")])
    assert ids(gallery, {"label": "l0"}) == wanted | {"late"}
    gallery.remove(["e0", "late"])
    assert ids(gallery, {"label": "l0"}) == wanted - {"e0"}
    assert len(reads) == 3


def test_a_compaction_moves_rows_though_it_is_no_write(gallery, reads):
    gallery.remove([f"e{i}" for i in range(0, 30)])
    before = ids(gallery, {"label": "l1"})
    view = gallery._published.seen()
    gallery._published.swap(compaction.rejoined(view, compaction.compacted(view), view))
    assert ids(gallery, {"label": "l1"}) == before == {f"e{i}" for i in range(31, 60, 3)}
    assert len(reads) == 2


def test_values_that_python_takes_for_equal_are_told_apart(gallery):
    assert len(ids(gallery, {"payload.x": 1})) == 30
    assert ids(gallery, {"payload.x": True}) == set()
    assert len(ids(gallery, {"payload.x": 1.0})) == 30


def test_no_more_are_kept_than_a_few(gallery, reads):
    for i in range(MASKS_MAX + 1):
        ids(gallery, {"payload.x": {"gte": i}})
    ids(gallery, {"payload.x": {"gte": MASKS_MAX}})
    assert len(reads) == MASKS_MAX + 1
    ids(gallery, {"payload.x": {"gte": 0}})  # the one used longest ago
    assert len(reads) == MASKS_MAX + 2


def test_a_compaction_lets_go_of_the_rows_of_before(gallery):
    """Neither a mask nor the writer, which waits for its next write, holds them on."""
    gallery.remove([f"e{i}" for i in range(30)])
    ids(gallery, {"label": "l1"})
    before = weakref.ref(gallery._published.seen().page)
    gallery.upkeep.compact()
    gc.collect()
    assert before() is None
    assert len(gallery._published.seen().page) == 30


def test_a_mask_that_was_read_while_others_went_on_is_not_told_of_their_moment(gallery):
    masks, old = Masks(), gallery._published.seen()
    gallery.remove(["e0"])
    new = gallery._published.seen()
    late, early = np.ones(60, np.bool_), np.zeros(60, np.bool_)
    asked = ("1", ())

    def read() -> np.ndarray:
        masks.get(new, ("0", ()), lambda: late)
        return early

    assert masks.get(old, asked, read) is early
    assert masks.get(new, asked, lambda: late) is late
