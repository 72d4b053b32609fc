"""`python -m models.training.clones.publishing`: the trained tower as a bundle."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray

from models.manifest import Metric
from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.training.bundling import bundled
from models.training.clones.solutions import LISTING, Solution, held_out, read_solutions
from models.training.clones.telling import told_by
from models.training.clones.trials import accepted_at, clone_figures, unrelated_score
from models.training.clones.views import TOKENS_MAX
from models.training.clones.vocabulary import PAD, tokenizer_json, vocabulary
from models.training.sentence_tower import SentenceTower, Shape

FOLDER = click.Path(path_type=Path, file_okay=False)
TOKENIZER = "tokenizer.json"
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
    words = vocabulary()

    def measure(encoder: OnnxEncoder) -> Mapping[str, object]:
        measured = Measured.of(encoder, data, every)
        for name, value in measured.figures().items():
            click.echo(f"{name} {value:.4f}, of one problem in {every}")
        measured.tell_thresholds()
        return {"unrelated_score_q99": round(measured.unrelated(), 4)}

    with tempfile.TemporaryDirectory() as scratch:
        tokenizer = Path(scratch) / TOKENIZER
        tokenizer.write_text(tokenizer_json(words), encoding="utf-8")
        bundle = bundled(
            tower_of(weights),
            facts_of(version, words, metrics_of(trained_figures(weights))),
            [Item("text", text) for text in PROBES],
            out,
            reads={TOKENIZER: tokenizer},
            measure=measure,
            replace=replace,
        )
    unrelated = bundle.manifest.unrelated_score_q99
    click.echo(f"published {bundle.space} in {out}; unrelated_score_q99 {unrelated}")


def facts_of(
    version: str, words: Mapping[str, int], metrics: Sequence[Metric]
) -> dict[str, object]:
    """Tell what the manifest says of the encoder beside what is found in it."""
    return {
        "name": "clones",
        "description": "Encoder of code for clones and copies: its abstract view, names taken "
        "away, to a row near those of other solutions of the same problem, in any language.",
        "modality": "text",
        "preprocessing": {
            "tokenizer": TOKENIZER,
            "tokens_max": TOKENS_MAX,
            "inputs": ["input_ids", "attention_mask"],
            "pad_id": words[PAD],
            "view": "abstract",
        },
        "licence": "Apache-2.0",
        "source": "MiniLM's layers, trained by models/training/clones",
        "training_data": "LeetCode solutions in C++ and Python (kamyu104/LeetCode-Solutions, MIT), "
        "four fifths of the problems, and rewrites of them; MiniLM's own before",
        "version": version,
        "metrics": list(metrics),
    }


def metrics_of(figures: Mapping[str, float]) -> list[Metric]:
    """Word what a training tells of its encoder as the manifest's metrics."""
    return [
        Metric(
            name="MAP@R",
            dataset="leetcode " + name.removesuffix("_map").replace("_", " "),
            split="held-out problems",
            value=round(value, 4),
            command=COMMAND,
        )
        for name, value in figures.items()
    ]


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
    told = told_by(folder)["clones"]
    return {name: value for name, value in told.items() if name.endswith("_map")}


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
