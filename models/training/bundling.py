"""A trained tower written as a bundle: exported, compared with the tower, measured as it serves."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from models.bundle import (
    CARD_NAME,
    MODEL_NAME,
    PROBE_NAME,
    Bundle,
    ProbeItem,
    render_probe,
    write_bundle,
)
from models.manifest import Manifest
from models.modality import Item, open_modality
from models.onnx_encoder import OnnxEncoder
from models.training.card import render_card
from models.training.export import export_onnx, store_fp16

PROBE_FLOOR = 0.999
SEQUENCES = ("batch", "sequence")  # the axes of a sequence that differ from batch to batch

Measure = Callable[[OnnxEncoder], Mapping[str, object]]


def bundled(
    tower: torch.nn.Module,
    facts: Mapping[str, object],
    probe: Sequence[Item],
    destination: Path,
    *,
    reads: Mapping[str, Path] | None = None,
    beside: Mapping[str, bytes | Path] | None = None,
    free: Sequence[str] = SEQUENCES,
    measure: Measure = lambda _: {},
    replace: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Write the bundle of a tower, once what was written computes what the tower does.

    Args:
        facts: of the manifest, but those that are found here: the width of a row, the precision,
            the probe's floor, the files.
        probe: items by which it is compared, and whenever it is opened; two at least.
        reads: files of the bundle that its preprocessing reads, by their names in it.
        beside: files of the bundle that are no part of the encoder.
        free: see `export_onnx`.
        measure: tells further facts of the manifest, from the bundle as it serves; may refuse.

    Raises:
        ProbeMismatch: the bundle does not compute what the tower does.
        FileExistsError: the destination is there, and `replace` is not set.
    """
    tower = tower.cpu().eval()
    kind, preprocessing = str(facts["modality"]), facts["preprocessing"]
    assert isinstance(preprocessing, Mapping)
    with tempfile.TemporaryDirectory() as scratch:
        for name, path in (reads or {}).items():
            (Path(scratch) / name).write_bytes(path.read_bytes())
        modality = open_modality(kind, preprocessing, Path(scratch))
        feeds = modality.collate([modality.decode(item) for item in probe])
        example = tuple(torch.from_numpy(feeds[name]) for name in modality.inputs)
        with torch.no_grad():
            rows = tower(*example).float().numpy()
        found = {"dim": rows.shape[1], "precision": "fp16-stored", "probe_floor": PROBE_FLOOR}
        manifest = Manifest.model_validate({**facts, **found, "files": {}})
        model = Path(scratch) / MODEL_NAME
        on_progress("exporting the graph")
        export_onnx(tower, modality.inputs, example, model, free=free)
        store_fp16(model)
        files: dict[str, bytes | Path] = {
            MODEL_NAME: model,
            PROBE_NAME: render_probe([ProbeItem.of(item) for item in probe], rows),
            CARD_NAME: b"draft\n",
            **(reads or {}),
        }
        draft = write_bundle(Path(scratch) / "draft", manifest, files)
        encoder = OnnxEncoder.open(draft.folder, provider="cpu")  # replays the probe
        on_progress("measuring the bundle")
        manifest = manifest.model_copy(update=dict(measure(encoder)))
        files[CARD_NAME] = render_card(manifest, model.stat().st_size).encode()
        return write_bundle(destination, manifest, files | dict(beside or {}), replace=replace)
