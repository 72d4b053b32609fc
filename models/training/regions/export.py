"""A trained proposer to the file that is served."""

import warnings
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.jit._trace import TracerWarning

from models.bundle import Bundle, write_bundle
from models.region import REGIONS_NAME
from models.training.export import OPSET, store_fp16
from models.training.regions.net import SIDE, Proposals

INPUT, OUTPUTS = "pixels", ("boxes", "scores")


def export_regions(net: nn.Module, path: Path) -> None:
    """Write the graph from `pixels` to `boxes` and `scores`, its weights stored as float16."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with torch.no_grad(), warnings.catch_warnings():
        # The tracing exporter is chosen knowingly (see models/training/export.py).
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=TracerWarning)
        torch.onnx.export(
            Proposals(net).eval(),
            (torch.zeros(2, 3, SIDE, SIDE, dtype=torch.uint8),),
            str(path),
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_axes={name: {0: "batch"} for name in (INPUT, *OUTPUTS)},
            opset_version=OPSET,
            dynamo=False,
        )
    store_fp16(path)
    onnx.checker.check_model(onnx.load(str(path)), full_check=True)


def add_regions(folder: Path, graph: Path) -> None:
    """Publish an encoder's bundle anew, with this proposer in it; the encoder's space stays.

    Raises:
        BundleUnsupported, BundleCorrupt: the folder is no sound bundle.
    """
    bundle = Bundle.open(folder)
    files: dict[str, bytes | Path] = {name: folder / name for name in bundle.manifest.files}
    write_bundle(folder, bundle.manifest, files | {REGIONS_NAME: graph}, replace=True)
