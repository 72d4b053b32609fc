"""What ranks tell, and BM25 against the plain formula."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.spelling import content_of, words  # noqa: E402
from models.training.code.bm25 import K1, B, Bm25, neighbours  # noqa: E402
from models.training.code.pairs import Pair  # noqa: E402
from models.training.code.questions import base  # noqa: E402
from models.training.code.report import (  # noqa: E402
    Searcher,
    by_language,
    compare,
    failures,
    fused,
)
from models.training.code.trials import (  # noqa: E402
    Trial,
    cosqa,
    docstrings,
    figures,
    ranks,
    undocumented,
)

CODES = [
    "def readFile(path): return open(path).read()",
    "def sort_rows(rows, key): return sorted(rows, key=key)",
    "def read_rows(path): return [row for row in open(path)]",
    "def draw(): pass",
]
ASKED = ["read a file", "sort the rows by key", "read rows rows", "nothing of it"]


def plain_bm25(question: str, place: int) -> float:
    texts = [words(code).lower().split() for code in CODES]
    mean = sum(map(len, texts)) / len(texts)
    own, total = texts[place], 0.0
    for word in set(words(question).lower().split()):
        within = sum(word in text for text in texts)
        if not within:
            continue
        idf = math.log(1 + (len(texts) - within + 0.5) / (within + 0.5))
        count = own.count(word)
        damped = K1 * (1 - B + B * len(own) / mean)
        total += idf * count * (K1 + 1) / (count + damped)
    return total


def test_bm25_is_the_formula() -> None:
    expected = [[plain_bm25(question, place) for place in range(len(CODES))] for question in ASKED]
    np.testing.assert_allclose(Bm25(CODES).scores(ASKED), expected, rtol=1e-5)


@pytest.mark.parametrize("processes", [1, 2])
def test_neighbours_are_what_bm25_takes_for_the_answer(processes: int) -> None:
    codes = [*CODES, "def read_lines(path): return list(open(path))"]
    said = [
        "read a whole file",
        "sort rows",
        "read the rows of a file",
        "draw",
        "Read a whole file",
    ]
    near = neighbours(said, codes, 2, block=9, processes=processes)
    assert 2 in near[0].tolist()
    assert 4 not in near[0].tolist()  # of which the same is said
    assert near[3].tolist() == [3, 3]  # its own place, where there is none


def test_ranks_count_what_scores_higher_and_half_of_ties() -> None:
    scores = np.array([[0.9, 0.5, 0.1], [0.9, 0.5, 0.1], [0.4, 0.4, 0.4]], np.float32)
    found = ranks(scores, np.array([0, 2, 1]))
    assert found.tolist() == [1, 3, 2]
    assert figures(found) == pytest.approx(
        {"mrr": (1 + 1 / 3 + 1 / 2) / 3, "recall@1": 1 / 3, "recall@5": 1.0, "recall@10": 1.0}
    )


def test_an_encoder_that_knows_nothing_is_no_better_than_chance() -> None:
    count = 101
    found = ranks(np.zeros((count, count), np.float32), np.arange(count))
    assert set(found.tolist()) == {51}


@pytest.mark.parametrize(
    ("code", "bare"),
    [
        ('def f(x):\n    """Say it."""\n    return x', "def f(x):\n    return x"),
        ("def f(x):\n    r'''Say\n    more.'''\n    print x", "def f(x):\n    print x"),
        ("def f(x):\n    return '''text'''", "def f(x):\n    return '''text'''"),
        ('def f(a="""b"""):\n    return a', 'def f(a="""b"""):\n    return a'),
    ],
)
def test_a_docstring_is_taken_away_whatever_python(code: str, bare: str) -> None:
    assert undocumented(code) == bare


def trial() -> Trial:
    return Trial("t", ASKED[:3], [(code, "python") for code in CODES], np.arange(3))


def test_fusion_is_at_least_as_good_as_either() -> None:
    dense = np.array([[0.1, 0.2, 0.3, 0], [0, 0.9, 0, 0], [0.5, 0, 0.4, 0]], np.float32)
    lexical = Bm25(CODES).scores(ASKED[:3])
    _, found = fused(dense, lexical, trial())
    alone = [figures(ranks(scores, trial().truth))["mrr"] for scores in (dense, lexical)]
    assert found["mrr"] >= max(alone)
    assert set(compare(trial(), dense, dense)) == {
        "BM25", "MiniLM", "code", "MiniLM + BM25", "code + BM25", "code + MiniLM",
    }  # fmt: skip


def test_failures_are_shown_with_what_was_found_instead() -> None:
    scores = np.array([[0, 0.3, 0.2, 0.1], [0, 1, 0, 0], [0, 0, 1, 0]], np.float32)
    shown = failures(trial(), scores)
    assert shown[0] == {"asked": "read a file", "rank": 4, "own": CODES[0], "found": CODES[1]}


def test_a_searcher_is_given_language_and_code() -> None:
    seen: list[str] = []

    def embed(texts: list[str]) -> np.ndarray:
        seen.extend(texts)
        return np.eye(4, dtype=np.float32)[: len(texts)]

    assert Searcher(embed, embed).scores(trial()).shape == (3, 4)
    assert seen[3] == content_of(CODES[0], "python")


def test_a_docstring_asks_for_its_function_without_it() -> None:
    pair = Pair("p", "f", "go", "Say it. Then more.", "// Say it\nfunc f() {}", "func f() {}")
    made = docstrings([pair])
    assert (made.questions, made.codes) == (["Say it"], [("func f() {}", "go")])
    assert [one.name for one in by_language([pair] * 2, least=2)] == ["held-out-go"]
    assert by_language([pair]) == []


def test_cosqa_is_read_as_it_is_published(tmp_path: Path) -> None:
    codes = {'def a():\n    """A."""\n    return 1': 1, "def b(): return 2": 0}
    (tmp_path / "cosqa-codes.txt").write_text(json.dumps(codes))
    asked = [{"doc": "what is a", "retrieval_idx": "1"}, {"doc": "b?", "retrieval_idx": "0"}]
    (tmp_path / "cosqa-dev-500.json").write_text(json.dumps(asked))
    made, bare = cosqa(tmp_path), cosqa(tmp_path, bare=True)
    assert [code for code, _ in made.codes] == [*sorted(codes, key=codes.__getitem__)]
    assert made.truth.tolist() == [1, 0]
    assert bare.codes[1][0] == "def a():\n    return 1"


@pytest.mark.parametrize(
    ("verb", "expected"), [("Returns", "Return"), ("sets", "set"), ("this", "this")]
)
def test_verbs_are_turned_into_their_base(verb: str, expected: str) -> None:
    assert base(verb) == expected
