"""The recall of late: checked against every row, told, and acted on."""

import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

from index import watch
from index.chunks import Chunks
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from index.generations import Arrival
from index.outcome import Outcome
from index.planner import SCANNED_ROWS
from index.trial import QUERIES, Trial
from index.vectors import unit_rows

DIM, N = 8, SCANNED_ROWS + 1000


@dataclass(frozen=True)
class Lossy:
    """An index that leaves out so many of the best; each raise leaves out fewer."""

    rows: np.ndarray
    left_out: int
    name: str = "pq"
    recall: float = 0.99

    def __len__(self) -> int:
        return len(self.rows)

    def candidates(self, queries, want):
        order = np.argsort(-(queries @ self.rows.T), axis=1)
        return order[:, self.left_out : self.left_out + want]

    def raised(self) -> "Lossy":
        return replace(self, left_out=self.left_out - 1)


@pytest.fixture
def vectors() -> np.ndarray:
    return unit_rows(np.random.default_rng(0).standard_normal((N, DIM)), DIM)


@pytest.fixture
def galleries(tmp_path, monkeypatch):
    monkeypatch.setattr("index.builds._LOOK_SECONDS", 1000.0)
    opened = Galleries.open(tmp_path, index_rows_min=1000)
    yield opened
    opened.close()


@pytest.fixture
def gallery(galleries, vectors):
    made, _ = galleries.create("g", space="s", dim=DIM, recall_target=0.95)
    labels = ["few"] * 50 + [None] * (N - 50)
    made.enrol([Exemplar(f"e{i:05}", vectors[i], labels[i]) for i in range(N)])
    return made


def attach(gallery: Gallery, built: Lossy) -> None:
    numbers = np.arange(1, N + 1)
    gallery.upkeep.attach(Arrival(Outcome("", N, N, "pq"), built, numbers), lambda _: None)


def ask(gallery: Gallery, times: int, **how) -> None:
    queries = unit_rows(np.random.default_rng(3).standard_normal((times, DIM)), DIM)
    for query in queries:
        gallery.search(query[None], 10, **how)
        gallery.upkeep.watch()


def test_what_was_measured_is_told_until_enough_was_asked_then_what_was_found(gallery, vectors):
    attach(gallery, Lossy(vectors, left_out=0))
    ask(gallery, watch.ENOUGH - 1)
    assert gallery.state().recall == 0.99
    ask(gallery, 1)
    assert gallery.state().recall == 1.0


def test_too_little_found_raises_the_effort_and_then_calls_for_another_index(gallery, vectors):
    attach(gallery, Lossy(vectors, left_out=5))
    found = []
    for _ in range(3):
        ask(gallery, watch.ENOUGH - 1)
        assert not gallery.upkeep.build_due()
        assert gallery.upkeep.asked() is None
        ask(gallery, 1)
        found.append(gallery._published.seen().indexed.built.left_out)
    assert found == [4, 3, 3]
    assert gallery.state().recall == pytest.approx(0.7)
    assert gallery.upkeep.build_due()
    assert gallery.upkeep.kept() == (None, N)
    assert gallery.upkeep.asked().shape == (watch.ENOUGH, DIM)
    attach(gallery, Lossy(vectors, left_out=0))
    assert not gallery.upkeep.build_due()
    assert gallery.state().recall == 0.99
    attach(gallery, Lossy(vectors, left_out=5))
    ask(gallery, watch.ENOUGH)
    assert gallery._published.seen().indexed.built.left_out == 4, "another is raised anew"


def test_of_a_batch_only_the_query_that_is_checked_stays_in_memory(gallery, vectors):
    attach(gallery, Lossy(vectors, left_out=0))
    gallery.search(vectors[:50], 10)
    gallery.upkeep.watch()
    (kept,) = gallery._reader._watch._queries
    assert (kept.shape, kept.base) == ((1, DIM), None)


def test_one_that_a_raise_puts_right_is_kept(gallery, vectors):
    attach(gallery, Lossy(vectors, left_out=1))
    ask(gallery, 3 * watch.ENOUGH)
    assert gallery.state().recall == 1.0
    assert not gallery.upkeep.build_due()


@pytest.mark.parametrize(
    "how", [{"exact": True}, {"filter": {"label": "nobody"}}, {"filter": {"label": "few"}}], ids=str
)
def test_answers_that_no_index_gave_are_not_counted(gallery, vectors, how):
    attach(gallery, Lossy(vectors, left_out=5))
    ask(gallery, watch.ENOUGH, **how)
    assert gallery.state().recall == 0.99


def test_thresholds_and_groups_are_asked_again_as_they_were(gallery, vectors):
    attach(gallery, Lossy(vectors, left_out=0))
    ask(gallery, watch.ENOUGH, threshold=0.9, group_by_label=True)
    assert gallery.state().recall == 1.0
    attach(gallery, Lossy(vectors, left_out=9))
    ask(gallery, watch.ENOUGH, threshold=0.9)
    assert gallery._published.seen().indexed.built.left_out == 8  # raised


def test_a_trial_tells_what_was_asked_from_the_rows_and_counts_the_worse(vectors):
    asked = unit_rows(np.random.default_rng(1).standard_normal((200, DIM)), DIM)
    trial = Trial.of(Chunks.of(vectors), asked)
    near = np.argsort(-(trial.queries @ vectors.T), axis=1)[:, :11]
    assert trial.recall(Chunks.of(vectors), near, 10) == (1.0, 1.0)
    for part in (slice(0, QUERIES), slice(QUERIES, None)):
        worse = near.copy()
        worse[part, 6:] = -1  # a row finds itself too, which is none of its hits
        recall, sure = trial.recall(Chunks.of(vectors), worse, 10)
        assert recall == pytest.approx(0.5 if part.stop else 0.6)
        assert sure == recall  # all miss alike
    worse = near.copy()
    worse[QUERIES::2] = -1
    recall, sure = trial.recall(Chunks.of(vectors), worse, 10)
    assert recall == 0.5
    assert sure == pytest.approx(0.5 - 1.64 * 0.5 / 200**0.5)


def test_however_many_galleries_are_asked_the_checks_take_a_twentieth_of_a_core(galleries):
    """They rest together: each by itself would keep a core busy where there are twenty."""
    checks: list[str] = []

    class Asked:
        compaction_due = build_due = staticmethod(lambda **_: False)
        count = 0

        def __init__(self, name: str) -> None:
            self.name, self.number, self.upkeep = name, 0, self

        def watch(self) -> None:
            checks.append(self.name)
            time.sleep(0.02)

    started = time.monotonic()
    while time.monotonic() < started + 1.0:
        for name in "abcdefghij":
            galleries._builds._look_after(Asked(name))
    assert 1 <= len(checks) <= 3
