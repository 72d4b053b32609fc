"""`python -m models.training.regions`: train the proposer, measure it, write its file."""

import math
from collections.abc import Sequence
from pathlib import Path

import click
import torch
from torch import nn

from models.training.loop import CHECKPOINT, fit
from models.training.regions.again import Again
from models.training.regions.export import add_regions, export_regions
from models.training.regions.figures import busy, figures, grid, proposing
from models.training.regions.loss import centre_loss
from models.training.regions.material import Material, held_material, learnt_material
from models.training.regions.net import SIDE, Proposer
from models.training.regions.scenes import Scene
from models.training.schedule import Schedule

STEPS, SIZE = 2000, 32
SMALL_SHARE = 0.3  # of the steps, on scenes of half the side
SEED, TRIAL_SEED = 1, 7
TRIAL_PART = 16
FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
@click.option("--data", type=FOLDER, required=True, help="Folder that holds `backgrounds`.")
@click.option("--marks", type=FOLDER, required=True, help="Folder of the atlases of marks.")
@click.option("--work", type=FOLDER, default=Path(".cache/regions"), show_default=True)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.pass_context
def main(context: click.Context, data: Path, marks: Path, work: Path, threads: int) -> None:
    """Propose where in a picture marks may be."""
    torch.set_num_threads(threads)
    context.obj = data, marks, work


@main.command()
@click.option("--steps", type=click.IntRange(min=1), default=STEPS, show_default=True)
@click.option("--minutes", type=click.FloatRange(min=0), help="Stop after so long.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint.")
@click.option("--trial-scenes", type=click.IntRange(min=1), default=32, show_default=True)
@click.pass_obj
def train(
    places: tuple[Path, Path, Path],
    steps: int,
    minutes: float | None,
    resume: bool,
    trial_scenes: int,
) -> None:
    """Train; the log is WORK/log.jsonl."""
    data, marks, work = places
    learnt = learnt_material(data, marks, work)
    torch.manual_seed(SEED)
    turn = int(steps * SMALL_SHARE)
    draws = Again(learnt.scenes(SIDE // 2, SEED), learnt.scenes(SIDE, SEED), turn)
    trial = trial_of(held_material(data, marks, work), trial_scenes)
    fit(
        _laid_out(Proposer()),
        draws,
        lose,
        Schedule(steps=steps, size=SIZE, rate=2e-3, averaged=0.995, check_steps=100),
        work,
        evaluate=lambda net: figures(proposing(net), trial),
        minutes=math.inf if minutes is None else minutes,
        resume=resume,
    )


@main.command()
@click.option("--scenes", type=click.IntRange(min=1), default=400, show_default=True)
@click.pass_obj
def evaluate(places: tuple[Path, Path, Path], scenes: int) -> None:
    """Print figures on scenes of brands and photos that were not learnt from, beside baselines."""
    data, marks, work = places
    trial = trial_of(held_material(data, marks, work), scenes)
    for name, propose in (("proposer", proposing(trained(work))), ("grid", grid), ("edges", busy)):
        told = figures(propose, trial)
        scored = name == "proposer"  # the baselines rank, their scores mean nothing
        shown = [f"{key} {value:.3g}" for key, value in told.items() if scored or "from" not in key]
        click.echo(f"{name}: " + ", ".join(shown))


@main.command()
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option("--bundle", type=FOLDER, help="An encoder's bundle, into which it goes as well.")
@click.pass_obj
def export(places: tuple[Path, Path, Path], out: Path, bundle: Path | None) -> None:
    """Write the file that is served."""
    export_regions(trained(places[2]), out)
    if bundle is not None:
        add_regions(bundle, out)


def _laid_out(net: Proposer) -> Proposer:
    """Keep the weights channels last, which the convolutions here are faster with."""
    for weight in net.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return net


def lose(net: nn.Module, scene: Scene) -> torch.Tensor:
    """Score a net on a batch of scenes; bfloat16 in the net, float32 in the loss."""
    with torch.autocast("cpu", torch.bfloat16):
        maps = net(scene.pixels)
    return centre_loss(maps.float(), scene.boxes, scene.rows)


def trial_of(held: Material, scenes: int) -> Sequence[Scene]:
    """Draw scenes for evaluation, always the same."""
    drawn = held.scenes(SIDE, TRIAL_SEED)
    return [
        drawn.draw(i, min(TRIAL_PART, scenes - i * TRIAL_PART))
        for i in range(-(-scenes // TRIAL_PART))
    ]


def trained(work: Path) -> Proposer:
    """Read the averaged weights of the last checkpoint."""
    net = Proposer().eval()
    net.load_state_dict(torch.load(work / CHECKPOINT, weights_only=True)["mean"])
    return net


if __name__ == "__main__":
    main()
