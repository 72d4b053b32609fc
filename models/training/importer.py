"""A foreign model's directory to a bundle: load, export, compare, publish; or refuse."""

import importlib
import pkgutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

from models.bundle import (
    CARD_NAME,
    MODEL_NAME,
    PROBE_NAME,
    Bundle,
    ProbeItem,
    render_probe,
    write_bundle,
)
from models.errors import BundleUnsupported
from models.manifest import Manifest, Precision
from models.modality import Role
from models.onnx_encoder import OnnxEncoder
from models.training import importers
from models.training.card import render_card
from models.training.export import export_onnx, quantize_int8, store_fp16
from models.training.parity import measure_parity, measure_unrelated
from models.training.texts import PROBE_TEXTS

Progress = Callable[[str], None]
PROBE_FLOOR = 0.999  # kernels differ between devices by far less
INT8_MARGIN = 0.02  # int8 kernels differ between processors, and scales with the batch


class Reference(Protocol):
    """The foreign library's own embedding of texts: unit rows, float32 (n, dim)."""

    def __call__(self, texts: Sequence[str], role: Role | None) -> NDArray[np.float32]:
        """Embed texts, each with the prompt of the role."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """A foreign model, loaded.

    Args:
        graph: takes `inputs` in order, gives unit rows (n, dim).
        example: one int64 tensor (n, t) per input.
        preprocessing: configuration of the modality.
        files: what the preprocessing names, by file name.
        reference: the oracle that the bundle is compared with.
        reference_name: library and version of the oracle.
        notes: what the source offers and a bundle does not carry.
    """

    graph: torch.nn.Module
    inputs: tuple[str, ...]
    example: tuple[torch.Tensor, ...]
    modality: str
    preprocessing: Mapping[str, object]
    files: Mapping[str, bytes]
    dim: int
    reference: Reference
    reference_name: str
    licence: str
    training_data: str
    notes: tuple[str, ...] = ()


class Importer(Protocol):
    """One foreign format; a module of `models/training/importers/`."""

    def recognises(self, folder: Path) -> bool:
        """Tell by its files whether the folder is of this format."""
        ...

    def load(self, folder: Path) -> Source:
        """Load the model, or refuse what is not known by name (BundleUnsupported)."""
        ...


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a person says of the model that is imported; blanks are filled from its model card."""

    source: str = ""
    licence: str = ""
    training_data: str = ""
    description: str = ""
    version: str = "1"
    command: str = "semblance models import DIR --name NAME"


def importer_names() -> list[str]:
    """List the formats that can be imported: one per file of `models/training/importers/`."""
    return sorted(module.name for module in pkgutil.iter_modules(importers.__path__))


def find_importer(folder: Path) -> Importer:
    """Find the importer that recognises a folder.

    Raises:
        BundleUnsupported: none does.
    """
    for name in importer_names():
        module = cast(Importer, importlib.import_module(f"models.training.importers.{name}"))
        if module.recognises(folder):
            return module
    raise BundleUnsupported(
        f"{folder}: no importer knows this folder (known formats: {', '.join(importer_names())})"
    )


def import_model(
    folder: Path,
    destination: Path,
    *,
    name: str,
    precision: Precision = "fp16-stored",
    provenance: Provenance | None = None,
    replace: bool = False,
    on_progress: Progress = lambda _: None,
) -> Bundle:
    """Make a bundle of a foreign model's directory, and publish it only if it computes the same.

    Args:
        folder: the model's directory; it is only read.
        destination: the bundle's folder to be.
        name: the model's id in the API.
        on_progress: told one line per step.

    Raises:
        BundleUnsupported: the format, or a part of the model, is not known here.
        ProbeMismatch: the bundle does not compute what the model does.
        FileExistsError: the destination is there, and `replace` is not set.
    """
    if destination.exists() and not replace:
        raise FileExistsError(f"{destination} is there already; remove it, or ask to replace it")
    importer = find_importer(folder)
    on_progress(f"loading {folder}")
    source = importer.load(folder)
    for note in source.notes:
        on_progress(f"note: {note}")
    said = provenance or Provenance()
    manifest = _draft(source, folder, name, precision, said)
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / MODEL_NAME
        on_progress(f"exporting the graph as {precision}")
        _export(source, precision, model)
        files: dict[str, bytes | Path] = {
            **source.files,
            MODEL_NAME: model,
            PROBE_NAME: _probe(source),
            CARD_NAME: b"draft\n",
        }
        draft = write_bundle(Path(scratch) / "draft", manifest, files)
        on_progress(f"comparing with {source.reference_name}")
        encoder = OnnxEncoder.open(draft.folder, provider="cpu")
        manifest = _measured(encoder, source, said.command)
        files[CARD_NAME] = render_card(manifest, model.stat().st_size).encode()
        final = write_bundle(Path(scratch) / "final", manifest, files)
        OnnxEncoder.open(final.folder, provider="cpu")  # replays the probe at its real floor
        bundle = write_bundle(destination, manifest, files, replace=replace)
    on_progress(f"published {bundle.space} in {destination}")
    return bundle


def _draft(
    source: Source, folder: Path, name: str, precision: Precision, provenance: Provenance
) -> Manifest:
    return Manifest(
        name=name,
        version=provenance.version,
        description=provenance.description
        or f"Encoder of {source.modality}, {source.dim} numbers.",
        modality=source.modality,
        preprocessing=dict(source.preprocessing),
        dim=source.dim,
        precision=precision,
        licence=provenance.licence or source.licence,
        source=provenance.source or folder.name,
        training_data=provenance.training_data or source.training_data,
        probe_floor=-1.0,  # until parity is measured
        files={},
    )


def _export(source: Source, precision: Precision, path: Path) -> None:
    export_onnx(source.graph, source.inputs, source.example, path)
    if precision == "fp16-stored":
        store_fp16(path)
    elif precision == "int8":
        quantize_int8(path)


def _probe(source: Source) -> bytes:
    """Take the expected embeddings from the foreign library: an oracle, not an echo."""
    roles: tuple[Role | None, ...] = (None, "query", "document")
    items = [ProbeItem(text=text, role=role) for role in roles for text in PROBE_TEXTS]
    rows = np.concatenate([source.reference(PROBE_TEXTS, role) for role in roles])
    return render_probe(items, rows)


def _measured(encoder: OnnxEncoder, source: Source, command: str) -> Manifest:
    """Measure parity and the score of unrelated texts, and set the probe's floor by them."""
    parity = measure_parity(encoder, source.reference, source.reference_name, command)
    floor = PROBE_FLOOR
    if encoder.manifest.precision == "int8":
        floor = max(-1.0, round(parity.cosine_min - INT8_MARGIN, 4))
    return encoder.manifest.model_copy(
        update={
            "parity": parity,
            "unrelated_score_q99": measure_unrelated(encoder),
            "probe_floor": floor,
        }
    )
