"""The bundle's folder: published whole, and its space named by what makes the embeddings."""

from pathlib import Path

import numpy as np
import pytest

from models.bundle import Bundle, ProbeItem, identity_of, list_bundles, render_probe, write_bundle
from models.errors import BundleUnsupported
from models.manifest import Manifest
from models.modality import Item

ROWS = np.eye(4, dtype=np.float32)[:3]
ITEMS = [ProbeItem(text="é"), ProbeItem(tokens=[1, 2], role="query"), ProbeItem(base64="AP8=")]
FILES: dict[str, bytes | Path] = {
    "model.onnx": b"weights",
    "tokenizer.json": b"{}",
    "probe.json": render_probe(ITEMS, ROWS),
    "README.md": b"# card",
}
MANIFEST = Manifest(
    name="tiny",
    version="1",
    description="",
    modality="text",
    preprocessing={"tokens_max": 8},
    dim=4,
    precision="fp32",
    licence="Apache-2.0",
    source="here",
    training_data="none",
    probe_floor=0.9,
    files={},
)


def space(folder: Path, files: dict[str, bytes | Path] | None = None, **changes: object) -> str:
    manifest = MANIFEST.model_copy(update=changes)
    return write_bundle(folder, manifest, FILES | (files or {}), replace=True).space


def test_the_space_is_the_same_for_the_same_encoder(tmp_path: Path) -> None:
    first = space(tmp_path / "a")
    assert first == space(tmp_path / "b")
    assert first == space(tmp_path / "b", {"README.md": b"another card"})
    assert first == space(tmp_path / "b", {"probe.json": render_probe(ITEMS[:2], ROWS[:2])})
    assert first == space(tmp_path / "b", description="x", probe_floor=0.5, unrelated_score_q99=0.1)
    assert first.startswith("tiny-")
    assert len(first) == len("tiny-") + 12


def test_the_space_changes_with_all_that_makes_an_embedding(tmp_path: Path) -> None:
    spaces = [
        space(tmp_path / "a"),
        space(tmp_path / "a", {"model.onnx": b"weightS"}),
        space(tmp_path / "a", {"tokenizer.json": b"{ }"}),
        space(tmp_path / "a", {"more.json": b"{}"}),
        space(tmp_path / "a", preprocessing={"tokens_max": 9}),
        space(tmp_path / "a", modality="code"),
    ]
    assert len(set(spaces)) == len(spaces)


def test_a_bundle_can_say_that_its_rows_lie_in_the_space_of_another(tmp_path: Path) -> None:
    own = space(tmp_path / "a")
    other = space(tmp_path / "other", preprocessing={"tokens_max": 9})
    aligned = Bundle.open(tmp_path / "a").aligned(Bundle.open(tmp_path / "other"))
    assert aligned.space == other != own
    assert identity_of(aligned.manifest) == own  # what makes its rows is what it was
    assert Bundle.open(tmp_path / "a").manifest.files == aligned.manifest.files
    with pytest.raises(BundleUnsupported, match="name that bundle"):
        Bundle.open(tmp_path / "other").aligned(aligned)
    space(tmp_path / "wide", dim=5, files={"probe.json": render_probe(ITEMS, np.eye(5)[:3])})
    with pytest.raises(BundleUnsupported, match=r"rows of 4 numbers, .* of 5"):
        aligned.aligned(Bundle.open(tmp_path / "wide"))
    assert aligned.aligned(None).space == own


def test_the_probe_survives_the_round_trip(tmp_path: Path) -> None:
    probe = write_bundle(tmp_path / "a", MANIFEST, FILES).probe()
    assert probe.items == (
        (Item("text", "é"), None),
        (Item("text", (1, 2)), "query"),
        (Item("text", b"\x00\xff"), None),
    )
    np.testing.assert_array_equal(probe.embeddings, ROWS)


def test_a_bundle_that_is_there_is_kept_unless_told(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a", MANIFEST, FILES)
    with pytest.raises(FileExistsError, match="replace"):
        write_bundle(tmp_path / "a", MANIFEST, FILES | {"model.onnx": b"new"})
    assert (tmp_path / "a" / "model.onnx").read_bytes() == b"weights"


def test_a_failed_write_leaves_no_trace(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a", MANIFEST, FILES)
    with pytest.raises(FileNotFoundError):
        write_bundle(
            tmp_path / "a", MANIFEST, FILES | {"model.onnx": tmp_path / "nowhere"}, replace=True
        )
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert Bundle.open(tmp_path / "a").space == space(tmp_path / "b")


def test_every_folder_is_listed_so_that_a_foreign_one_is_told(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_bundle(tmp_path / name, MANIFEST, FILES)
    (tmp_path / "foreign").mkdir()
    (tmp_path / ".being-written").mkdir()
    (tmp_path / "file").touch()
    assert [path.name for path in list_bundles(tmp_path)] == ["a", "b", "foreign"]
    with pytest.raises(BundleUnsupported, match="no such directory"):
        list_bundles(tmp_path / "nowhere")
