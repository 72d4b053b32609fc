"""`python -m models.training.clones.publishing`: the trained tower as a bundle."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from models.bundle import CARD_NAME, MODEL_NAME, PROBE_NAME, ProbeItem, render_probe, write_bundle
from models.manifest import Manifest, Metric
from models.modality import Item, open_modality
from models.onnx_encoder import OnnxEncoder
from models.training.card import render_card
from models.training.clones.solutions import LISTING, Solution, held_out, read_solutions
from models.training.clones.trials import accepted_at, clone_figures, unrelated_score
from models.training.clones.views import TOKENS_MAX
from models.training.clones.vocabulary import PAD, tokenizer_json, vocabulary
from models.training.export import export_onnx, store_fp16
from models.training.sentence_tower import SentenceTower, Shape

FOLDER = click.Path(path_type=Path, file_okay=False)
TOKENIZER = "tokenizer.json"
PROBE_FLOOR = 0.999
BATCH = 32
PROBES = (
    "def total(values):\n    result = 0\n    for value in values:\n        result += value\n"
    "    return result\n",
    "int total(const std::vector<int>& values) {\n  int sum = 0;\n"
    "  for (int v : values) { sum += v; }\n  return sum;\n}\n",
    "x",
    "function greet(name) { return `Hello, ${name}`; }  // says hello",
)
COMMAND = "python -m models.training.clones --data DATA --out WORK --minutes 4"


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of the solutions.")
@click.option("--weights", type=FOLDER, required=True, help="Folder of the training.")
@click.option("--out", type=FOLDER, required=True, help="The bundle's folder to be.")
@click.option("--version", default="1", show_default=True, help="Version of the bundle.")
@click.option("--every", default=1, show_default=True, help="Measure on one problem in so many.")
@click.option("--replace", is_flag=True, help="Replace a bundle that is there.")
def main(data: Path, weights: Path, out: Path, version: str, every: int, replace: bool) -> None:
    """Export the weights, measure the bundle as it serves, and publish it.

    The figures in its manifest are those of the training, on all held-out problems.
    """
    tower = tower_of(weights)
    with tempfile.TemporaryDirectory() as scratch:
        files, manifest = _drafted(tower, Path(scratch), version)
        draft = write_bundle(Path(scratch) / "draft", manifest, files)
        encoder = OnnxEncoder.open(draft.folder, provider="cpu")
        measured = Measured.of(encoder, data, every)
        unrelated = round(measured.unrelated(), 4)
        for name, value in measured.figures().items():
            click.echo(f"{name} {value:.4f}, of one problem in {every}")
        measured.tell_thresholds()
        figures = trained_figures(weights)
        metrics = [
            Metric(
                name="MAP@R",
                dataset="leetcode " + name.removesuffix("_map").replace("_", " "),
                split="held-out problems",
                value=round(value, 4),
                command=COMMAND,
            )
            for name, value in figures.items()
        ]
        known = {"metrics": metrics, "unrelated_score_q99": unrelated}
        manifest = manifest.model_copy(update=known)
        files[CARD_NAME] = render_card(
            manifest, (Path(scratch) / MODEL_NAME).stat().st_size
        ).encode()
        bundle = write_bundle(out, manifest, files, replace=replace)
    click.echo(f"published {bundle.space} in {out}; unrelated_score_q99 {unrelated}")


def tower_of(folder: Path) -> SentenceTower:
    """Read the weights that a training left."""
    state: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("tower-*.pt")):
        state |= torch.load(path, weights_only=True)
    layers = len({name.split(".")[1] for name in state if name.startswith("layers.")})
    tower = SentenceTower(Shape(vocabulary=len(state["tokens.weight"]), layers=layers))
    tower.load_state_dict({name: one.float() for name, one in state.items()})
    return tower.eval()


def trained_figures(folder: Path) -> dict[str, float]:
    """Read what the training told of its encoder: MAP@R within and across languages."""
    lines = [
        json.loads(line) for line in (folder / "figures.jsonl").read_text("utf-8").splitlines()
    ]
    told = next(line for line in reversed(lines) if line["name"] == "clones")
    return {name: value for name, value in told.items() if name.endswith("_map")}


def _drafted(
    tower: SentenceTower, scratch: Path, version: str
) -> tuple[dict[str, bytes | Path], Manifest]:
    words = vocabulary()
    (scratch / TOKENIZER).write_text(tokenizer_json(words), encoding="utf-8")
    preprocessing: dict[str, object] = {
        "tokenizer": TOKENIZER,
        "tokens_max": TOKENS_MAX,
        "inputs": ["input_ids", "attention_mask"],
        "pad_id": words[PAD],
        "view": "abstract",
    }
    modality = open_modality("text", preprocessing, scratch)
    features = [modality.decode(Item("text", text)) for text in PROBES]
    feeds = modality.collate(features)
    example = tuple(torch.from_numpy(feeds[name]) for name in modality.inputs)
    with torch.no_grad():
        rows = tower(*example).numpy().astype(np.float32)
    model = scratch / MODEL_NAME
    export_onnx(tower, modality.inputs, example, model)
    store_fp16(model)
    manifest = Manifest(
        name="clones",
        version=version,
        description="Encoder of code for clones and copies: its abstract view, names taken away, "
        "to a row near those of other solutions of the same problem, in any language.",
        modality="text",
        preprocessing=preprocessing,
        dim=rows.shape[1],
        precision="fp16-stored",
        licence="Apache-2.0",
        source="MiniLM's layers, trained by models/training/clones",
        training_data="LeetCode solutions in C++ and Python (kamyu104/LeetCode-Solutions, MIT), "
        "four fifths of the problems, and rewrites of them; MiniLM's own before",
        probe_floor=PROBE_FLOOR,
        files={},
    )
    files: dict[str, bytes | Path] = {
        MODEL_NAME: model,
        TOKENIZER: scratch / TOKENIZER,
        PROBE_NAME: render_probe([ProbeItem(text=text) for text in PROBES], rows),
        CARD_NAME: b"draft\n",
    }
    return files, manifest


@dataclass(frozen=True, slots=True)
class Measured:
    """Held-out solutions, embedded by the path that serves."""

    solutions: Sequence[Solution]
    rows: NDArray[np.float32]

    @classmethod
    def of(cls, encoder: OnnxEncoder, data: Path, every: int) -> "Measured":
        """Embed the solutions of one problem in so many."""
        listed = [one for one in read_solutions(data / LISTING) if held_out(one.problem)]
        problems = set(sorted({one.problem for one in listed})[::every])
        solutions = [one for one in listed if one.problem in problems]
        features = [encoder.decode(Item("text", one.code)) for one in solutions]
        order = sorted(range(len(features)), key=lambda place: features[place].cost)
        rows = np.empty((len(features), encoder.dim), np.float32)
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            rows[places] = encoder.forward([features[place] for place in places])
        return cls(solutions, rows)

    @property
    def problems(self) -> list[str]:
        """The problem of each."""
        return [one.problem for one in self.solutions]

    @property
    def languages(self) -> list[str]:
        """The language of each."""
        return [one.language for one in self.solutions]

    def figures(self) -> dict[str, float]:
        """Tell MAP@R within and across languages."""
        return clone_figures(self.rows, self.problems, self.languages)

    def unrelated(self) -> float:
        """Tell the score that one in a hundred pairs of two problems exceeds."""
        return unrelated_score(self.rows, self.problems)

    def tell_thresholds(self) -> None:
        """Print what scores refuse all but so many pairs of two problems, and what they find."""
        for across in (False, True):
            for share in (1e-3, 1e-4, 1e-5):
                least, found = accepted_at(
                    self.rows, self.problems, self.languages, across=across, false_accepts=share
                )
                where = "across languages" if across else "within a language"
                click.echo(f"{where}, false accepts {share:.0e}: {least:.3f} finds {found:.3f}")


if __name__ == "__main__":
    main()
