"""`python -m models.training RECIPE`: train an encoder, and publish it as a bundle."""

import math
import os
from dataclasses import replace as replace_in
from pathlib import Path

import click
import torch

from models.errors import BundleError
from models.training.loop import train
from models.training.publishing import FloorMissed, publish, tower_embed
from models.training.recipe import open_recipe, recipe_names

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(epilog=f"Recipes: {', '.join(recipe_names())}.")
@click.argument("recipe", type=click.Choice(recipe_names()))
@click.option(
    "--data", type=FOLDER, required=True, help="Folder of what it learns and is tried on."
)
@click.option("--out", type=FOLDER, required=True, help="The bundle's folder to be.")
@click.option(
    "--work",
    type=FOLDER,
    default=Path(".cache/training"),
    show_default=True,
    help="Folder for what is drawn once, the checkpoint and the log.",
)
@click.option("--steps", type=click.IntRange(min=0), help="Batches; the recipe says how many.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop after so long, then publish.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint; --steps may be raised.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the tower; a core is left to draw.")
@click.option("--version", default="1", show_default=True, help="Version of the bundle.")
@click.option("--replace", is_flag=True, help="Replace a bundle that is there.")
def main(
    recipe: str,
    data: Path,
    out: Path,
    work: Path,
    steps: int | None,
    minutes: float | None,
    resume: bool,
    threads: int | None,
    version: str,
    replace: bool,
) -> None:
    """Train RECIPE, and publish the bundle that it makes.

    The log is WORK/RECIPE/log.jsonl, a JSON object a line: the loss, pairs a second, and every few
    hundred steps the figures of the encoder as it would ship. What was stopped goes on with
    --resume; with --resume --minutes 0 the last checkpoint is published as it is.
    """
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 2) - 1))
    made = open_recipe(recipe).build(data, work)
    schedule = replace_in(made.schedule, steps=steps or made.schedule.steps)
    mean = train(
        made.tower,
        made.pairs,
        made.objective,
        schedule,
        work / recipe,
        evaluate=lambda tower: made.trials(tower_embed(tower, made)),
        minutes=math.inf if minutes is None else minutes,
        resume=resume,
    )
    command = f"python -m models.training {recipe} --data DATA --out OUT --resume --minutes 0"
    try:
        bundle = publish(
            mean,
            made,
            out,
            version=version,
            command=command,
            replace=replace,
            on_progress=click.echo,
        )
    except (BundleError, FloorMissed, FileExistsError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"published {bundle.space} in {out}")


if __name__ == "__main__":
    main()
