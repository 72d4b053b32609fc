"""Every kind of damage to a bundle is refused, by the right class, naming the file."""

import base64
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.bundle import Bundle
from models.errors import BundleCorrupt, BundleError, BundleUnsupported, ProbeMismatch
from models.manifest import read_manifest, seal
from models.onnx_encoder import OnnxEncoder

SHIPPED = Path(__file__).parents[2] / "models" / "bundles" / "minilm"
NAMES = sorted(path.name for path in SHIPPED.iterdir())
LISTED = [name for name in NAMES if name != "manifest.json"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "minilm"))


def reseal(folder: Path, **changes: Any) -> None:
    """Publish the damage: the manifest lists the files as they now are, under a true seal."""
    path = folder / "manifest.json"
    fields = json.loads(path.read_text(encoding="utf-8")) | changes
    if "files" not in changes:
        fields["files"] = {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in folder.iterdir()
            if file.name != "manifest.json"
        }
    path.write_text(json.dumps(fields | {"seal": seal(fields)}), encoding="utf-8")


def test_the_shipped_bundle_is_sound_before_it_is_damaged(folder: Path) -> None:
    reseal(folder)
    assert OnnxEncoder.open(folder).space == Bundle.open(SHIPPED).space


@pytest.mark.parametrize("place", [0.0, 0.37, 0.5, 0.99])
@pytest.mark.parametrize("name", NAMES)
def test_a_flipped_bit_is_seen_in_every_file(folder: Path, name: str, place: float) -> None:
    path = folder / name
    raw = bytearray(path.read_bytes())
    raw[int(place * (len(raw) - 1))] ^= 1
    path.write_bytes(raw)
    with pytest.raises(BundleError, match=name.replace(".", r"\.")) as caught:
        Bundle.open(folder)
    assert type(caught.value) in (BundleCorrupt, BundleUnsupported)


@pytest.mark.parametrize("kept", [0, 1, 1000])
@pytest.mark.parametrize("name", NAMES)
def test_a_truncated_file_is_seen(folder: Path, name: str, kept: int) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(BundleCorrupt, match=name.replace(".", r"\.")):
        Bundle.open(folder)


@pytest.mark.parametrize("name", LISTED)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(BundleCorrupt, match=f"{name}: .*not there"):
        Bundle.open(folder)


def test_a_hash_mismatch_names_the_expected_and_the_found(folder: Path) -> None:
    (folder / "README.md").write_text("another card", encoding="utf-8")
    expected = read_manifest(folder).files["README.md"]
    with pytest.raises(BundleCorrupt, match=rf"README\.md: SHA-256 [0-9a-f]{{64}}, .*{expected}"):
        Bundle.open(folder)


@pytest.mark.parametrize("name", ["model.onnx", "probe.json"])
def test_a_manifest_must_list_the_graph_and_the_probe(folder: Path, name: str) -> None:
    (folder / name).unlink()
    reseal(folder)
    with pytest.raises(BundleCorrupt, match=f"does not list {name}"):
        Bundle.open(folder)


@pytest.mark.parametrize("name", ["weights.data", "extra.onnx", ".hidden", "nested"])
def test_an_unlisted_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).mkdir() if name == "nested" else (folder / name).touch()
    with pytest.raises(BundleCorrupt, match=f"{name}: not listed"):
        Bundle.open(folder)


@pytest.mark.parametrize("make", [Path.mkdir, Path.touch, lambda path: None])
def test_a_foreign_folder_is_not_a_bundle(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "foreign")
    with pytest.raises(BundleUnsupported, match=r"not a bundle.*models import"):
        OnnxEncoder.open(tmp_path / "foreign")


def test_a_newer_bundle_asks_for_an_upgrade(folder: Path) -> None:
    reseal(folder, format=2)
    with pytest.raises(BundleUnsupported, match=r"format 2.*upgrade"):
        OnnxEncoder.open(folder)


@pytest.mark.parametrize("name", ["../../escape", "/etc/passwd", "..", "a/../../b"])
def test_a_path_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    reseal(folder, files={name: "0" * 64})
    with pytest.raises(BundleCorrupt, match="files"):
        OnnxEncoder.open(folder)


def test_an_unknown_modality_is_named(folder: Path) -> None:
    reseal(folder, modality="os")
    with pytest.raises(BundleUnsupported, match=r"'os'.*known: .*text"):
        OnnxEncoder.open(folder)


def test_an_unknown_preprocessing_is_named(folder: Path) -> None:
    reseal(folder, preprocessing=read_manifest(folder).preprocessing | {"stemming": "porter"})
    with pytest.raises(BundleUnsupported, match="stemming"):
        OnnxEncoder.open(folder)


@pytest.mark.parametrize("raw", [b"", b"garbage" * 100, b"\x08\x08"])
def test_a_graph_that_the_runtime_refuses_is_corrupt(folder: Path, raw: bytes) -> None:
    (folder / "model.onnx").write_bytes(raw)
    reseal(folder)
    with pytest.raises(BundleCorrupt, match=r"model\.onnx: ONNX Runtime refuses"):
        OnnxEncoder.open(folder)


def test_half_a_graph_is_corrupt(folder: Path) -> None:
    path = folder / "model.onnx"
    path.write_bytes(path.read_bytes()[:1_000_000])
    reseal(folder)
    with pytest.raises(BundleCorrupt, match=r"model\.onnx"):
        OnnxEncoder.open(folder)


def test_weights_outside_the_folder_are_refused(folder: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the train extra is not installed")
    model = onnx.load(str(folder / "model.onnx"))
    (folder.parent / "outside").write_bytes(model.graph.initializer[0].raw_data)
    onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../outside")
    model.graph.initializer[0].ClearField("raw_data")
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    reseal(folder)
    with pytest.raises(BundleCorrupt, match=r"model\.onnx"):
        OnnxEncoder.open(folder)


def test_a_graph_of_other_inputs_is_refused(folder: Path) -> None:
    inputs = ["input_ids", "attention_mask"]
    reseal(folder, preprocessing=read_manifest(folder).preprocessing | {"inputs": inputs})
    with pytest.raises(BundleUnsupported, match=r"model\.onnx.*token_type_ids"):
        OnnxEncoder.open(folder)


def test_another_dimension_is_refused(folder: Path) -> None:
    reseal(folder, dim=128)
    with pytest.raises(BundleUnsupported, match=r"384.*\(n, 128\)"):
        OnnxEncoder.open(folder)


def rewrite_probe(folder: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    path = folder / "probe.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    rows = np.frombuffer(base64.b64decode(fields["embeddings"]), "<f4").reshape(-1, 384)
    fields["embeddings"] = base64.b64encode(change(rows.copy()).tobytes()).decode()
    path.write_text(json.dumps(fields), encoding="utf-8")
    reseal(folder)


def test_a_probe_of_other_embeddings_is_a_mismatch(folder: Path) -> None:
    rewrite_probe(folder, lambda rows: np.roll(rows, 1, axis=0))
    with pytest.raises(ProbeMismatch, match=r"cosine is .* floor is 0\.999"):
        OnnxEncoder.open(folder)


def test_a_cosine_just_below_the_floor_is_a_mismatch(folder: Path) -> None:
    def turn(rows: np.ndarray) -> np.ndarray:
        away = np.zeros(384, np.float32)
        away[0] = 1.0
        away -= (away @ rows[0]) * rows[0]
        rows[0] = 0.998 * rows[0] + np.sqrt(1 - 0.998**2) * away / np.linalg.norm(away)
        return rows

    rewrite_probe(folder, turn)
    with pytest.raises(ProbeMismatch, match=r"0\.998"):
        OnnxEncoder.open(folder)


@pytest.mark.parametrize("factor", [0.0, 2.0, np.nan, np.inf])
def test_a_probe_of_no_unit_rows_is_corrupt(folder: Path, factor: float) -> None:
    rewrite_probe(folder, lambda rows: rows * np.float32(factor))
    with pytest.raises(BundleCorrupt, match=r"probe\.json"):
        OnnxEncoder.open(folder)


def test_a_probe_of_another_shape_is_corrupt(folder: Path) -> None:
    rewrite_probe(folder, lambda rows: rows[:-1])
    with pytest.raises(BundleCorrupt, match=r"probe\.json"):
        OnnxEncoder.open(folder)


def test_another_tokenizer_is_caught_by_the_probe(folder: Path) -> None:
    path = folder / "tokenizer.json"
    fields = json.loads(path.read_text(encoding="utf-8"))
    fields["normalizer"]["lowercase"] = False
    path.write_text(json.dumps(fields), encoding="utf-8")
    reseal(folder)
    with pytest.raises(ProbeMismatch):
        OnnxEncoder.open(folder)
