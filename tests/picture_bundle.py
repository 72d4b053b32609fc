"""A tiny encoder of pictures, made by code: its embedding is a picture of a few pixels."""

from dataclasses import replace
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
from models.pictures.grams import Grams
from models.region import REGIONS_NAME
from tests.pictures import encoded, noise

SIDE, CELLS = 32, 4
DIM = 3 * CELLS * CELLS


TEXT: dict[str, Any] = {"sizes": [1, 2], "buckets": 50, "characters_max": 8, "seed": 0}
WIDTH, READS_WEIGHT = 6, 0.5  # of a row for what is read, beside that of the cells
TABLE = np.random.default_rng(5).normal(size=(50, WIDTH)).astype(np.float32)
TABLE[0] = 0
LENGTH = Grams(**TEXT).length


def graph(path: Path, *, reads: bool = False) -> None:
    """Write a graph: the mean colour of each of 4 x 4 cells about grey, normalised.

    With what is read: beside it, at half the weight, the normalised sum of a vector for each id.
    """
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
        helper.make_node("LpNormalization", ["flat"], ["cells" if reads else "embedding"], axis=1),
    ]
    if reads:
        nodes += [
            helper.make_node("Gather", ["table", "reads"], ["vectors"]),
            helper.make_node("ReduceSum", ["vectors", "over"], ["sum"], keepdims=0),
            helper.make_node("LpNormalization", ["sum"], ["word"], axis=1),
            helper.make_node("Mul", ["word", "weight"], ["weighed"]),
            helper.make_node("Concat", ["cells", "weighed"], ["both"], axis=1),
            helper.make_node("LpNormalization", ["both"], ["embedding"], axis=1),
        ]
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("scale", 255.0), ("grey", 0.4))
    ]
    takes = [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", 3, SIDE, SIDE])]
    if reads:
        takes.append(helper.make_tensor_value_info("reads", TensorProto.INT32, ["n", LENGTH]))
        constants += [
            numpy_helper.from_array(TABLE, "table"),
            numpy_helper.from_array(np.array([1], np.int64), "over"),
            numpy_helper.from_array(np.array(READS_WEIGHT, np.float32), "weight"),
        ]
    dim = DIM + WIDTH * reads
    made = helper.make_graph(
        nodes,
        "cells",
        takes,
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dim])],
        constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


GRID = 8  # cells a side, in each of which the region graph looks for colour
SQUARE = 128


def regions_graph(path: Path) -> None:
    """Write a graph of regions: each cell of a grid, with its mean distance from grey."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["cast", "grey"], ["about"]),
        helper.make_node("Abs", ["about"], ["away"]),
        helper.make_node("ReduceMean", ["away"], ["grey away"], axes=[1], keepdims=1),
        helper.make_node(
            "AveragePool",
            ["grey away"],
            ["cells"],
            kernel_shape=[SQUARE // GRID] * 2,
            strides=[SQUARE // GRID] * 2,
        ),
        helper.make_node("Div", ["cells", "scale"], ["shares"]),
        helper.make_node("Flatten", ["shares"], ["scores"]),
        helper.make_node("Identity", ["every box"], ["boxes"]),
    ]
    y, x = np.mgrid[:GRID, :GRID].reshape(2, -1) / GRID
    boxes = np.stack([x, y, x + 1 / GRID, y + 1 / GRID], axis=1)[np.newaxis]
    constants = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("scale", 128.0), ("grey", 128.0), ("every box", boxes))
    ]
    one = helper.make_tensor_value_info
    made = helper.make_graph(
        nodes,
        "grid",
        [one("pixels", TensorProto.UINT8, ["n", 3, SQUARE, SQUARE])],
        [
            one("boxes", TensorProto.FLOAT, [1, GRID**2, 4]),
            one("scores", TensorProto.FLOAT, ["n", GRID**2]),
        ],
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


def lettered_reference(pixels: NDArray[np.uint8], ids: NDArray[np.int32]) -> NDArray[np.float32]:
    """Embed by numpy what the graph embeds of pictures and what they read: ids (n, LENGTH)."""
    sums = TABLE[ids].sum(axis=1)
    words = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    both = np.concatenate([reference(pixels), READS_WEIGHT * words], axis=1)
    rows: NDArray[np.float32] = both / np.linalg.norm(both, axis=1, keepdims=True)
    return rows


def write_picture_bundle(
    folder: Path,
    name: str = "cells",
    *,
    regions: bool = False,
    reads: bool = False,
    **config: Any,
) -> Path:
    """Publish the encoder as a bundle under a folder, and return the bundle's own."""
    config = {"size": SIDE, "fit": "pad", "contrast": [40, 40, 40]} | config
    if reads:
        config["text"] = TEXT
    modality = build(config, folder)
    files = [encoded(noise(seed=seed), "PNG") for seed in range(3)]
    items = [Item("image", content) for content in files]
    if reads:
        items[1:] = [replace(items[1], reads="one"), replace(items[2], reads="a")]
    feeds = modality.collate([modality.decode(item) for item in items])
    rows = lettered_reference(feeds["pixels"], feeds["reads"]) if reads else reference(**feeds)
    graph_path = folder / f"{name}.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    graph(graph_path, reads=reads)
    manifest = Manifest(
        name=name,
        version="1",
        description="Mean colours of cells.",
        modality="image",
        preprocessing=config,
        dim=rows.shape[1],
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
        PROBE_NAME: render_probe([ProbeItem.of(item) for item in items], rows),
    }
    graph_path.unlink()
    if regions:
        regions_graph(graph_path)
        contents[REGIONS_NAME] = graph_path.read_bytes()
        graph_path.unlink()
    write_bundle(folder / name, manifest, contents)
    return folder / name
