"""MiniLM in plain torch, with the weights of the shipped bundle."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from models.modality import Item  # noqa: E402
from models.onnx_encoder import OnnxEncoder  # noqa: E402
from models.training.sentence_tower import SentenceTower, Shape, tower_of_bundle  # noqa: E402

MINILM = Path("models/bundles/minilm").resolve()
TEXTS = ["x", "how do I sort a list?", "def f(x):\n    return x ** 2", "word " * 400]
SMALL = Shape(vocabulary=50, positions=16, width=12, heads=3, inner=20, layers=2)


def test_it_embeds_as_the_bundle_does() -> None:
    encoder = OnnxEncoder.open(MINILM, threads=1, provider="cpu")
    features = [encoder.decode(Item("text", text)) for text in TEXTS]
    feeds = encoder.collate(features)
    with torch.no_grad():
        found = tower_of_bundle(MINILM).eval()(
            torch.from_numpy(feeds["input_ids"]), torch.from_numpy(feeds["attention_mask"])
        )
    np.testing.assert_allclose(found.numpy(), encoder.forward(features), atol=2e-6)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    tower = SentenceTower(SMALL).eval()
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        alone = tower(ids, torch.ones_like(ids))
        padded = tower(torch.tensor([[1, 2, 3, 9, 9]]), torch.tensor([[1, 1, 1, 0, 0]]))
    torch.testing.assert_close(padded, alone, atol=1e-6, rtol=0)
    assert alone.norm(dim=1).item() == pytest.approx(1.0, abs=1e-6)


def test_a_graph_without_its_weights_is_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import helper

    graph = helper.make_graph([], "empty", [], [])
    onnx.save(helper.make_model(graph), str(tmp_path / "model.onnx"))
    with pytest.raises(ValueError, match="no weight for"):
        tower_of_bundle(tmp_path)
