"""The manifest: what is written is what is read, and nothing else is."""

import json
from pathlib import Path

import pytest

from models.errors import BundleCorrupt, BundleUnsupported
from models.manifest import (
    FORMAT,
    MANIFEST_BYTES_MAX,
    Manifest,
    Metric,
    read_manifest,
    render,
    seal,
)

MANIFEST = Manifest(
    name="tiny",
    version="1",
    description="Nothing: «é» 日本",
    modality="text",
    preprocessing={"tokens_max": 8, "nested": {"b": [1, 2.5]}},
    dim=4,
    precision="fp32",
    licence="Apache-2.0",
    source="here",
    training_data="none",
    metrics=[Metric(name="mrr", dataset="toy", split="test", value=0.5, command="make toy")],
    unrelated_score_q99=0.25,
    probe_floor=0.999,
    files={"model.onnx": "0" * 64},
)


def written(folder: Path, fields: dict[str, object]) -> Path:
    fields = {**fields, "seal": seal(fields)}
    (folder / "manifest.json").write_text(json.dumps(fields), encoding="utf-8")
    return folder


def test_a_manifest_survives_the_round_trip(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(render(MANIFEST), encoding="utf-8")
    assert read_manifest(tmp_path) == MANIFEST


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../x"),
        ("name", "With Space"),
        ("dim", 0),
        ("dim", "4"),
        ("precision", "fp8"),
        ("probe_floor", 1.5),
        ("unknown_field", 1),
        ("files", {"../escape": "0" * 64}),
        ("files", {"/etc/passwd": "0" * 64}),
        ("files", {"sub/model.onnx": "0" * 64}),
        ("files", {".hidden": "0" * 64}),
        ("files", {"a\\b": "0" * 64}),
        ("files", {"model.onnx": "short"}),
        ("format", "1"),
    ],
)
def test_a_field_out_of_bounds_is_named(tmp_path: Path, field: str, value: object) -> None:
    folder = written(tmp_path, MANIFEST.model_dump(mode="json") | {field: value})
    with pytest.raises(BundleCorrupt, match=field):
        read_manifest(folder)


@pytest.mark.parametrize("field", ["name", "dim", "files", "preprocessing", "probe_floor"])
def test_a_missing_field_is_named(tmp_path: Path, field: str) -> None:
    fields = MANIFEST.model_dump(mode="json")
    del fields[field]
    with pytest.raises(BundleCorrupt, match=field):
        read_manifest(written(tmp_path, fields))


def test_a_newer_format_asks_for_an_upgrade_before_anything_else(tmp_path: Path) -> None:
    folder = written(tmp_path, {"format": FORMAT + 1, "shape": "of things to come"})
    with pytest.raises(BundleUnsupported, match=rf"format {FORMAT + 1}.*upgrade"):
        read_manifest(folder)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b"\xff\xfe", b'{"dim": NaN}', b"[" * 100_000, b"{}"]
)
def test_what_is_not_a_manifest_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(raw)
    with pytest.raises(BundleCorrupt, match=r"manifest\.json"):
        read_manifest(tmp_path)


def test_a_giant_manifest_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b" " * (MANIFEST_BYTES_MAX + 1))
    with pytest.raises(BundleCorrupt, match=f"limit of {MANIFEST_BYTES_MAX} bytes"):
        read_manifest(tmp_path)


def test_the_seal_sees_every_field() -> None:
    fields = MANIFEST.model_dump(mode="json")
    seals = {seal(fields | {name: "changed"}) for name in fields}
    assert len(seals) == len(fields)
    assert seal(fields) not in seals
