"""`python -m models.training RECIPE`: train an encoder, and publish it as a bundle."""

import copy
import math
import os
from collections.abc import Mapping
from dataclasses import replace as replace_in
from pathlib import Path

import click
import torch

from models.errors import BundleError
from models.training.loop import Evaluate, fit, paired
from models.training.publishing import FloorMissed, publish, tower_embed
from models.training.recipe import Recipe, Stage, drawn_on, open_recipe, recipe_names

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(epilog=f"Recipes: {', '.join(recipe_names())}.")
@click.argument("recipe", type=click.Choice(recipe_names()))
@click.option(
    "--data", type=FOLDER, required=True, help="Folder of what it learns and is tried on."
)
@click.option("--out", type=FOLDER, help="The bundle's folder to be; without, none is published.")
@click.option(
    "--work",
    type=FOLDER,
    default=Path(".cache/training"),
    show_default=True,
    help="Folder for what is drawn once, the checkpoint and the log.",
)
@click.option(
    "--steps", type=click.IntRange(min=1), help="Batches of each stage; the recipe says how many."
)
@click.option("--pairs", type=click.IntRange(min=2), help="In a batch; the recipe says how many.")
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop each stage after so long.")
@click.option(
    "--within",
    type=click.FloatRange(min=0, min_open=True),
    help="Minutes for all stages, shared as their steps are: the rate falls by the clock.",
)
@click.option("--device", default="cpu", show_default=True, help="Where to learn: cpu, or cuda.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="That draw batches; with 0 they are drawn where it learns, on a GPU as well.",
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoints; --steps may differ.")
@click.option("--threads", type=click.IntRange(min=1), help="Of the tower; a core is left to draw.")
@click.option("--version", default="1", show_default=True, help="Version of the bundle.")
@click.option("--replace", is_flag=True, help="Replace a bundle that is there.")
def main(
    recipe: str,
    data: Path,
    out: Path | None,
    work: Path,
    steps: int | None,
    pairs: int | None,
    minutes: float | None,
    within: float | None,
    device: str,
    workers: int,
    resume: bool,
    threads: int | None,
    version: str,
    replace: bool,
) -> None:
    """Train RECIPE, and publish the bundle that it makes, if a folder is named for it.

    The log of a stage is WORK/RECIPE/STAGE/log.jsonl, a JSON object a line: the loss, pairs a
    second, and every few hundred steps the figures of the encoder as it would ship. What was
    stopped goes on with --resume; with --resume --minutes 0 the last checkpoint is published as it
    is.
    """
    torch.set_num_threads(threads or max(1, (os.cpu_count() or 2) - 1))
    made = open_recipe(recipe).build(data, work)
    weights, all_steps = None, sum(stage.schedule.steps for stage in made.stages)
    for number, stage in enumerate(made.stages):
        schedule = replace_in(
            stage.schedule,
            steps=steps or stage.schedule.steps,
            size=pairs or stage.schedule.size,
            minutes=within * stage.schedule.steps / all_steps if within else math.inf,
        )
        figures = _tried(made, stage)
        if weights is not None:
            stage.tower.load_state_dict(made.hand_on(weights, stage.tower))
        mean = fit(
            _placed(stage.tower, device),
            stage.pairs if workers else drawn_on(stage.pairs, torch.device(device)),
            stage.lose or paired(made.objective),
            schedule,
            work / recipe / str(number),
            evaluate=figures,
            minutes=math.inf if minutes is None else minutes,
            resume=resume,
            workers=workers,
        )
        weights = mean.state_dict()
    if out is None:
        return
    command = f"python -m models.training {recipe} --data DATA --out OUT --resume --minutes 0"
    try:
        bundle = publish(
            made.complete(mean),
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


def _placed(tower: torch.nn.Module, device: str) -> torch.nn.Module:
    """Put a tower on a device, its weights in the order in which GPUs convolve."""
    # The stubs of torch lack this argument.
    return tower.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _tried(recipe: Recipe, stage: Stage) -> Evaluate:
    """Make what tries a stage's tower again and again, on pictures that are decoded once."""
    shown = copy.deepcopy(stage.tower).eval()
    embed = tower_embed(shown, recipe.modality, stage.preprocessing)

    def figures(tower: torch.nn.Module) -> Mapping[str, float]:
        shown.load_state_dict(tower.state_dict())
        return recipe.trials(embed)

    return figures


if __name__ == "__main__":
    main()
