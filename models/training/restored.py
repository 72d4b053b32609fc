"""The weights of a tower from the bundle that was made of it: to train on where it stands."""

from pathlib import Path
from typing import TypeVar

import onnx
import torch
from onnx import numpy_helper
from torch import nn

from models.bundle import MODEL_NAME

Tower = TypeVar("Tower", bound=nn.Module)
MATRIX = "onnx::MatMul"


def restored(tower: Tower, folder: Path) -> Tower:
    """Set a tower's weights to those of a bundle that was exported from its like.

    The tracer keeps the names of weights but for the matrices of dense layers on sequences, which
    it leaves transposed, without names, in the order of their use: that of the tower's own. Of
    weights that are equal it keeps one, so that what has learnt nothing yet cannot be restored.

    Args:
        folder: the bundle's; its weights may be stored as float16.

    Raises:
        ValueError: the graph is that of another tower.
    """
    graph = onnx.load(str(folder / MODEL_NAME)).graph
    found = {
        tensor.name.removesuffix(".fp16"): torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }
    matrices = [weight.T for name, weight in found.items() if name.startswith(MATRIX)]
    unnamed = iter(matrices)
    state = {}
    for name, own in tower.state_dict().items():
        weight = found.get(name)
        weight = next(unnamed, None) if weight is None else weight
        if weight is None or weight.shape != own.shape:
            raise ValueError(
                f"{folder}: its graph has no weight {name} of shape {tuple(own.shape)}; "
                "name a bundle that was made of this tower"
            )
        state[name] = weight.float()
    if next(unnamed, None) is not None:
        raise ValueError(f"{folder}: its graph has more weights than this tower has")
    tower.load_state_dict(state)
    return tower
