"""The trained tower to the bundle `code`: exported, compared, measured, published."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.bundle import Bundle
from models.manifest import Metric
from models.modality import Item
from models.spelling import content_of
from models.training.bundling import bundled
from models.training.sentence_tower import SentenceTower

NAME, TOKENIZER_NAME = "code", "tokenizer.json"
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
    facts = {
        "name": NAME,
        "version": version,
        "description": "Code search encoder: finds functions by questions in English; "
        "all-MiniLM-L6-v2 trained on with docstrings.",
        "modality": "code",
        "preprocessing": {**PREPROCESSING, "split_identifiers": split},
        "licence": "Apache-2.0",
        "source": f"trained by models/training/code from the bundle {start.name}",
        "training_data": TRAINED_ON,
        "metrics": list(metrics),
        "unrelated_score_q99": round(unrelated, 4),
    }
    return bundled(
        tower,
        facts,
        [Item("code", content) for content in PROBE],
        destination,
        reads={TOKENIZER_NAME: start / TOKENIZER_NAME},
        replace=replace,
    )


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
