"""`python -m models.training.clones.comparing`: one training an objective, all else the same."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import click
import torch

from models.training.clones.learning import InBatch, Lose, WithPrototypes, WithQueue, begun
from models.training.clones.pairs import ProblemPairs
from models.training.clones.solutions import LISTING, held_out, read_solutions
from models.training.clones.telling import told, told_by
from models.training.clones.trials import Trial
from models.training.clones.views import views_of
from models.training.clones.vocabulary import MASK, vocabulary
from models.training.loop import fit
from models.training.objective import open_objective
from models.training.schedule import Schedule
from models.training.sentence_tower import SentenceTower

FOLDER = click.Path(path_type=Path, file_okay=False)
WAYS: dict[str, Callable[[SentenceTower], Lose]] = {
    "SupCon": lambda tower: InBatch(open_objective("sup_con").build(temperature=0.1)),
    "SimCLR (NT-Xent)": lambda tower: InBatch(open_objective("nt_xent").build(temperature=0.1)),
    "MoCo": lambda tower: WithQueue(),
    "MoCo, momentum .9": lambda tower: WithQueue(momentum=0.9),
    "SwAV": WithPrototypes,
}


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of leetcode-solutions.jsonl.gz.")
@click.option("--out", type=FOLDER, required=True, help="Gets the logs and figures.jsonl.")
@click.option("--minilm", type=FOLDER, default=Path("models/bundles/minilm"), show_default=True)
@click.option("--way", "ways", type=click.Choice(list(WAYS)), multiple=True, help="All, if none.")
@click.option("--steps", default=250, show_default=True, help="Of each training.")
@click.option("--pairs", default=192, show_default=True, help="In a batch.")
@click.option("--rate", default=2e-4, show_default=True, help="Of learning, at its highest.")
@click.option("--layers", default=6, show_default=True, help="Of MiniLM's six.")
@click.option("--views", "count", default=8, show_default=True, help="Of each solution.")
@click.option("--tried-every", default=1, show_default=True, help="Of held-out problems, one in.")
@click.option("--processes", default=4, show_default=True, help="That rewrite.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the tower.")
def main(
    data: Path,
    out: Path,
    minilm: Path,
    ways: tuple[str, ...],
    steps: int,
    pairs: int,
    rate: float,
    layers: int,
    count: int,
    tried_every: int,
    processes: int,
    threads: int | None,
) -> None:
    """Train from MiniLM's layers by each objective, on the same batches, and try what came of it.

    OUT/figures.jsonl has a line each; an objective that has one is not trained again.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.set_num_threads(threads or os.cpu_count() or 1)
    out.mkdir(parents=True, exist_ok=True)
    words = vocabulary()
    solutions = read_solutions(data / LISTING)
    learnt = [one for one in solutions if not held_out(one.problem)]
    problems = sorted({one.problem for one in solutions if held_out(one.problem)})[::tried_every]
    unseen = [one for one in solutions if one.problem in set(problems)]
    trial = Trial(unseen, views_of(unseen, words, 2, processes=processes))
    draws = ProblemPairs(
        learnt, views_of(learnt, words, count, processes=processes), words[MASK], seed=1
    )
    budget = Schedule(
        steps=steps, size=pairs, rate=rate, warm=max(1, steps // 6), decay=0.05,
        averaged=0.97 if steps >= 100 else 0.9, report_steps=10, check_steps=steps,
    )  # fmt: skip
    size = {"steps": steps, "pairs": pairs, "layers": layers, "solutions tried": len(unseen)}
    if "none" not in told_by(out):
        told(out, "none", {**trial.figures(begun(words, minilm, layers), device), **size})
    for name in ways or WAYS:
        if name in told_by(out):
            continue
        tower = begun(words, minilm, layers).to(device)
        lose, folder = WAYS[name](tower), out / "".join(filter(str.isalnum, name)).lower()
        began = time.process_time() if device == "cpu" else time.monotonic()
        mean = fit(tower, draws, lose, budget, folder, evaluate=lambda _: {})
        ended = time.process_time() if device == "cpu" else time.monotonic()
        told(out, name, {**trial.figures(mean, device), **size, "seconds": ended - began})
        (folder / "checkpoint.pt").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
