"""Hybrid search against every row scored one by one, on galleries with few words and directions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import fusion, lexicon, segment
from index.bags import packed
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.lexicon import Lexicon
from index.vectors import unit_rows
from index.words import split
from tests.hybrid_oracle import bm25, first_of_each, fused

DIM = 3
WORDS = ["parse", "json", "read_file", "readFile", "tree", "of", "of", "of"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join)
VECTORS = st.lists(st.integers(-2, 2), min_size=DIM, max_size=DIM).filter(any)
EXEMPLARS = st.lists(st.tuples(VECTORS, TEXTS, st.sampled_from("AB")), min_size=1, max_size=24)
HOW = st.fixed_dictionaries(
    {
        "label": st.sampled_from([None, None, "A"]),
        "grouped": st.booleans(),
        "threshold": st.sampled_from([None, None, 0.0, 0.5]),
        "line": st.sampled_from([None, 0.3]),
    }
)


@pytest.fixture(scope="module", params=["one segment", "small segments, few tried"])
def galleries(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "one segment":
            patch.setattr(lexicon, "JOINED_ROWS_MAX", 4)
            patch.setattr(fusion, "_NEAR_MIN", 1)
            patch.setattr(fusion, "_NEAR_FACTOR", 2)
            patch.setattr(fusion, "_TRIED_MAX", 1)
        opened = Galleries.open(tmp_path_factory.mktemp("hybrid"))
        yield opened
        opened.close()


@settings(max_examples=40, deadline=None)
@given(
    rows=EXEMPLARS,
    gone=st.sets(st.integers(0, 23), max_size=6),
    vector=VECTORS,
    text=TEXTS,
    weight=st.sampled_from([0.2, 0.5, 1.0]),
    k=st.integers(1, 8),
    how=HOW,
)
def test_fused_hits_are_those_of_scoring_every_row(
    galleries, rows, gone, vector, text, weight, k, how
):
    exemplars = [
        Exemplar(str(at), unit_rows([row], DIM)[0], label, None, {"text": said})
        for at, (row, said, label) in enumerate(rows)
    ]
    gallery, _ = galleries.create("g", space="s", dim=DIM, lexical=0.5)
    for start in range(0, len(rows), 5):
        gallery.enrol(exemplars[start : start + 5])
    gallery.remove([str(at) for at in gone])
    (query,) = unit_rows([vector], DIM)
    threshold, line = how["threshold"], how["line"]
    (hits,) = gallery.search(
        [query],
        k,
        texts=[text],
        weight=weight,
        filter=None if how["label"] is None else {"label": how["label"]},
        group_by_label=how["grouped"],
        threshold=threshold,
        line=line,
    ).hits
    galleries.delete("g")
    stay = [one for at, one in enumerate(exemplars) if at not in gone]
    allowed = np.array([how["label"] in (None, one.label) for one in stay], bool)
    line = line if threshold is None else threshold
    expected = fused(stay, query, text, weight, allowed=allowed, line=line)
    expected = first_of_each(expected) if how["grouped"] else expected
    assert [(hit.id, hit.label, hit.score, hit.fused) for hit in hits] == [
        one for one in expected[:k] if threshold is None or one[3][0] >= threshold
    ]


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=20),
    query=TEXTS,
    steps=st.lists(st.integers(1, 6), min_size=1, max_size=5),
    gone=st.sets(st.integers(0, 19), max_size=10),
)
def test_scores_do_not_depend_on_what_was_written_when(texts, query, steps, gone):
    words = [split(text) for text in texts]
    grown, at = Lexicon(), 0
    for step in [*steps, len(texts)]:
        stop = min(len(texts), at + step)
        if stop > at:
            numbers = list(range(10 + at, 10 + stop))
            grown = grown.with_rows(numbers, [packed(one) for one in words[at:stop]])
        grown, at = grown.without([10 + one for one in gone if at <= one < stop]), stop
    stay = [at for at in range(len(texts)) if at not in gone]
    assert grown.count == len(stay)
    matched = grown.matched(split(query))
    found = dict(zip(matched.numbers.tolist(), matched.scores.tolist(), strict=True))
    scores = bm25([words[at] for at in stay], split(query))
    assert found == {10 + at: score for at, score in zip(stay, scores, strict=True) if score}
    assert all(0 < score < 1 for score in found.values())
    assert (np.diff(matched.numbers) > 0).all()


def test_segments_are_few_and_forget_the_dead(monkeypatch):
    monkeypatch.setattr(lexicon, "JOINED_ROWS_MAX", 8)
    words = Lexicon()
    for number in range(64):
        words = words.with_rows([number], [packed([f"w{number}"])])
    assert sum(len(one) for one in words.segments) == words.count == 64
    assert len(words.segments) <= 64 / 8 + math.log2(8) + 1
    words = words.without(range(60))
    assert words.count == 4
    assert sum(len(one) for one in words.segments) <= 8
    assert words.without(range(64)) == Lexicon()


def test_a_segment_holds_as_many_rows_as_its_numbers_allow():
    kinds = [packed(["a", f"b{kind}"]) for kind in range(7)]
    bags = [kinds[at % 7] for at in range(segment.ROWS_MAX)]
    words = Lexicon((segment.Segment.of(range(segment.ROWS_MAX), bags),))
    found = words.matched(["b3"]).numbers
    assert found.tolist() == list(range(3, segment.ROWS_MAX, 7))
