"""Batch-indexing a folder of pictures, beside the slower of decoding and the bare forward pass.

Each of the two is timed on one core: where there are two, one can decode while the other computes.
The seconds of a small folder are taken off: start, model, and end.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from tests.bench.figures import Figure, seconds_of

BUNDLE = Path("models/bundles/logo")
SIDE, FEW, MANY, ROUNDS = 256, 64, 1088, 3
BATCH = 32


def figures() -> list[Figure]:
    """Measure pictures a second from files to rows on disk, and the bare parts in turn."""
    encoder = OnnxEncoder.open(BUNDLE, provider="cpu", threads=1)
    with tempfile.TemporaryDirectory() as scratch:
        few, many = (_folder(Path(scratch) / str(count), count) for count in (FEW, MANY))
        items = [Item("image", path.read_bytes()) for path in sorted(few.iterdir())]
        features = [encoder.decode(item) for item in items]
        builds, decodes, forwards = [], [], []
        for at in range(ROUNDS):
            decodes.append(seconds_of(lambda: [encoder.decode(item) for item in items]) / FEW)
            forwards.append(
                seconds_of(
                    lambda: [encoder.forward(features[i : i + BATCH]) for i in range(0, FEW, BATCH)]
                )
                / FEW
            )
            builds.append([_built(one, Path(scratch) / f"data{at}") for one in (few, many)])
    start, whole = (min(seconds) for seconds in zip(*builds, strict=True))
    ours, slower = (whole - start) / (MANY - FEW), max(min(decodes), min(forwards))
    return [
        Figure(
            what="batch-index of pictures",
            value=f"{1 / ours:.0f}/s",
            baseline=f"dec {1 / min(decodes):.0f} fwd {1 / min(forwards):.0f}",
            ratio=slower / ours,
            target=">= 0.9",
            met=slower / ours >= 0.9,
        )
    ]


def _folder(folder: Path, count: int) -> Path:
    """Draw pictures that compress as photos do."""
    folder.mkdir()
    rng = np.random.default_rng(count)
    for at in range(count):
        coarse = rng.integers(256, size=(24, 24, 3)).astype(np.uint8)
        image = Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        image.filter(ImageFilter.GaussianBlur(1)).save(folder / f"{at:05}.jpg", quality=85)
    return folder


def _built(source: Path, data: Path) -> float:
    """Time `semblance gallery build` into a data folder, another gallery for each source."""
    environment = {**os.environ, "SEMBLANCE_DATA_DIR": str(data), "SEMBLANCE_SAMPLES": "0"}
    command = [sys.executable, "-m", "service", "gallery", "build", f"g{source.name}", str(source)]
    command += ["--model", "logo"]
    return seconds_of(
        lambda: subprocess.run(command, env=environment, check=True, capture_output=True)
    )
