"""Storing weights in half the space: the same function, within float16, or a refusal."""

from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

onnx = pytest.importorskip("onnx", reason="the train extra is not installed")
pytest.importorskip("torch", reason="the train extra is not installed")

from models.errors import BundleUnsupported  # noqa: E402
from models.training.export import store_fp16  # noqa: E402


def product(path: Path, weights: np.ndarray) -> Path:
    """Write the graph of y = x @ weights."""
    kinds = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 64]) for name in "xy"
    ]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [kinds[0]],
        [kinds[1]],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path


def test_the_weights_are_rounded_once_and_computed_in_float32(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    weights = draw.standard_normal((64, 64)).astype(np.float32)
    rows = draw.standard_normal((3, 64)).astype(np.float32)
    path = product(tmp_path / "g.onnx", weights)
    size = path.stat().st_size
    store_fp16(path)
    assert path.stat().st_size < 0.6 * size
    (found,) = ort.InferenceSession(str(path)).run(None, {"x": rows})
    np.testing.assert_allclose(found, rows @ weights.astype(np.float16).astype(np.float32), 1e-4)


def test_a_weight_beyond_float16_is_refused_by_name(tmp_path: Path) -> None:
    path = product(tmp_path / "g.onnx", np.full((64, 64), 70_000, np.float32))
    with pytest.raises(BundleUnsupported, match=r"'w'.*fp32"):
        store_fp16(path)
