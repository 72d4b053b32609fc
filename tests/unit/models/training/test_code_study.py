"""The ways of learning, each a few steps long, on a tower that is small enough for that."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from tokenizers import Tokenizer  # noqa: E402

from models.modality import Item, read_item  # noqa: E402
from models.onnx_encoder import OnnxEncoder  # noqa: E402
from models.training.code import study as studied  # noqa: E402
from models.training.code.delta import add_delta, between, write_delta  # noqa: E402
from models.training.code.further import further  # noqa: E402
from models.training.code.learning import Way, WithQueue, embed, freeze  # noqa: E402
from models.training.code.material import Material, material_of  # noqa: E402
from models.training.code.pairs import Pair  # noqa: E402
from models.training.code.publishing import metrics_of, publish  # noqa: E402
from models.training.code.questions import STYLES  # noqa: E402
from models.training.code.soften import Kind, kinds_of, soften  # noqa: E402
from models.training.code.study import WAYS, Study, study  # noqa: E402
from models.training.code.trials import docstrings  # noqa: E402
from models.training.restored import restored  # noqa: E402
from models.training.sentence_tower import SentenceTower, Shape  # noqa: E402

TOKENIZER = Path("models/bundles/minilm/tokenizer.json").resolve()
THINGS = ["file", "user", "matrix", "table", "image", "server", "colour", "network", "date", "row"]
DEEDS = ["read", "sort", "merge", "delete", "count", "draw", "open", "close", "copy", "print"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(TOKENIZER))


def small() -> SentenceTower:
    torch.manual_seed(1)
    return SentenceTower(Shape(width=16, heads=2, inner=24, layers=2))


def pairs() -> list[Pair]:
    made = []
    for deed in DEEDS:
        for thing in THINGS:
            bare = f"def {deed}_{thing}(self, name):\n    it = self.{thing}s[name]\n    {deed}(it)"
            code = bare.replace("\n", f'\n    """{deed.title()} the {thing} of that name."""\n', 1)
            told = f"{deed.title()} the {thing} of that name."
            made.append(Pair("p", f"{deed}_{thing}", "python", told, code, bare))
    return made


@pytest.fixture(scope="module")
def material(tokenizer: Tokenizer) -> Material:
    near = np.roll(np.arange(100, dtype=np.int32), 1)[:, None]
    return material_of(pairs(), tokenizer, torch.device("cpu"), near=near)


def test_a_step_gives_the_same_batch(material: Material) -> None:
    one, same, other = material.draw(3, 12), material.draw(3, 12), material.draw(4, 12)
    torch.testing.assert_close(one.questions[0], same.questions[0])
    torch.testing.assert_close(one.codes[0], same.codes[0])
    assert one.labels.tolist() != other.labels.tolist()


def test_half_a_batch_are_neighbours_of_the_other_half(material: Material) -> None:
    labels = material.draw(0, 12).labels.tolist()
    assert len(set(labels)) == len(labels) <= 12
    assert all((one - 1) % 100 in labels or (one + 1) % 100 in labels for one in labels)
    assert len(material.without_near().draw(0, 12).labels) == 12


def test_a_batch_is_its_pairs_in_words(material: Material, tokenizer: Tokenizer) -> None:
    batch = material.draw(5, 12)
    for label, ids in zip(batch.labels.tolist(), batch.codes[0].tolist(), strict=True):
        pair = pairs()[label]
        text = tokenizer.decode(ids)
        assert text.startswith(f"python def {pair.name.replace('_', ' ')} self name")
    told = [("of that name" in tokenizer.decode(ids)) for ids in batch.codes[0].tolist()]
    assert 0 < sum(told) < len(told)  # some keep their docstring


def test_questions_of_a_function_are_several(material: Material, tokenizer: Tokenizer) -> None:
    asked = [tokenizer.decode(row) for row in material.questions.ids[0].tolist()]
    assert len(asked) == STYLES
    assert asked[0] == "read the file of that name"
    assert len(set(asked)) >= 4
    assert all("file" in one or "read" in one for one in asked)


def test_soft_augmentation_changes_a_share_and_no_special_token(tokenizer: Tokenizer) -> None:
    kinds, mask_id = kinds_of(tokenizer), tokenizer.token_to_id("[MASK]")
    text = "python def read lines ( path , 12 , 7 ) : if path is not none : return open path + 3 "
    ids = torch.tensor([tokenizer.encode(text * 2).ids] * 400)
    mask = torch.ones_like(ids)
    mask[:, -4:] = 0
    soft = soften(ids, mask, kinds, mask_id, torch.Generator().manual_seed(0))
    changed = soft != ids
    assert not changed[:, -4:].any()
    assert not changed[kinds[ids] == Kind.SPECIAL].any()
    masked = soft == mask_id
    # 15 % are chosen; of those replaced, some meet a token like themselves.
    assert 0.05 < masked.float().mean() < 0.1
    assert 0.09 < changed.float().mean() < 0.15
    replaced = changed & ~masked
    assert (kinds[soft[replaced]] == kinds[ids[replaced]]).all()


def test_kinds_are_told_by_the_vocabulary(tokenizer: Tokenizer) -> None:
    kinds = kinds_of(tokenizer)
    expected = {"def": Kind.KEYWORD, "table": Kind.NAME, "##s": Kind.NAME, "12": Kind.NUMBER,
                "+": Kind.SIGN, "[CLS]": Kind.SPECIAL}  # fmt: skip
    assert {token: kinds[tokenizer.token_to_id(token)] for token in expected} == expected


def test_only_the_last_layers_learn() -> None:
    tower = small()
    freeze(tower, 1)
    learning = {name.split(".")[1] for name, one in tower.named_parameters() if one.requires_grad}
    assert learning == {"1"}
    assert not tower.tokens.weight.requires_grad


def test_the_queue_holds_the_last_keys_of_the_slow_tower(
    material: Material, tokenizer: Tokenizer
) -> None:
    lose = WithQueue(Way(queue=30, temperature=0.07), kinds_of(tokenizer), 103)
    tower = small()
    batches = [material.without_near().draw(step, 20) for step in range(3)]
    losses = [lose(tower, batch).item() for batch in batches]
    assert lose.queue is not None
    labels = torch.cat([batch.labels for batch in batches])[-30:]
    torch.testing.assert_close(lose.queue[2], labels)
    # The tower did not move, so that its slow copy embeds as it does.
    expected = torch.cat([embed(tower, batch)[1] for batch in batches])[-30:]
    torch.testing.assert_close(lose.queue[1], expected, atol=2e-2, rtol=0)
    assert losses[1] > losses[0]  # among more


def test_changes_are_kept_in_bytes_and_scaled(tmp_path: Path) -> None:
    start, end, other, way = small(), small(), small(), small()
    with torch.no_grad():
        for weight in end.layers.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    write_delta(tmp_path / "delta.npz", start, end)
    with np.load(tmp_path / "delta.npz") as kept:
        assert not any(name.startswith("tokens") for name in kept)
    for alpha in (0.0, 0.5, 1.0):
        other.load_state_dict(start.state_dict())
        add_delta(other, tmp_path / "delta.npz", alpha)
        between(start, end, alpha, way)
        for found, expected in zip(other.parameters(), way.parameters(), strict=True):
            torch.testing.assert_close(found, expected, atol=4e-4, rtol=0)


def test_every_way_learns_and_the_best_is_compared(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [replace(pair, package="q") for pair in pairs()[::7]]
    monkeypatch.setattr(studied, "STEPS", 3)
    ways = {name: WAYS[name] for name in ("in-batch", "queue-soft-near")}
    monkeypatch.setattr(studied, "WAYS", ways)
    near = np.roll(np.arange(100, dtype=np.int32), 1)[:, None]
    told: list[str] = []
    made = Study(
        start=small(), tokenizer=tokenizer, learnt=pairs(), near=near, trials=[docstrings(away)],
        others=[], out=tmp_path / "out", work=tmp_path / "work", device=torch.device("cpu"),
        layers=1, size=8, rate=1e-3, tell=told.append,
    )  # fmt: skip
    study(made, minutes=10)
    figures = json.loads((tmp_path / "out" / "figures.json").read_text())
    assert {"MiniLM", "MiniLM, split", *ways} < set(figures)
    (long,) = (name for name in figures if name.endswith("-long"))
    for name in (*ways, long):
        assert 0 < figures[name]["mrr_by_alpha"]["1.0"]["held-out-python"] <= 1
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report["held-out-python"]["figures"]) == {
        "BM25", "MiniLM", "code", "MiniLM + BM25", "code + BM25", "code + MiniLM",
    }  # fmt: skip
    tower = small()
    add_delta(tower, tmp_path / "out" / "delta.npz")
    assert long.removesuffix("-long") in ways
    changed = [
        not torch.equal(a, b) for a, b in zip(tower.parameters(), small().parameters(), strict=True)
    ]
    assert any(changed)


@pytest.mark.parametrize("split", [True, False])
def test_what_was_learnt_is_published_and_computes_the_same(tmp_path: Path, split: bool) -> None:
    tower = small().eval()
    with torch.no_grad():  # of weights that are equal, a graph keeps one
        for weight in tower.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    figures = {"mrr": 0.5, "recall@1": 0.25, "recall@10": 0.75}
    report = {
        "alpha": 0.5,
        "split": split,
        "cosqa-dev": {"figures": {"code": figures, "MiniLM": {**figures, "mrr": 0.4}}},
    }
    bundle = publish(
        tower, TOKENIZER.parent, tmp_path / "code",
        version="2", metrics=metrics_of(report), unrelated=0.123, split=split,
    )  # fmt: skip
    encoder = OnnxEncoder.open(tmp_path / "code", threads=1, provider="cpu")
    assert (encoder.modality, encoder.dim) == ("code", 16)
    assert bundle.manifest.unrelated_score_q99 == 0.123
    assert bundle.manifest.preprocessing["split_identifiers"] is split
    (mrr, *_) = bundle.manifest.metrics
    assert ("further" in mrr.command) is not split
    assert (mrr.name, mrr.dataset, mrr.value, mrr.baseline) == ("mrr", "cosqa-dev", 0.5, 0.4)
    item = read_item("code", {"code": "def readAll(path): return 1", "language": "python"})
    features = [encoder.decode(item), encoder.decode(Item("text", "read all"))]
    feeds = encoder.collate(features)
    with torch.no_grad():
        expected = tower(*(torch.from_numpy(feeds[n]) for n in ("input_ids", "attention_mask")))
    # The bundle's weights are stored as float16.
    np.testing.assert_allclose(encoder.forward(features), expected.numpy(), atol=2e-3)
    again = restored(SentenceTower(Shape(width=16, heads=2, inner=24, layers=2)), tmp_path / "code")
    with torch.no_grad():
        rows = again(*(torch.from_numpy(feeds[n]) for n in ("input_ids", "attention_mask")))
    np.testing.assert_allclose(rows.numpy(), encoder.forward(features), atol=1e-5)
    with pytest.raises(ValueError, match="no weight"):
        restored(SentenceTower(Shape(width=16, heads=2, inner=24, layers=3)), tmp_path / "code")


def test_what_is_learnt_further_begins_where_the_encoder_stands(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(studied, "STEPS", 2)
    begin = small()
    with torch.no_grad():
        for weight in begin.layers.parameters():
            weight.add_(0.01 * torch.randn_like(weight))
    away = [replace(pair, package="q") for pair in pairs()[::7]]
    made = Study(
        start=small(), tokenizer=tokenizer, learnt=pairs(), near=None, trials=[docstrings(away)],
        others=[], out=tmp_path / "out", work=tmp_path / "work", device=torch.device("cpu"),
        layers=1, size=8, rate=1e-9, tell=lambda _: None, code_tokens=20, check_steps=1,
    )  # fmt: skip
    learnt = further(made, begin, 10, (0.5, 1.0), split=False)
    # So slow a rate changes nothing: what was learnt since the start is what was known before.
    tower = small()
    add_delta(tower, tmp_path / "out" / "delta.npz")
    for found, expected in zip(tower.parameters(), begin.parameters(), strict=True):
        torch.testing.assert_close(found, expected, atol=4e-4, rtol=0)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["split"] is False
    assert report["alpha"] == learnt.alpha in (0.5, 1.0)


def test_sequences_of_like_length_embed_as_all_at_once(material: Material) -> None:
    tower, batch = small().eval(), material.draw(2, 90)
    with torch.no_grad():
        found = embed(tower, batch)
        expected = tower(*batch.questions), tower(*batch.codes)
    for rows, whole in zip(found, expected, strict=True):
        torch.testing.assert_close(rows, whole.float(), atol=2e-2, rtol=0)  # bfloat16
