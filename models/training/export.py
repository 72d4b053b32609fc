"""Torch graph to ONNX graph, and the precisions that a bundle may store it in."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch.jit._trace import TracerWarning

from models.errors import BundleUnsupported
from models.onnx_encoder import OUTPUT_NAME

OPSET = (
    17  # the newest that the tracing exporter writes; LayerNormalization is one operator from 17 on
)
FP16_VALUES_MIN = 1024  # a smaller tensor saves nothing, and scalars carry masks that float16 clips


def export_onnx(
    graph: torch.nn.Module,
    inputs: Sequence[str],
    example: tuple[torch.Tensor, ...],
    path: Path,
    *,
    free: Sequence[str] = ("batch", "sequence"),
) -> None:
    """Trace a graph into a file of standard operators, with its first axes free.

    The tracing exporter is chosen by result (MiniLM, 2 cores): as fast once ONNX Runtime has fused
    it (157 texts/s to 152), in 3 seconds instead of 14. What tracing may freeze, parity would show.

    Args:
        graph: takes the inputs in order, gives unit rows (n, dim).
        example: a tensor per input, its free axes longer than one.
        free: names of the axes of an input that are free, from the first on.
    """
    axes = {name: dict(enumerate(free)) for name in inputs}
    with torch.no_grad(), _known_warnings():
        dim = graph(*example).shape[1]
        torch.onnx.export(
            graph,
            example,
            str(path),
            input_names=list(inputs),
            output_names=[OUTPUT_NAME],
            dynamic_axes=axes | {OUTPUT_NAME: {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(str(path))
    if len(model.graph.input) != len(inputs):
        raise BundleUnsupported(
            f"the graph uses {[node.name for node in model.graph.input]} of its inputs "
            f"{list(inputs)}; an input without effect cannot be served"
        )
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = dim
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def store_fp16(path: Path) -> None:
    """Keep the weights of a graph as float16 and compute in float32, in half the space.

    The runtime folds the casts when it loads the graph, so that the speed is that of float32.

    Raises:
        BundleUnsupported: a weight is beyond the range of float16.
    """
    model = onnx.load(str(path))
    kept, casts = [], []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < FP16_VALUES_MIN:
            kept.append(tensor)
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            raise BundleUnsupported(
                f"weight {tensor.name!r} has values beyond float16; import it with precision fp32"
            )
        stored = f"{tensor.name}.fp16"
        kept.append(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def quantize_int8(path: Path) -> None:
    """Quantise the matrix products to int8, with scales of the activations found per batch."""
    quantize_dynamic(
        str(path),
        str(path),
        op_types_to_quantize=["MatMul"],
        per_channel=True,
        weight_type=QuantType.QInt8,
    )


@contextmanager
def _known_warnings() -> Iterator[None]:
    """Silence the tracing exporter's warnings that were read, and are answered by parity."""
    with warnings.catch_warnings():
        # The exporter is chosen knowingly (see export_onnx), and calls its own deprecated parts.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        # Shape tests in library code, frozen as traced; parity runs many other shapes.
        warnings.filterwarnings("ignore", category=TracerWarning)
        # Indices from argmax and arange, never negative.
        warnings.filterwarnings("ignore", "Exporting aten::index operator", UserWarning)
        yield
