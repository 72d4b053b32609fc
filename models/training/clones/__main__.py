"""`python -m models.training.clones`: train the encoder of clones."""

import dataclasses
import math
import time
from collections.abc import Mapping
from pathlib import Path

import click
import torch
from torch import nn

from models.abstraction.view import abstracted
from models.training.clones.baselines import baselines
from models.training.clones.learning import (
    InBatch,
    Lose,
    begun,
)
from models.training.clones.pairs import ProblemPairs
from models.training.clones.solutions import LISTING, held_out, read_solutions
from models.training.clones.telling import told
from models.training.clones.trials import Trial
from models.training.clones.views import views_of
from models.training.clones.vocabulary import MASK, vocabulary
from models.training.loop import fit
from models.training.objective import open_objective
from models.training.schedule import Schedule

FOLDER = click.Path(path_type=Path, file_okay=False)
SCHEDULE = Schedule(
    steps=100_000, size=192, rate=3e-4, warm=60, decay=0.05, averaged=0.99, check_steps=200
)


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of leetcode-solutions.jsonl.gz.")
@click.option("--out", type=FOLDER, required=True, help="Gets the weights, logs and figures.")
@click.option("--minilm", type=FOLDER, default=Path("models/bundles/minilm"), show_default=True)
@click.option("--minutes", default=60.0, show_default=True, help="Of the training.")
@click.option("--layers", default=6, show_default=True, help="Of MiniLM's six.")
@click.option("--pairs", default=SCHEDULE.size, show_default=True, help="In a batch.")
@click.option("--views", "count", default=8, show_default=True, help="Of each solution.")
@click.option("--every", default=1, show_default=True, help="Learn from one solution in so many.")
@click.option("--processes", default=4, show_default=True, help="That rewrite and draw.")
@click.option("--temperature", default=0.1, show_default=True, help="Of SupCon.")
def main(
    data: Path,
    out: Path,
    minilm: Path,
    minutes: float,
    layers: int,
    pairs: int,
    count: int,
    every: int,
    processes: int,
    temperature: float,
) -> None:
    """Train on the problems that are not held out, on a GPU where there is one.

    OUT/figures.jsonl has a line of the encoder, and of each baseline.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    out.mkdir(parents=True, exist_ok=True)
    words = vocabulary()
    solutions = read_solutions(data / LISTING)
    learnt = [one for one in solutions if not held_out(one.problem)][::every]
    unseen = [one for one in solutions if held_out(one.problem)][::every]
    began = time.monotonic()
    trial = Trial(unseen, views_of(unseen, words, 2, processes=processes))
    views = views_of(learnt, words, count, processes=processes)
    told(out, "views", {"count": count * len(learnt), "seconds": time.monotonic() - began})
    draws = ProblemPairs(learnt, views, words[MASK], seed=1)

    def evaluate(mean: nn.Module) -> Mapping[str, float]:
        return trial.figures(mean, device)

    start = begun(words, minilm, layers).to(device)
    told(out, "MiniLM's layers, before training", trial.figures(start, device))
    lose: Lose = InBatch(open_objective("sup_con").build(temperature=temperature))
    schedule = dataclasses.replace(SCHEDULE, size=pairs, minutes=minutes)
    mean = fit(
        start,
        draws,
        lose,
        schedule,
        out / "main",
        evaluate=evaluate,
        minutes=minutes,
        workers=max(1, processes - 1),
    )
    told(out, "clones", trial.figures(mean, device))
    _keep(mean.cpu(), out)
    texts = [" ".join(abstracted(one.code, words.__contains__)) for one in unseen]
    problems, languages = [one.problem for one in unseen], [one.language for one in unseen]
    sources = [one.code for one in unseen]
    beside = baselines(sources, texts, problems, languages, minilm, device)
    for name, figures in beside.items():
        told(out, name, figures)
    (out / "main" / "checkpoint.pt").unlink(missing_ok=True)


def _keep(tower: nn.Module, out: Path) -> None:
    """Keep the weights as float16, in parts that travel."""
    state = {name: one.half() for name, one in tower.state_dict().items()}
    names = sorted(state)
    half = math.ceil(len(names) / 2)
    for number, part in enumerate((names[:half], names[half:])):
        torch.save({name: state[name] for name in part}, out / f"tower-{number}.pt")


if __name__ == "__main__":
    main()
