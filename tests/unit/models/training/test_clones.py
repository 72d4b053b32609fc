"""The encoder of clones: its figures, vocabulary and batches, and that each objective learns."""

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.modality import Item, open_modality  # noqa: E402
from models.training.clones.learning import (  # noqa: E402
    InBatch,
    WithPrototypes,
    WithQueue,
    embedded,
)
from models.training.clones.pairs import ProblemPairs  # noqa: E402
from models.training.clones.solutions import Solution, held_out, read_solutions  # noqa: E402
from models.training.clones.trials import clone_figures, map_at_r  # noqa: E402
from models.training.clones.views import TOKENS_MAX, rewritten, views_of  # noqa: E402
from models.training.clones.vocabulary import (  # noqa: E402
    MASK,
    PAD,
    ids_of,
    tokenizer_json,
    vocabulary,
)
from models.training.objective import open_objective  # noqa: E402
from models.training.sentence_tower import SentenceTower, Shape  # noqa: E402

CODES = [
    "def add(a, b):\n    return a + b\n",
    "def rest(a, b):\n    while a >= b:\n        a -= b\n    return a\n",
    "int f(vector<int>& xs) { sort(xs.begin(), xs.end()); return xs[0]; }",
    "string g(string s) { reverse(s.begin(), s.end()); return s + \"Yes\"; }",
]  # fmt: skip


def solutions() -> list[Solution]:
    return [
        Solution(f"problem-{at // 2}", "python" if at < 2 else "cpp", at % 2, code)
        for at, code in enumerate(CODES)
    ]


def test_map_at_r_is_that_of_its_definition() -> None:
    draw = np.random.default_rng(1)
    scores = draw.random((20, 30), np.float32)
    same = draw.random((20, 30)) < 0.2
    same[3] = False  # asked by nobody
    expected = []
    for row, own in zip(scores.tolist(), same.tolist(), strict=True):
        count = sum(own)
        if count:
            order = sorted(range(30), key=lambda at: -row[at])[:count]
            total = sum(
                sum(own[at] for at in order[:k]) / k
                for k in range(1, count + 1)
                if own[order[k - 1]]
            )
            expected.append(total / count)
    assert len(expected) == 19
    assert map_at_r(scores, same) == pytest.approx(np.mean(expected))


def test_figures_leave_a_query_out_and_keep_languages_apart() -> None:
    rows = np.array([[1, 0], [1, 0], [0, 1], [0.6, 0.8], [1, 0]], np.float32)
    found = clone_figures(rows, ["a", "a", "a", "b", "b"], ["py", "py", "cpp", "cpp", "py"])
    # cpp asks py: the first's two are tied with b's, the other's nearest are two of a.
    assert found["py_map"] == pytest.approx(1.0)
    assert "cpp_map" not in found
    assert found["py_to_cpp_map"] == pytest.approx(1 / 3)


def test_a_file_is_parted_into_its_solutions(tmp_path: Path) -> None:
    code = "# Time: O(1)\nimport re\n\nclass Solution(object):\n    x = 1\n\n\n# Time: O(n)\nclass Solution2(object):\n    x = 2\n"  # noqa: E501
    path = tmp_path / "some.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write(json.dumps({"problem": "two-sum", "language": "python", "code": code}) + "\n")
    first, second = read_solutions(path)
    assert (first.number, second.number, second.problem) == (0, 1, "two-sum")
    assert first.code == "import re\n\nclass Solution(object):\n    x = 1\n\n\n"
    assert second.code == "class Solution2(object):\n    x = 2\n"


def test_a_fifth_of_the_problems_is_held_out_for_good() -> None:
    out = [name for name in (f"problem-{at}" for at in range(1000)) if held_out(name)]
    assert 150 < len(out) < 250
    assert out[:3] == ["problem-4", "problem-5", "problem-6"]


def test_the_service_reads_what_the_training_did(tmp_path: Path) -> None:
    words = vocabulary()
    (tmp_path / "tokenizer.json").write_text(tokenizer_json(words), encoding="utf-8")
    config = {
        "tokenizer": "tokenizer.json",
        "tokens_max": TOKENS_MAX,
        "inputs": ["input_ids", "attention_mask"],
        "pad_id": words[PAD],
        "view": "abstract",
    }
    modality = open_modality("text", config, tmp_path)
    (views,) = views_of(solutions()[3:], words, 1, processes=1)
    found = modality.decode(Item("text", CODES[3])).arrays["input_ids"]
    assert found.tolist() == views[0].tolist()
    unknown = ids_of(["nobody_knows"], words, 8)
    assert unknown == [words["<code>"], words["<unknown>"]]
    assert modality.decode(Item("text", "x = 1;" * 999)).truncated


def test_no_token_of_a_view_is_unknown() -> None:
    words = vocabulary()
    for one in solutions():
        for seed in range(8):
            source = rewritten(one, random.Random(seed))
            (views,) = views_of([Solution("p", one.language, 0, source)], words, 1, processes=1)
            assert words["<unknown>"] not in views[0].tolist()


def test_a_batch_pairs_views_of_one_problem_and_is_the_same_again() -> None:
    words = vocabulary()
    own = solutions()
    views = views_of(own, words, 1, processes=1)
    draws = ProblemPairs(own, views, words[MASK], seed=1)
    batch = draws.draw(3, 2)
    again = draws.draw(3, 2)
    assert torch.equal(batch.ids, again.ids)
    assert sorted(batch.labels.tolist()) == [0, 1]
    for row, length in zip(batch.ids, batch.lengths, strict=True):
        assert (row[:length] != 0).all()
        assert (row[length:] == 0).all()
    # Which problem a view is of shows in its words.
    sort, reverse = words["sort"], words["reverse"]
    for at, label in enumerate(batch.labels.tolist() * 2):
        tokens = set(batch.ids[at].tolist()) - {words[MASK]}
        assert bool(tokens & {sort, reverse}) == (label == 1) or words[MASK] in batch.ids[at]


@pytest.mark.parametrize("way", ["sup_con", "nt_xent", "moco", "swav"])
def test_each_objective_draws_the_views_of_a_problem_together(way: str) -> None:
    words = vocabulary()
    own = solutions()
    draws = ProblemPairs(own, views_of(own, words, 2, processes=1), words[MASK], seed=1)
    torch.manual_seed(1)
    tower = SentenceTower(Shape(len(words), width=24, heads=2, inner=48, layers=1))
    lose = (
        WithQueue(queue=4)
        if way == "moco"
        else WithPrototypes(tower, 8)
        if way == "swav"
        else InBatch(open_objective(way).build(temperature=0.1))
    )
    optimiser = torch.optim.AdamW(tower.parameters(), lr=3e-3)
    losses = []
    for step in range(12):
        loss = lose(tower, draws.draw(step % 3, 2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.isfinite(losses).all()
    assert np.mean(losses[-3:]) < np.mean(losses[:3])


def test_rows_are_the_same_whatever_they_are_embedded_with() -> None:
    torch.manual_seed(1)
    tower = SentenceTower(Shape(len(vocabulary()), width=24, heads=2, inner=48, layers=1)).eval()
    views = [np.arange(1, 1 + size, dtype=np.uint16) for size in (3, 40, 9, 17, 5)]
    together = embedded(tower, views)
    for row, view in zip(together, views, strict=True):
        np.testing.assert_allclose(embedded(tower, [view])[0], row, atol=2e-2)  # bfloat16
