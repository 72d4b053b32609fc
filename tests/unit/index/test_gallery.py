import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from index import compaction
from index import view as view_module
from index.errors import (
    ExemplarUnknown,
    FilterInvalid,
    GalleryFull,
    GalleryUnknown,
    RowsInvalid,
    SeqAhead,
    StoreUnavailable,
    TooFewImpostors,
)
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.view import View
from tests.pace import PACE


@pytest.fixture
def gallery(galleries):
    return galleries.create("people", space="s", dim=8)[0]


def ids(hits):
    return [hit.id for hit in hits]


def test_what_is_enrolled_is_found_and_read_back(gallery, people):
    assert gallery.enrol(people) == 1
    found = gallery.search([people[3].vector], 2, with_payload=True, with_vector=True)
    best = found.hits[0][0]
    assert (best.id, best.label, best.payload, found.seq) == ("e3", "L3", {"n": 3}, 1)
    assert best.score == pytest.approx(1.0)
    np.testing.assert_array_equal(best.vector, people[3].vector)
    stored = gallery.read("e3", with_vector=True)
    assert (stored.label, stored.payload, stored.item) == ("L3", {"n": 3}, {"text": "3"})
    assert (stored.digest, stored.seq, stored.row) == ("03", 1, best.row)
    np.testing.assert_array_equal(stored.vector, people[3].vector)
    assert gallery.read("e3").vector is None


def test_a_replacement_takes_the_place_of_the_old_one_under_a_new_row(gallery, people):
    gallery.enrol(people)
    old = gallery.read("e0").row
    assert gallery.enrol([replace(people[0], vector=people[1].vector, label="new")]) == 2
    assert gallery.read("e0").row > old
    assert gallery.state().count == 30
    assert ids(gallery.search([people[1].vector], 2).hits[0]) == ["e1", "e0"]
    assert "e0" not in ids(gallery.search([people[0].vector], 1).hits[0])


def test_rows_are_never_used_again_even_the_last(gallery, people, galleries, tmp_path):
    gallery.enrol(people)
    last = gallery.read("e29").row
    gallery.remove([one.id for one in people])
    galleries.close()
    again = Galleries.open(tmp_path)
    gallery = again.get("people")
    gallery.enrol(people[:1])
    assert gallery.read("e0").row > last
    again.close()


def test_removal_names_what_stood_and_counts_only_then(gallery, people):
    gallery.enrol(people)
    assert gallery.remove(["e1", "nobody", "e2", "e1", "\ud800"]) == (2, ["e1", "e2"])
    assert gallery.remove(["e1"]) == (2, [])
    assert gallery.remove_where({"label": "L3"}) == (3, 6)
    assert gallery.remove_where({"label": "L3"}) == (3, 0)
    assert gallery.state().count == 22
    assert len(gallery.search([people[0].vector], 50).hits[0]) == 22


def test_digests_are_told_of_those_that_stand(gallery, people):
    gallery.enrol(people)
    gallery.remove(["e3"])
    assert gallery.digests(["e1", "e2", "e3", "nobody", "\ud800"]) == {"e1": b"\1", "e2": b"\2"}


def test_search_honours_filter_threshold_and_k(gallery, people):
    gallery.enrol(people)
    query = people[7].vector
    everything = gallery.search([query], 50).hits[0]
    assert [hit.score for hit in everything] == sorted((h.score for h in everything), reverse=True)
    even = gallery.search([query], 50, filter={"payload.n": {"in": [2, 4, 7]}}).hits[0]
    assert ids(even) == [hit.id for hit in everything if hit.id in ("e2", "e4", "e7")]
    cut = everything[4].score
    assert gallery.search([query], 50, threshold=cut).hits[0] == everything[:5]
    assert gallery.search([query], 3).hits[0] == everything[:3]
    assert gallery.search([query], 3, filter={"label": "nobody"}).hits == [[]]
    assert gallery.search(np.empty((0, 8)), 3).hits == []


def test_an_empty_gallery_finds_nothing(gallery, people):
    assert gallery.search([people[0].vector], 3).hits == [[]]
    assert gallery.search([people[0].vector], 3, group_by_label=True).hits == [[]]
    assert gallery.page(limit=3) == ([], None)


def test_grouping_gives_the_best_of_each_label_though_one_owns_nearly_all(galleries, unit):
    gallery = Galleries.create(galleries, "crowd", space="s", dim=8)[0]
    rows = unit(100)
    crowd = np.argsort(-(rows @ rows[0]))[:90]  # the ninety nearest are all of one label
    labels = [f"R{i % 4}" for i in range(100)]
    for i in crowd:
        labels[i] = "crowd"
    labels[int(np.argmin(rows @ rows[0]))] = None
    gallery.enrol([Exemplar(f"e{i}", rows[i], labels[i]) for i in range(100)])
    best: dict[str, str] = {}
    for hit in gallery.search([rows[0]], 100).hits[0]:
        best.setdefault(hit.label or hit.id, hit.id)
    for k in (1, 2, 3, len(best), 50):
        found = gallery.search([rows[0]], k, group_by_label=True).hits[0]
        assert ids(found) == list(best.values())[:k]
    several = gallery.search(rows[:3], 2, group_by_label=True).hits
    assert [len(hits) for hits in several] == [2, 2, 2]
    only = gallery.search([rows[0]], 9, group_by_label=True, filter={"label": "crowd"}).hits[0]
    assert len(only) == 1


def test_grouping_goes_on_where_a_round_shows_few_labels(gallery, galleries, unit, monkeypatch):
    monkeypatch.setattr(view_module, "_GROUP_FIRST", 4)
    rows = unit(90)
    order = np.argsort(-(rows @ rows[0]))
    labels = {int(at): f"R{rank // 30}" for rank, at in enumerate(order)}  # blocks by nearness
    gallery.enrol([Exemplar(f"e{i}", rows[i], labels[i]) for i in range(90)])
    found = gallery.search([rows[0]], 3, group_by_label=True).hits[0]
    assert ids(found) == [f"e{order[0]}", f"e{order[30]}", f"e{order[60]}"]


def test_pages_walk_everything_once_while_others_write(gallery, people):
    gallery.enrol(people)
    seen, cursor, first = [], None, True
    while first or cursor:
        page, cursor = gallery.page(after=cursor, limit=7)
        seen += [one.id for one in page]
        if first:
            gallery.remove(["e20", "e1"])
            gallery.enrol([replace(people[2], id="late")])
        first = False
    assert seen == [f"e{i}" for i in range(30) if i != 20] + ["late"]
    page, cursor = gallery.page(limit=3, filter={"label": "L4"}, with_vector=True)
    assert [one.id for one in page] == ["e4", "e9", "e14"]
    np.testing.assert_array_equal(page[0].vector, people[4].vector)
    page, cursor = gallery.page(after=cursor, limit=3, filter={"label": "L4"})
    assert ([one.id for one in page], cursor) == (["e19", "e24"], None)


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "9" * 30, "²"])
def test_a_cursor_that_no_page_gave_is_refused(gallery, cursor):
    with pytest.raises(FilterInvalid, match="after"):
        gallery.page(after=cursor, limit=1)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": ""}, r"exemplars\[1\]\.id has 0 bytes"),
        ({"id": "é" * 257}, r"exemplars\[1\]\.id has 514 bytes: 1 to 512"),
        ({"id": "\ud800"}, "not valid Unicode"),
        ({"id": 7}, r"exemplars\[1\]\.id is not a string"),
        ({"id": "e0"}, "'e0' is there twice"),
        ({"label": ""}, r"exemplars\[1\]\.label has 0 bytes"),
        ({"payload": {"a": float("nan")}}, r"exemplars\[1\]\.payload is not JSON"),
        ({"payload": {"a": b""}}, "payload is not JSON"),
        ({"payload": {"a": "\ud800"}}, "payload is not JSON"),
        ({"payload": [1]}, "payload is not an object"),
        ({"payload": {"a": "x" * 300_000}}, "payload has 300008 bytes"),
        ({"item": {"a": float("inf")}}, r"exemplars\[1\]\.item is not JSON"),
        ({"vector": np.zeros(8, np.float32)}, r"vectors\[1\] is all zeros"),
        ({"vector": np.ones(9, np.float32)}, r"exemplars\[1\]\.vector has shape \(9,\): this"),
    ],
)
def test_one_bad_exemplar_refuses_the_batch_whole(gallery, people, change, says):
    with pytest.raises(RowsInvalid, match=says):
        gallery.enrol([people[0], replace(people[1], **change)])
    assert gallery.state().count == gallery.state().seq == 0


def test_a_payload_may_be_deep_but_not_bottomless(gallery, people):
    def deep(levels):
        return {"a": deep(levels - 1)} if levels > 1 else {"a": 1}

    gallery.enrol([replace(people[0], payload=deep(64))])
    assert gallery.read("e0").payload == deep(64)
    with pytest.raises(RowsInvalid, match="nested deeper than 64"):
        gallery.enrol([replace(people[0], payload=deep(65))])


def test_strange_names_and_payloads_come_back_as_they_went(gallery, people):
    name, payload = "a\0b'\"\\é😀\n", {"": None, "\0": "\0", "é": [1, {"x": 2**70}], "f": 0.1}
    gallery.enrol([replace(people[0], id=name, label=name, payload=payload)])
    stored = gallery.read(name)
    assert (stored.id, stored.label, stored.payload) == (name, name, payload)
    assert gallery.search([people[0].vector], 1, filter={"id": name}).hits[0][0].label == name
    assert gallery.remove([name]) == (2, [name])


def test_a_full_gallery_refuses_the_batch_and_replaces_still(gallery, people, unit):
    more = [Exemplar(f"x{i}", row) for i, row in enumerate(unit(71))]
    gallery.enrol(people)
    with pytest.raises(GalleryFull, match="101 exemplars, 100 are allowed"):
        gallery.enrol(more)
    assert (gallery.state().count, gallery.state().seq) == (30, 1)
    gallery.enrol(more[:70])
    gallery.enrol(people)
    assert gallery.state().count == 100


def test_tombstones_are_compacted_away_and_nothing_is_lost(gallery, people, monkeypatch):
    monkeypatch.setattr(compaction, "TOMBSTONES_MIN", 4)
    gallery.enrol(people)
    widths = []
    for i in range(20):
        gallery.remove([f"e{i}"])
        widths.append(gallery._published.seen().n)
        living = gallery.search([people[i].vector], 50).hits[0]
        assert set(ids(living)) == {f"e{j}" for j in range(i + 1, 30)}
    assert min(widths) < 30
    gallery.enrol(people[:3])
    assert gallery.search([people[0].vector], 1, filter={"id": "e0"}).hits[0][0].id == "e0"


def test_a_view_once_taken_never_changes(gallery, people, unit):
    gallery.enrol(people)
    view = gallery._published.seen()
    before = view.search(unit(4, seed=3), 30, None, group_by_label=False)
    gallery.remove(["e3", "e4"])
    gallery.enrol([replace(people[5], label="other")])
    gallery.enrol([Exemplar(f"x{i}", row) for i, row in enumerate(unit(70, seed=9))])
    assert view.search(unit(4, seed=3), 30, None, group_by_label=False) == before


def test_min_seq_reads_what_was_written_and_refuses_at_once_what_never_was(gallery, people):
    seq = gallery.enrol(people[:1])
    assert gallery.search([people[0].vector], 1, min_seq=seq).seq == seq
    began = time.monotonic()
    with pytest.raises(SeqAhead, match=r"min_seq 2 was never acknowledged .* stands at 1"):
        gallery.search([people[0].vector], 1, min_seq=2)
    assert time.monotonic() - began < PACE


def test_what_does_not_stand_is_unknown(gallery):
    for name in ("nobody", "", "\ud800"):
        with pytest.raises(ExemplarUnknown):
            gallery.read(name)
    with pytest.raises(RowsInvalid, match="k is 0"):
        gallery.search(np.ones((1, 8)), 0)


def test_a_deleted_gallery_answers_nothing_more(galleries, gallery, people):
    gallery.enrol(people)
    galleries.delete("people")
    for call in (
        gallery.state,
        gallery.calibration,
        lambda: gallery.enrol(people),
        lambda: gallery.remove(["e1"]),
        lambda: gallery.remove_where({"label": "L1"}),
        lambda: gallery.read("e1"),
        lambda: gallery.page(limit=1),
        lambda: gallery.search([people[0].vector], 1),
        lambda: gallery.search([people[0].vector], 1, filter={}),
        lambda: gallery.calibrate(false_accept_rate=0.5),
    ):
        with pytest.raises(GalleryUnknown):
            call()
    fresh, created = galleries.create("people", space="s", dim=8)
    assert created
    assert fresh.state().count == 0


def test_calibration_is_kept_with_the_gallery_and_grows_stale(galleries, gallery, people, tmp_path):
    gallery.enrol(people)
    assert gallery.calibration() is None
    with pytest.raises(TooFewImpostors):
        gallery.calibrate(false_accept_rate=0.001)
    assert gallery.calibration() is None
    found = gallery.calibrate(false_accept_rate=0.1)
    assert (found.impostors, found.genuine, found.count, found.seq) == (30, 29, 30, 1)
    galleries.close()
    again = Galleries.open(tmp_path)
    gallery = again.get("people")
    assert gallery.calibration() == found
    assert gallery.state().calibration_stale is False
    gallery.remove([f"e{i}" for i in range(7)])
    assert gallery.state().calibration_stale is True
    again.close()


def test_calibration_from_queries_takes_one_label_a_query(gallery, people, unit):
    gallery.enrol(people)
    queries = unit(40, seed=5)
    found = gallery.calibrate(
        false_accept_rate=0.1, queries=queries, labels=["L1"] * 10 + [None] * 29 + ["new"]
    )
    assert (found.impostors, found.genuine) == (40, 10)
    with pytest.raises(RowsInvalid, match="40 queries came with 2 labels"):
        gallery.calibrate(false_accept_rate=0.1, queries=queries, labels=[None, "L1"])
    with pytest.raises(RowsInvalid, match="40 queries came with 0 labels"):
        gallery.calibrate(false_accept_rate=0.1, queries=queries)


def test_a_bounded_sample_is_the_same_each_time(gallery, people):
    gallery.enrol(people)
    one, two = (gallery.calibrate(false_accept_rate=0.2, exemplars_max=12) for _ in range(2))
    assert one == two
    assert one.impostors == 12


def test_filters_and_payloads_agree_with_the_view_under_writes(gallery, people):
    """A replaced exemplar is there all the time: as the old one or as the new, never as neither."""
    gallery.enrol(people)
    stop = threading.Event()
    failures = []

    def replace_for_ever():
        n = 0
        while not stop.is_set():
            gallery.enrol([replace(people[0], payload={"n": 0, "turn": (n := n + 1)})])

    def look():
        for _ in range(150):
            hits = gallery.search(
                [people[0].vector], 1, filter={"payload.n": 0}, with_payload=True
            ).hits[0]
            if ids(hits) != ["e0"] or hits[0].payload["n"] != 0:
                failures.append(hits)

    writer = threading.Thread(target=replace_for_ever)
    readers = [threading.Thread(target=look) for _ in range(2)]
    for thread in (writer, *readers):
        thread.start()
    for thread in readers:
        thread.join()
    stop.set()
    writer.join()
    assert failures == []


def test_a_hit_that_goes_before_its_payload_is_read_is_looked_for_again(
    gallery, people, monkeypatch
):
    gallery.enrol(people)
    search = View.search
    rounds = []

    def search_and_lose_the_hit(view, *args, **kwargs):
        found = search(view, *args, **kwargs)
        if not rounds:
            gallery.remove([found[0][0].id])
        rounds.append(found[0][0].id)
        return found

    monkeypatch.setattr(View, "search", search_and_lose_the_hit)
    found = gallery.search([people[0].vector], 1, with_payload=True)
    assert rounds[0] == "e0"
    assert found.hits[0][0].id == rounds[1] != "e0"
    assert found.seq == 2
    assert found.hits[0][0].payload is not None


def test_searches_under_way_leave_the_store_to_others(gallery, people, monkeypatch):
    """More searches than there are connections, all within their scan, and a read by id."""
    gallery.enrol(people)
    search = View.search
    scanning, go_on = threading.Semaphore(0), threading.Event()

    def slow(view, *args, **kwargs):
        scanning.release()
        assert go_on.wait(20 * PACE)
        return search(view, *args, **kwargs)

    monkeypatch.setattr(View, "search", slow)
    asked = {"filter": {"label": "L1"}, "with_payload": True}
    threads = [
        threading.Thread(target=gallery.search, args=([people[0].vector], 1), kwargs=asked)
        for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert scanning.acquire(timeout=20 * PACE)
    started = time.monotonic()
    assert gallery.read("e1").id == "e1"
    assert time.monotonic() - started < 5 * PACE
    go_on.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    "everything",
    [{}, {"and": []}, {"and": [{}]}, {"not": {"or": []}}, {"or": [{"id": "e0"}, {}]}],
)
def test_a_filter_that_always_holds_removes_nothing(gallery, people, everything):
    gallery.enrol(people)
    with pytest.raises(FilterInvalid, match="every exemplar"):
        gallery.remove_where(everything)
    assert gallery.state().count == len(people)


def test_after_close_writes_are_refused(galleries, gallery, people):
    galleries.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        gallery.enrol(people)
    with pytest.raises(StoreUnavailable, match="closed"):
        gallery.read("e1")
    with pytest.raises(StoreUnavailable, match="closed"):
        galleries.check()


def test_a_page_ends_where_its_items_are_many_bytes(gallery, people, monkeypatch):
    monkeypatch.setattr("index.store.READ_BYTES_MAX", 250)
    gallery.enrol([replace(one, item={"image": "x" * 100}) for one in people[:5]])
    pages, after = [], None
    while not pages or after is not None:
        rows, after = gallery.page(after=after, limit=4)
        pages.append([row.id for row in rows])
    assert pages == [["e0", "e1"], ["e2", "e3"], ["e4"]]
    monkeypatch.setattr("index.store.READ_BYTES_MAX", 10)
    assert len(gallery.page(limit=4)[0]) == 1, "one at least, however large"
