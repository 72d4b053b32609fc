"""The folder of one encoder on disk: verified when it is opened, published whole or not at all."""

import base64
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from models.errors import BundleCorrupt, BundleUnsupported
from models.manifest import MANIFEST_NAME, Frozen, Manifest, read_manifest, render
from models.modality import Content, Item, Role
from models.region import REGIONS_NAME

MODEL_NAME = "model.onnx"
PROBE_NAME = "probe.json"
CARD_NAME = "README.md"
# They describe embeddings, or say where to look for what is embedded; they do not make them.
OUTSIDE_SPACE = frozenset({PROBE_NAME, CARD_NAME, REGIONS_NAME})


class ProbeItem(Frozen):
    """One input of a probe: its text, its bytes in base64, or its token ids; what it reads."""

    text: str | None = None
    base64: str | None = None
    tokens: list[int] | None = None
    reads: str | None = None
    role: Literal["query", "document"] | None = None

    @classmethod
    def of(cls, item: Item) -> "ProbeItem":
        """Make the item of a text, or of an encoded file."""
        if isinstance(item.content, str):
            return cls(text=item.content)
        assert isinstance(item.content, bytes)
        assert item.reads is not True  # a probe says what is read, and asks nobody
        return cls(base64=base64.b64encode(item.content).decode(), reads=item.reads)

    def content(self) -> Content:
        """Return the one field that is set."""
        if self.text is not None:
            return self.text
        if self.tokens is not None:
            return tuple(self.tokens)
        return base64.b64decode(self.base64 or "", validate=True)


class ProbeFile(Frozen):
    """The probe as it lies on disk: items, and rows of little-endian float32 in base64."""

    items: list[ProbeItem]
    embeddings: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A few items and the embeddings expected of them, made by the model that was imported.

    Args:
        items: each with the role it is embedded in.
        embeddings: unit rows, float32 (n, dim).
    """

    items: tuple[tuple[Item, Role | None], ...]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified folder: every file is there, unchanged, and listed."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> "Bundle":
        """Read the manifest and check every file against it.

        Raises:
            BundleUnsupported: not a bundle, or of a newer format.
            BundleCorrupt: a file is missing, changed, or not listed.
        """
        manifest = read_manifest(folder)
        for name in (MODEL_NAME, PROBE_NAME):
            if name not in manifest.files:
                raise BundleCorrupt(f"{folder / MANIFEST_NAME}: does not list {name}")
        # An unlisted file could be weights that ONNX reads beside the graph: never unverified.
        for path in sorted(folder.iterdir()):
            if path.name not in manifest.files and path.name != MANIFEST_NAME:
                raise BundleCorrupt(
                    f"{path}: not listed in the manifest; remove it from the bundle"
                )
        for name, expected in manifest.files.items():
            _verify(folder / name, expected)
        return cls(folder=folder, manifest=manifest)

    @property
    def space(self) -> str:
        """Name the space of the embeddings: that of another bundle if told, else its identity."""
        return self.manifest.space or identity_of(self.manifest)

    def aligned(self, other: "Bundle | None") -> "Bundle":
        """State that these rows lie in another bundle's space, or in one of their own: on disk.

        Raises:
            BundleUnsupported: rows of another dimension, or in a third bundle's space.
        """
        if other is not None and other.manifest.space is not None:
            raise BundleUnsupported(
                f"{other.folder}: its rows lie in space {other.space}: name that bundle"
            )
        if other is not None and other.manifest.dim != self.manifest.dim:
            raise BundleUnsupported(
                f"{self.folder} makes rows of {self.manifest.dim} numbers, {other.folder} of "
                f"{other.manifest.dim}: they cannot lie in one space"
            )
        manifest = self.manifest.model_copy(update={"space": other.space if other else None})
        files: dict[str, bytes | Path] = {name: self.folder / name for name in manifest.files}
        return write_bundle(self.folder, manifest, files, replace=True)

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def probe(self) -> Probe:
        """Read the probe.

        Raises:
            BundleCorrupt: it cannot be read, or its shape does not fit the manifest.
        """
        path = self.folder / PROBE_NAME
        try:
            file = ProbeFile.model_validate_json(path.read_bytes())
            contents = [item.content() for item in file.items]
            rows = np.frombuffer(base64.b64decode(file.embeddings, validate=True), "<f4")
            rows = rows.reshape(len(contents), self.manifest.dim)
        except (OSError, ValueError, ValidationError) as error:
            raise BundleCorrupt(f"{path}: not a probe ({error}); import the model again") from None
        if not contents or not np.allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-3):
            raise BundleCorrupt(f"{path}: not unit rows, or none; import the model again")
        items = tuple(
            (Item(self.manifest.modality, content, item.reads), item.role)
            for content, item in zip(contents, file.items, strict=True)
        )
        return Probe(items=items, embeddings=rows.astype(np.float32))


def identity_of(manifest: Manifest) -> str:
    """Name an encoder by its model's name and a hash of all that makes its embeddings."""
    identity = {
        "modality": manifest.modality,
        "preprocessing": manifest.preprocessing,
        "dim": manifest.dim,
        "files": {n: d for n, d in manifest.files.items() if n not in OUTSIDE_SPACE},
    }
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return f"{manifest.name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def render_probe(items: Sequence[ProbeItem], embeddings: NDArray[np.float32]) -> bytes:
    """Write a probe as the bytes of its file."""
    rows = np.ascontiguousarray(embeddings, "<f4").tobytes()
    file = ProbeFile(items=list(items), embeddings=base64.b64encode(rows).decode())
    return file.model_dump_json(indent=1, exclude_none=True).encode() + b"\n"


def write_bundle(
    folder: Path, manifest: Manifest, files: Mapping[str, bytes | Path], *, replace: bool = False
) -> Bundle:
    """Publish a bundle: write aside, flush to disk, verify, and rename into place.

    Args:
        manifest: its `files` is filled in here.
        files: content of each file, or where to copy it from.
        replace: whether a bundle that is there gives way.

    Raises:
        FileExistsError: the folder is there, and `replace` is not set.
    """
    if folder.exists() and not replace:
        raise FileExistsError(f"{folder} is there already; remove it, or ask to replace it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}")
    aside.mkdir()
    try:
        for name, content in files.items():
            if isinstance(content, Path):
                shutil.copyfile(content, aside / name)
            else:
                (aside / name).write_bytes(content)
        digests = {name: _digest(aside / name) for name in sorted(files)}
        sealed = manifest.model_copy(update={"files": digests})
        (aside / MANIFEST_NAME).write_text(render(sealed), encoding="utf-8")
        Bundle.open(aside)
        for path in [*aside.iterdir(), aside]:
            _flush(path)
        _swap(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Bundle.open(folder)


def list_bundles(directory: Path) -> list[Path]:
    """List the folders under a directory, by name: each is to be a bundle, or is told not to be.

    Hidden ones are left out: a bundle that is being written lies in one.

    Raises:
        BundleUnsupported: there is no such directory.
    """
    if not directory.is_dir():
        raise BundleUnsupported(
            f"{directory}: no such directory; name the directory of the bundles"
        )
    return sorted(
        path for path in directory.iterdir() if path.is_dir() and not path.name.startswith(".")
    )


def check_folder(folder: Path, name: str) -> None:
    """Refuse a folder that does not bear its bundle's name, so that no two bear one name.

    Raises:
        BundleUnsupported: naming both.
    """
    if folder.name != name:
        raise BundleUnsupported(
            f"{folder}: its manifest names it {name!r}; give the folder that name, or move it out "
            f"of {folder.parent}"
        )


def _swap(aside: Path, folder: Path) -> None:
    """Move a finished folder into place; a folder cannot be renamed over one that has files."""
    old = folder.with_name(f".{folder.name}.{uuid4().hex[:8]}.old")
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    _flush(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(path: Path, expected: str) -> None:
    if not path.is_file():
        raise BundleCorrupt(f"{path}: listed in the manifest and not there; copy the bundle again")
    found = _digest(path)
    if found != expected:
        raise BundleCorrupt(
            f"{path}: SHA-256 {found}, and the manifest says {expected}; copy the bundle again"
        )
