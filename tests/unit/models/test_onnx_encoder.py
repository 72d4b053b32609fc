"""The encoder over the shipped bundle: rows, order, batches, devices, and no torch."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from models.errors import BundleCorrupt, ProviderUnavailable
from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.onnx_session import cores

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "models" / "bundles" / "minilm"
TEXTS = [
    "A cat sat on the mat.",
    "x",
    "The bridge was closed to lorries after the inspection. " * 12,
    "日本語とEnglish 🎉",
    "A kitten rested on the rug.",
]


@pytest.fixture(scope="module")
def encoder() -> OnnxEncoder:
    return OnnxEncoder.open(FOLDER)


def test_it_tells_what_it_is(encoder: OnnxEncoder) -> None:
    told = (encoder.name, encoder.dim, encoder.modality, encoder.cost_max, encoder.provider)
    assert told == ("minilm", 384, "text", 256, "cpu")
    assert encoder.space.startswith("minilm-")


def test_rows_are_unit_and_in_order_and_meaningful(encoder: OnnxEncoder) -> None:
    rows = encoder.forward([encoder.decode(Item("text", text)) for text in TEXTS])
    assert rows.shape == (5, 384)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
    backwards = encoder.forward([encoder.decode(Item("text", text)) for text in TEXTS[::-1]])
    np.testing.assert_allclose(backwards[::-1], rows, atol=1e-5)
    scores = rows @ rows.T
    assert scores[0, 4] > 0.5 > scores[0, 2]


def test_a_row_does_not_depend_on_its_batch(encoder: OnnxEncoder) -> None:
    features = [encoder.decode(Item("text", text)) for text in TEXTS]
    together = encoder.forward(features)
    alone = np.concatenate([encoder.forward([one]) for one in features])
    assert (1.0 - (together * alone).sum(axis=1)).max() < 1e-5


def test_no_items_are_no_rows(encoder: OnnxEncoder) -> None:
    assert encoder.forward([]).shape == (0, 384)


def test_threads_may_share_it(encoder: OnnxEncoder) -> None:
    def embed(text: str) -> np.ndarray:
        return encoder.forward([encoder.decode(Item("text", text))])[0]

    expected = [embed(text) for text in TEXTS]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embed, TEXTS * 8))
    np.testing.assert_allclose(np.stack(found), np.stack(expected * 8), atol=1e-5)


def test_on_one_thread_it_is_the_same_encoder(encoder: OnnxEncoder) -> None:
    run = encoder.on_one_thread()
    feeds = [encoder.collate([encoder.decode(Item("text", text))]) for text in TEXTS]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(run, feeds * 4))
    expected = [encoder.run(one) for one in feeds]
    np.testing.assert_allclose(np.concatenate(found), np.concatenate(expected * 4), atol=1e-5)


def test_a_bundle_that_was_changed_meanwhile_is_not_opened_beside_the_old_one(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "minilm"
    shutil.copytree(FOLDER, folder)
    opened = OnnxEncoder.open(folder)
    shutil.rmtree(folder)
    shutil.copytree(FOLDER.with_name("code"), folder)
    with pytest.raises(BundleCorrupt, match="changed since it was opened: load it anew"):
        opened.on_one_thread()


def test_cuda_that_is_not_there_is_refused() -> None:
    with pytest.raises(ProviderUnavailable, match=r"'cuda'.*'cpu'"):
        OnnxEncoder.open(FOLDER, provider="cuda")


@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_cuda_that_is_dropped_in_silence_is_refused(
    monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    # The build offers CUDA, and the session comes up without it: what a missing driver looks like.
    real = ort.InferenceSession

    def without_cuda(path: str, options: object, providers: list[str]) -> object:
        assert providers == ["CUDAExecutionProvider"]
        return real(path, options, providers=["CPUExecutionProvider"])

    monkeypatch.setattr(
        ort, "get_available_providers", lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"]
    )
    monkeypatch.setattr(ort, "InferenceSession", without_cuda)
    with pytest.raises(ProviderUnavailable, match="fell back"):
        OnnxEncoder.open(FOLDER, provider=asked)  # type: ignore[arg-type]


def test_cores_are_counted() -> None:
    assert 1 <= cores() <= 4096


def test_nothing_is_reported_to_anybody(tmp_path: Path) -> None:
    # ONNX Runtime writes its queue of reports to the home folder before it sends them.
    script = (
        "import sys; from pathlib import Path; from models.onnx_encoder import OnnxEncoder; "
        "OnnxEncoder.open(Path(sys.argv[1]))"
    )
    environment = {k: v for k, v in os.environ.items() if k not in ("CI", "ORT_DISABLE_TELEMETRY")}
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-c", script, str(FOLDER)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True)
    assert not list(tmp_path.rglob("*"))
