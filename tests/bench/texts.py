"""Embeddings of real texts, for figures that random rows would flatter: made once, then kept."""

import os
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.progress import track

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.onnx_session import cores

KEPT = Path(os.environ.get("BENCH_KEPT", ".cache/bench"))
_KINDS = {".py", ".pyi", ".md", ".rst", ".txt", ".h", ".hpp", ".cpp"}
_WORDS_MIN, _WORDS_MAX, _LINE_MAX, _FILE_MAX = 3, 10, 64, 5_000_000
_STEP, _BATCH = 8192, 48


def lines(rows: int) -> list[str]:
    """Return distinct short lines of the packages installed here, in a fixed shuffled order."""
    found: dict[str, str] = {}
    roots = {sysconfig.get_path(name) for name in ("purelib", "stdlib")} | {"/usr/lib/python3"}
    for root in sorted(roots):
        for path in sorted(Path(root).rglob("*")):
            if path.suffix in _KINDS and path.is_file() and path.stat().st_size < _FILE_MAX:
                for line in _sentences(path):
                    found.setdefault(line.lower(), line)
    some = list(found.values())
    random.Random(0).shuffle(some)
    return some[:rows]


def _sentences(path: Path) -> Iterator[str]:
    for raw in path.read_text("utf-8", "ignore").splitlines():
        line = " ".join(raw.strip().lstrip("#/*-: ").split())
        letters = sum(char.isalpha() or char == " " for char in line)
        words = line.count(" ") + 1
        if (
            _WORDS_MIN <= words <= _WORDS_MAX
            and 12 < len(line) <= _LINE_MAX
            and letters > 0.8 * len(line)
        ):
            yield line


def embedded(rows: int) -> np.ndarray:
    """Return unit rows (n, 384) of so many lines by minilm, fewer where there are fewer lines.

    Some 500 lines a second; what was made before is kept, also that of a run that was stopped.
    """
    KEPT.mkdir(parents=True, exist_ok=True)
    path, mark = KEPT / "texts.f32", KEPT / "texts.done"
    done = int(mark.read_text()) if mark.exists() else 0
    encoder = OnnxEncoder.open(Path("models/bundles/minilm"), threads=cores(), provider="cpu")
    dim = encoder.manifest.dim
    if done < rows:
        texts = lines(rows)
        with path.open("r+b" if path.exists() else "w+b") as file:
            for start in track(range(done, len(texts), _STEP), "embedding texts"):
                some = texts[start : start + _STEP]
                file.seek(4 * dim * start)
                file.write(embedded_texts(encoder, some).tobytes())
                file.flush()
                mark.write_text(str(start + len(some)))
        rows = len(texts)
    return np.fromfile(path, "<f4", rows * dim).reshape(-1, dim)


def embedded_texts(encoder: OnnxEncoder, texts: list[str]) -> np.ndarray:
    """Return the rows (n, d) of texts, embedded in batches of similar length."""
    features = [encoder.decode(Item("text", text)) for text in texts]
    order = sorted(range(len(texts)), key=lambda at: features[at].cost)
    made = np.empty((len(texts), encoder.manifest.dim), np.float32)
    for start in range(0, len(order), _BATCH):
        some = order[start : start + _BATCH]
        made[some] = encoder.run(encoder.collate([features[at] for at in some]))
    return made
