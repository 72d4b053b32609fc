"""`python -m models.training.ablation RECIPE`: compare objectives, and print the table."""

import os
from pathlib import Path

import click
import torch

from models.training.ablation.table import table
from models.training.ablation.trainings import Budget, Line, ablate
from models.training.objective import objective_names
from models.training.recipe import open_recipe, recipe_names

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(epilog=f"Objectives: {', '.join(objective_names())}.")
@click.argument("recipe", type=click.Choice(recipe_names()))
@click.option(
    "--data", type=FOLDER, required=True, help="Folder of what it learns and is tried on."
)
@click.option(
    "--work",
    type=FOLDER,
    default=Path(".cache/training"),
    show_default=True,
    help="Folder of the recipe's trainings; what is made here lies in ablation/RECIPE/STAGE.",
)
@click.option(
    "--objective",
    "objectives",
    multiple=True,
    help="NAME or NAME:SETTING=VALUE,...; may be repeated. Without it, each by its defaults.",
)
@click.option(
    "--seed", "seeds", type=int, multiple=True, default=[1], help="Of weights; may be repeated."
)
@click.option("--stage", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--steps", type=click.IntRange(min=2), required=True, help="Batches of each training."
)
@click.option("--pairs", type=click.IntRange(min=2), help="In a batch; the recipe says how many.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the tower.")
@click.option("--resume", is_flag=True, help="Go on from what is there.")
def main(
    recipe: str,
    data: Path,
    work: Path,
    objectives: tuple[str, ...],
    seeds: tuple[int, ...],
    stage: int,
    steps: int,
    pairs: int | None,
    threads: int | None,
    resume: bool,
) -> None:
    """Train RECIPE's tower by each objective, from the same weights, on the same batches.

    Each averaged tower is tried alone, by the recipe's trials. What was stopped goes on with
    --resume; more objectives and seeds of the same budget join the table so.
    """
    torch.set_num_threads(threads or os.cpu_count() or 1)
    folder = work / "ablation" / recipe / str(stage)
    if folder.exists() and not resume:
        raise click.ClickException(f"{folder} has trainings: go on by --resume, or remove it")
    made = open_recipe(recipe).build(data, work)
    if stage >= len(made.stages):
        raise click.ClickException(
            f"--stage is {stage}; the last of {recipe} is {len(made.stages) - 1}"
        )
    budget = Budget(stage, steps, pairs or made.stages[stage].schedule.size)
    try:
        lines = ablate(made, objectives or objective_names(), seeds, budget, folder, on_line=_tell)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{steps} batches of {budget.size} pairs each, stage {stage}\n\n{table(lines)}")


def _tell(line: Line) -> None:
    click.echo(table([line]), err=True)


if __name__ == "__main__":
    main()
