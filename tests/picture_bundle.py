"""A tiny encoder of pictures, made by code: its embedding is a picture of a few pixels."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.bundle import MODEL_NAME, PROBE_NAME, ProbeItem, render_probe, write_bundle
from models.manifest import Manifest
from models.modalities.image import build
from models.modality import Item
from tests.pictures import encoded, noise

SIDE, CELLS = 32, 4
DIM = 3 * CELLS * CELLS


def graph(path: Path) -> None:
    """Write a graph: the mean colour of each of 4 x 4 cells about grey, normalised."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["cast", "scale"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "grey"], ["about"]),
        helper.make_node(
            "AveragePool",
            ["about"],
            ["pooled"],
            kernel_shape=[SIDE // CELLS] * 2,
            strides=[SIDE // CELLS] * 2,
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("LpNormalization", ["flat"], ["embedding"], axis=1, p=2),
    ]
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("scale", 255.0), ("grey", 0.4))
    ]
    made = helper.make_graph(
        nodes,
        "cells",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIM])],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def reference(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Embed by numpy what the graph embeds: uint8 (n, 3, side, side) to unit rows (n, dim)."""
    cell = SIDE // CELLS
    cells = (pixels / 255 - 0.4).reshape(-1, 3, CELLS, cell, CELLS, cell).mean(axis=(3, 5))
    flat = cells.reshape(len(pixels), -1)
    rows: NDArray[np.float32] = (flat / np.linalg.norm(flat, axis=1, keepdims=True)).astype("<f4")
    return rows


def write_picture_bundle(folder: Path, name: str = "cells", **config: Any) -> Path:
    """Publish the encoder as a bundle under a folder, and return the bundle's own."""
    config = {"size": SIDE, "fit": "pad", "contrast": [40, 40, 40]} | config
    modality = build(config, folder)
    files = [encoded(noise(seed=seed), "PNG") for seed in range(3)]
    pixels = np.stack([modality.decode(Item("image", f)).arrays["pixels"] for f in files])
    items = [ProbeItem(base64=b64encode(content).decode()) for content in files]
    graph_path = folder / f"{name}.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    graph(graph_path)
    manifest = Manifest(
        name=name,
        version="1",
        description="Mean colours of cells.",
        modality="image",
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
        MODEL_NAME: graph_path.read_bytes(),
        PROBE_NAME: render_probe(items, reference(pixels)),
    }
    graph_path.unlink()
    write_bundle(folder / name, manifest, contents)
    return folder / name
