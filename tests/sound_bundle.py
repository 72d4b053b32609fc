"""A tiny encoder of sounds, made by code: its embedding is how loud each sixteenth is."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.bundle import MODEL_NAME, PROBE_NAME, ProbeItem, render_probe, write_bundle
from models.manifest import Manifest
from models.modalities.audio import build
from models.modality import Item
from tests.sounds import RATE, encoded, tone

SAMPLES, DIM = 4_000, 16


def graph(path: Path) -> None:
    """Write a graph: the mean size of the samples of each sixteenth, normalised."""
    nodes = [
        helper.make_node("Cast", ["samples"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Abs", ["cast"], ["sizes"]),
        helper.make_node("Unsqueeze", ["sizes", "axis"], ["one channel"]),
        helper.make_node(
            "AveragePool",
            ["one channel"],
            ["pooled"],
            kernel_shape=[SAMPLES // DIM],
            strides=[SAMPLES // DIM],
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("LpNormalization", ["flat"], ["embedding"], axis=1),
    ]
    one = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        "loudness",
        [one("samples", TensorProto.INT16, ["n", SAMPLES])],
        [one("embedding", TensorProto.FLOAT, ["n", DIM])],
        [numpy_helper.from_array(np.array([1], np.int64), "axis")],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def reference(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Embed by numpy what the graph embeds: int16 (n, SAMPLES) to unit rows (n, DIM)."""
    sizes = np.abs(samples.astype(np.float64)).reshape(len(samples), DIM, -1).mean(2)
    rows: NDArray[np.float32] = (sizes / np.linalg.norm(sizes, axis=1, keepdims=True)).astype("<f4")
    return rows


def write_sound_bundle(folder: Path, name: str = "loudness", **config: Any) -> Path:
    """Publish the encoder as a bundle under a folder, and return the bundle's own."""
    config = {"sample_rate": RATE, "samples": SAMPLES} | config
    modality = build(config, folder)
    files = [encoded(tone(0.1 + 0.1 * n, rate=8_000), rate=8_000) for n in range(3)]
    items = [Item("audio", content) for content in files]
    feeds = modality.collate([modality.decode(item) for item in items])
    rows = reference(feeds["samples"])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    graph(path)
    manifest = Manifest(
        name=name,
        version="1",
        description="How loud each sixteenth is.",
        modality="audio",
        preprocessing=config,
        dim=DIM,
        precision="fp32",
        licence="Apache-2.0",
        source="tests",
        training_data="none",
        unrelated_score_q99=0.9,
        probe_floor=0.999,
        files={},
    )
    contents = {
        MODEL_NAME: path.read_bytes(),
        PROBE_NAME: render_probe([ProbeItem.of(item) for item in items], rows),
    }
    path.unlink()
    write_bundle(folder / name, manifest, contents)
    return folder / name
