"""A gallery against a dictionary, under every order of operations, restarts and compactions."""

import io
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from index import arrivals, arriving, chunks, compaction, planner
from index import view as view_module
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.generations import Generations
from index.hits import pair_scores
from index.loading import write_vectors
from index.scan import scan_names
from index.snapshot import checked
from index.vectors import unit_rows
from tests import every_row
from tests.hybrid_oracle import first_of_each, fused

DIM = 4
# Few ids, labels and directions: so that replacements, ties and removals happen often.
IDS = st.sampled_from([f"e{i}" for i in range(8)])
LABELS = st.sampled_from(["A", "B", "e1", None])
VECTORS = st.lists(st.integers(-2, 2), min_size=DIM, max_size=DIM).filter(any)
YEARS = st.integers(0, 4)
TEXTS = st.sampled_from(["parse_json", "parse json of A", "of of", ""])
BATCHES = st.lists(
    st.tuples(IDS, VECTORS, LABELS, YEARS, TEXTS),
    min_size=1,
    max_size=6,
    unique_by=lambda one: one[0],
)
FILTERS = st.one_of(
    st.none(),
    LABELS.map(lambda label: {"label": label}),
    YEARS.map(lambda year: {"payload.year": {"lt": year}}),
    YEARS.map(lambda year: {"not": {"payload.year": year}}),
)


def passes(filter_, exemplar) -> bool:
    match filter_:
        case None:
            return True
        case {"label": label}:
            return exemplar.label == label
        case {"payload.year": {"lt": year}}:
            return exemplar.payload["year"] < year
        case {"not": {"payload.year": year}}:
            return exemplar.payload["year"] != year
    raise AssertionError(filter_)


def slowly(*asked):
    time.sleep(0.003)
    write_vectors(*asked)


class GalleryMachine(RuleBasedStateMachine):
    """`model` maps ids to exemplars in the order of rows: a replaced one goes to the end."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.galleries = Galleries.open(self.folder)
        self.model: dict[str, Exemplar] = {}
        self.seq = 0

    @initialize(index=st.sampled_from(scan_names()), lexical=st.sampled_from([None, 0.4]))
    def create(self, index, lexical):
        self.lexical = lexical
        self.gallery, _ = self.galleries.create(
            "g", space="s", dim=DIM, index=index, lexical=lexical
        )

    @rule(batch=BATCHES)
    def enrol(self, batch):
        rows = unit_rows([one[1] for one in batch], DIM)
        exemplars = [
            Exemplar(name, row, label, {"year": year}, {"text": text}, bytes([year]))
            for (name, _, label, year, text), row in zip(batch, rows, strict=True)
        ]
        self.seq += 1
        assert self.gallery.enrol(exemplars) == self.seq
        for one in exemplars:
            self.model.pop(one.id, None)
        self.model |= {one.id: one for one in exemplars}

    @rule(ids=st.lists(IDS, max_size=4))
    def remove(self, ids):
        standing = [name for name in dict.fromkeys(ids) if name in self.model]
        self.seq += bool(standing)
        assert self.gallery.remove(ids) == (self.seq, standing)
        for name in standing:
            del self.model[name]

    @rule(filter_=FILTERS.filter(bool))
    def remove_where(self, filter_):
        matching = [name for name, one in self.model.items() if passes(filter_, one)]
        self.seq += bool(matching)
        assert self.gallery.remove_where(filter_) == (self.seq, len(matching))
        for name in matching:
            del self.model[name]

    @rule(
        vectors=st.lists(VECTORS, min_size=1, max_size=3),
        k=st.integers(1, 10),
        filter_=FILTERS,
        grouped=st.booleans(),
        payload=st.booleans(),
        threshold=st.none() | st.sampled_from([-0.5, 0.0, 0.5]),
        text=st.none() | TEXTS,
    )
    def search(self, vectors, k, filter_, grouped, payload, threshold, text):
        queries = unit_rows(vectors, DIM)
        found = self.gallery.search(
            queries,
            k,
            filter=filter_,
            group_by_label=grouped,
            with_payload=payload,
            threshold=threshold,
            min_seq=self.seq,
            texts=[text] * len(queries),
        )
        assert found.seq == self.seq
        for query, hits in zip(queries, found.hits, strict=True):
            asked = filter_, grouped, threshold
            if text is None or self.lexical is None:
                expected = self.expected(query, k, *asked)
            else:
                expected = self.expected_of_both(query, text, k, *asked)
            assert [(hit.id, hit.label, hit.score) for hit in hits] == expected
            for hit in hits:
                assert hit.payload == (dict(self.model[hit.id].payload) if payload else None)

    def expected(self, query, k, filter_, grouped, threshold):
        survivors = [one for one in self.model.values() if passes(filter_, one)]
        scored = [
            (one.id, one.label, float(pair_scores(one.vector[None], query)[0])) for one in survivors
        ]
        scored.sort(key=lambda one: -one[2])  # stable: ties stay in the order of rows
        if grouped:
            best = {}
            for one in scored:
                best.setdefault(one[1] or one[0], one)
            scored = list(best.values())
        return [one for one in scored[:k] if threshold is None or one[2] >= threshold]

    def expected_of_both(self, query, text, k, filter_, grouped, threshold):
        exemplars = list(self.model.values())
        allowed = np.array([passes(filter_, one) for one in exemplars], bool)
        found = fused(exemplars, query, text, self.lexical, allowed=allowed, line=threshold)
        found = first_of_each(found) if grouped else found
        return [one[:3] for one in found[:k] if threshold is None or one[3][0] >= threshold]

    @rule(limit=st.integers(1, 5), filter_=FILTERS)
    def page(self, limit, filter_):
        seen, cursor = [], None
        while True:
            page, cursor = self.gallery.page(
                after=cursor, limit=limit, filter=filter_, with_vector=True
            )
            assert len(page) <= limit
            seen += page
            if cursor is None:
                break
        expected = [one for one in self.model.values() if passes(filter_, one)]
        assert [one.id for one in seen] == [one.id for one in expected]
        for stored, one in zip(seen, expected, strict=True):
            assert (stored.label, stored.payload) == (one.label, one.payload)
            assert stored.digest == one.digest.hex()
            np.testing.assert_array_equal(stored.vector, one.vector)

    @rule(name=IDS)
    def digests(self, name):
        standing = {name: self.model[name].digest} if name in self.model else {}
        assert self.gallery.digests([name]) == standing

    @rule()
    def go_back_to_a_snapshot(self):
        file = io.BytesIO()
        snapshots = self.galleries.snapshots
        snapshots.take(self.gallery, file, bytes_max=1 << 30, go_on=lambda: None)
        head = checked(file, lambda: None)
        self.gallery = snapshots.restore("g", file, head, replace=True, go_on=lambda: None)

    @precondition(lambda self: self.seq)
    @rule(behind=st.booleans(), delta=st.integers(0, 3))
    def reopen(self, behind, delta):
        self.galleries.close()
        with pytest.MonkeyPatch.context() as here:
            if behind:  # with an index, so that vectors arrive while the next rules ask for them
                here.setattr(
                    Generations, "newest", lambda _, *which: every_row.newest(*which, delta)
                )
            self.galleries = Galleries.open(self.folder)
        self.gallery = self.galleries.get("g")

    @invariant()
    def state_agrees(self):
        state = self.gallery.state()
        assert (state.count, state.seq) == (len(self.model), self.seq)
        assert state.labels == len({one.label for one in self.model.values()} - {None})

    def teardown(self):
        self.galleries.close()
        shutil.rmtree(self.folder)


@pytest.mark.slow
def test_a_gallery_is_a_dictionary_that_can_be_searched(monkeypatch):
    monkeypatch.setattr(compaction, "TOMBSTONES_MIN", 2)  # so that compaction happens
    monkeypatch.setattr(chunks, "CHUNK_NUMBERS", 2 * DIM)
    for module in (arrivals, arriving):
        monkeypatch.setattr(module, "BLOCK_ROWS", 1)
    monkeypatch.setattr(arrivals, "write_vectors", slowly)
    monkeypatch.setattr(planner, "SCANNED_ROWS", 0)
    monkeypatch.setattr(view_module, "_GROUP_FACTOR", 1)
    monkeypatch.setattr(view_module, "_GROUP_FIRST", 1)  # so that grouping takes several rounds
    run_state_machine_as_test(
        GalleryMachine,
        settings=settings(max_examples=60, stateful_step_count=25, deadline=None),
    )
