"""The trained tower to the bundle `code`: exported, compared, measured, published."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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
from models.manifest import Manifest, Metric
from models.modality import Item, open_modality
from models.onnx_encoder import OnnxEncoder
from models.spelling import content_of
from models.training.card import render_card
from models.training.export import export_onnx, store_fp16
from models.training.sentence_tower import SentenceTower

NAME, TOKENIZER_NAME = "code", "tokenizer.json"
PROBE_FLOOR = 0.999
PREPROCESSING: Mapping[str, object] = {
    "tokenizer": TOKENIZER_NAME,
    "tokens_max": 256,
    "inputs": ["input_ids", "attention_mask"],
    "pad_id": 0,
    "prompts": {},
    "default_prompt": "",
}
PROBE = (
    content_of('def add(a, b):\n    """Add two numbers."""\n    return a + b', "python"),
    content_of("function readFile(path) { return fs.readFileSync(path, 'utf8'); }", "javascript"),
    content_of("func Max(a, b int) int {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn b\n}", "go"),
    content_of("x"),
)
MEASURES = ("mrr", "recall@1", "recall@10")
COMMAND = "python -m models.training.code study --pairs PAIRS --dev DEV --out OUT --minutes 4.5"
FURTHER = "python -m models.training.code further --pairs PAIRS --dev DEV --out OUT --minutes 60"
TRAINED_ON = (
    "Pairs of docstring and function of CPython's standard library, of some 120 packages under "
    "MIT, BSD, Apache or similar licences, and of TheAlgorithms/Python, as `python -m "
    "models.training.code mine` finds them; no function of CoSQA's dev split, no repository known "
    "to be in CodeSearchNet's test split. The start, all-MiniLM-L6-v2, had learnt from "
    "CodeSearchNet's training split, among others: see the card of minilm."
)


def publish(
    tower: SentenceTower,
    start: Path,
    destination: Path,
    *,
    version: str,
    metrics: Sequence[Metric],
    unrelated: float,
    split: bool,
    replace: bool = False,
) -> Bundle:
    """Make the bundle of a tower; its probe is the tower's own.

    Args:
        start: the bundle whose tokenizer it has.
        metrics: what was measured of it.
        unrelated: the 99 % quantile of the scores of questions and functions of other packages.
        split: whether it reads code parted into words, rather than as it stands.

    Raises:
        ProbeMismatch: the bundle does not compute what the tower does.
        FileExistsError: the destination is there, and `replace` is not set.
    """
    tower = tower.cpu().eval()
    preprocessing = {**PREPROCESSING, "split_identifiers": split}
    modality = open_modality("code", preprocessing, start)
    features = [modality.decode(Item("code", content)) for content in PROBE]
    feeds = modality.collate(features)
    example = tuple(torch.from_numpy(feeds[name]) for name in modality.inputs)
    with torch.no_grad():
        rows = tower(*example).numpy()
    manifest = Manifest(
        name=NAME,
        version=version,
        description="Code search encoder: finds functions by questions in English; "
        "all-MiniLM-L6-v2 trained on with docstrings.",
        modality="code",
        preprocessing=preprocessing,
        dim=rows.shape[1],
        precision="fp16-stored",
        licence="Apache-2.0",
        source=f"trained by models/training/code from the bundle {start.name}",
        training_data=TRAINED_ON,
        metrics=list(metrics),
        unrelated_score_q99=round(unrelated, 4),
        probe_floor=PROBE_FLOOR,
        files={},
    )
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / MODEL_NAME
        export_onnx(tower, modality.inputs, example, model)
        store_fp16(model)
        files: dict[str, bytes | Path] = {
            MODEL_NAME: model,
            TOKENIZER_NAME: start / TOKENIZER_NAME,
            PROBE_NAME: render_probe([ProbeItem(text=content) for content in PROBE], rows),
            CARD_NAME: render_card(manifest, model.stat().st_size).encode(),
        }
        draft = write_bundle(Path(scratch) / "draft", manifest, files)
        OnnxEncoder.open(draft.folder, provider="cpu")  # replays the probe
        return write_bundle(destination, manifest, files, replace=replace)


def metrics_of(report: Mapping[str, Any]) -> list[Metric]:
    """Word what a study reports as the manifest's metrics, beside MiniLM's."""
    trials = {name: found["figures"] for name, found in report.items() if isinstance(found, dict)}
    return [
        Metric(
            name=measure,
            dataset=trial,
            split="dev, never trained on" if trial.startswith("cosqa") else "packages held out",
            value=round(figures["code"][measure], 4),
            baseline=round(figures["MiniLM"][measure], 4),
            command=COMMAND if report.get("split", True) else FURTHER,
        )
        for trial, figures in trials.items()
        for measure in MEASURES
        if measure in figures["code"]
    ]
