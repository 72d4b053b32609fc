"""`python -m models.training.clones`: train the encoder of clones, and compare objectives."""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import torch
from torch import nn

from models.abstraction.view import abstracted
from models.training.clones.baselines import baselines
from models.training.clones.learning import (
    InBatch,
    Lose,
    WithPrototypes,
    WithQueue,
    begun,
    embedded,
)
from models.training.clones.pairs import ProblemPairs
from models.training.clones.solutions import LISTING, Solution, held_out, read_solutions
from models.training.clones.trials import clone_figures
from models.training.clones.views import Ids, views_of
from models.training.clones.vocabulary import MASK, vocabulary
from models.training.loop import fit
from models.training.objective import open_objective
from models.training.schedule import Schedule
from models.training.sentence_tower import SentenceTower

FOLDER = click.Path(path_type=Path, file_okay=False)
SCHEDULE = Schedule(
    steps=100_000, size=192, rate=3e-4, warm=60, decay=0.05, averaged=0.99, check_steps=200
)
ABLATION = Schedule(steps=250, size=192, rate=2e-4, warm=40, decay=0.05, averaged=0.97)
WAYS: dict[str, Callable[[SentenceTower], Lose]] = {
    "SupCon": lambda tower: InBatch(open_objective("sup_con").build(temperature=0.1)),
    "SimCLR (NT-Xent)": lambda tower: InBatch(open_objective("nt_xent").build(temperature=0.1)),
    "MoCo": lambda tower: WithQueue(),
    "SwAV": WithPrototypes,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Trial:
    """Held-out solutions: as they stand, and as programs."""

    solutions: Sequence[Solution]
    views: Sequence[Sequence[Ids]]

    def figures(self, tower: nn.Module, device: str) -> Mapping[str, float]:
        """Tell MAP@R within and across languages; and where half the solutions are rewritten."""
        tower = tower.to(device).eval()
        problems = [one.problem for one in self.solutions]
        languages = [one.language for one in self.solutions]
        plain = embedded(tower, [view[0] for view in self.views])
        mixed = embedded(tower, [view[1 if n % 2 else 0] for n, view in enumerate(self.views)])
        told = clone_figures(plain, problems, languages)
        again = clone_figures(mixed, problems, languages)
        return told | {f"rewritten_{name}": value for name, value in again.items()}


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of leetcode-solutions.jsonl.gz.")
@click.option("--out", type=FOLDER, required=True, help="Gets the weights, logs and figures.")
@click.option("--minilm", type=FOLDER, default=Path("models/bundles/minilm"), show_default=True)
@click.option("--minutes", default=60.0, show_default=True, help="Of the training.")
@click.option("--ablation-steps", default=0, show_default=True, help="Of each objective compared.")
@click.option("--minutes-in-all", default=math.inf, help="After which no objective is begun.")
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
    ablation_steps: int,
    minutes_in_all: float,
    layers: int,
    pairs: int,
    count: int,
    every: int,
    processes: int,
    temperature: float,
) -> None:
    """Train on the problems that are not held out, on a GPU where there is one.

    OUT/figures.jsonl has a line of baselines, of the encoder, and of each objective compared.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_float32_matmul_precision("high")
    out.mkdir(parents=True, exist_ok=True)
    words = vocabulary()
    solutions = read_solutions(data / LISTING)
    learnt = [one for one in solutions if not held_out(one.problem)][::every]
    unseen = [one for one in solutions if held_out(one.problem)][::every]
    start_of_all = began = time.monotonic()
    trial = Trial(unseen, views_of(unseen, words, 2, processes=processes))
    views = views_of(learnt, words, count, processes=processes)
    _tell(out, "views", {"count": count * len(learnt), "seconds": time.monotonic() - began})
    draws = ProblemPairs(learnt, views, words[MASK], seed=1)

    def evaluate(mean: nn.Module) -> Mapping[str, float]:
        return trial.figures(mean, device)

    start = begun(words, minilm, layers).to(device)
    _tell(out, "MiniLM's layers, before training", trial.figures(start, device))
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
    _tell(out, "clones", trial.figures(mean, device))
    _keep(mean.cpu(), out)
    texts = [" ".join(abstracted(one.code, words.__contains__)) for one in unseen]
    problems, languages = [one.problem for one in unseen], [one.language for one in unseen]
    sources = [one.code for one in unseen]
    for name, told in baselines(sources, texts, problems, languages, minilm, device).items():
        _tell(out, name, told)
    budget = dataclasses.replace(
        ABLATION, steps=ablation_steps, size=pairs, check_steps=max(1, ablation_steps)
    )
    for name, way in WAYS.items():
        left = minutes_in_all - (time.monotonic() - start_of_all) / 60
        if not ablation_steps or left < 0.3:
            break
        tower = begun(words, minilm, layers).to(device)
        folder = out / f"ablation-{name.split()[0].lower()}"
        began = time.monotonic()
        lose = way(tower)
        mean = fit(
            tower.to(device),
            draws,
            lose,
            budget,
            folder,
            evaluate=lambda _: {},
            minutes=left,
            workers=max(1, processes - 1),
        )
        seconds = {"seconds": time.monotonic() - began}
        _tell(out, f"{name}, {ablation_steps} steps", {**trial.figures(mean, device), **seconds})
        (folder / "checkpoint.pt").unlink(missing_ok=True)
    (out / "main" / "checkpoint.pt").unlink(missing_ok=True)


def _tell(out: Path, name: str, figures: Mapping[str, float]) -> None:
    rounded = {key: round(float(value), 4) for key, value in figures.items()}
    line = json.dumps({"name": name} | rounded)
    click.echo(line)
    with (out / "figures.jsonl").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def _keep(tower: nn.Module, out: Path) -> None:
    """Keep the weights as float16, in parts that travel."""
    state = {name: one.half() for name, one in tower.state_dict().items()}
    names = sorted(state)
    half = math.ceil(len(names) / 2)
    for number, part in enumerate((names[:half], names[half:])):
        torch.save({name: state[name] for name in part}, out / f"tower-{number}.pt")


if __name__ == "__main__":
    main()
