"""`python -m models.training.names_again`: train `names` on, on real readings, where it stands.

Names stay where they are: a reading is to meet the row that the shipped tower gives its name, among
the rows of the names nearest to it, and names as they are filed are held to their rows. So what was
trained to meet them, as `crops` was, still does.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
import torch
from torch.nn.functional import cross_entropy

from models.errors import BundleError
from models.training.loop import fit
from models.training.publishing import FloorMissed, publish, tower_embed
from models.training.recipe import Embed, open_recipe
from models.training.records.pool import open_pool
from models.training.records.printed import PrintedPairs, ReadBatch
from models.training.records.readings import Reading, kept
from models.training.records.tower import NameEncoder
from models.training.restored import restored
from models.training.schedule import Schedule

FOLDER = click.Path(path_type=Path, file_okay=False)
DRAWN, SEED = 20000, 21
TEMPERATURE, HOLD = 0.04, 5.0


def held_rows(tower: torch.nn.Module, batch: ReadBatch) -> torch.Tensor:
    """Lose where readings meet other names' rows, and where names leave their own.

    InfoNCE of readings among rows that do not move, and the mean of 1 - cosine of names with
    their rows, `HOLD` times.
    """
    with torch.autocast("cpu", torch.bfloat16):
        rows = tower(batch.texts)
    read, filed = rows.float().split([len(batch.truth), len(batch.stay)])
    found = cross_entropy(read @ batch.rows.T / TEMPERATURE, batch.truth)
    away = 1 - (filed * batch.rows[batch.stay]).sum(1)
    lost: torch.Tensor = found + HOLD * away.mean()
    return lost


@click.command()
@click.option(
    "--data", type=FOLDER, required=True, help="Folder of what it learns and is tried on."
)
@click.option("--work", type=FOLDER, required=True, help="Keeps the pool, the checkpoint, the log.")
@click.option("--read", type=FOLDER, multiple=True, required=True, help="Holds readings to learn.")
@click.option("--bundle", type=FOLDER, default=Path("models/bundles/names"), show_default=True)
@click.option("--out", type=FOLDER, help="The bundle's folder to be; without, none is published.")
@click.option("--steps", type=click.IntRange(min=1), default=4000, show_default=True)
@click.option("--size", type=click.IntRange(min=8), default=256, show_default=True)
@click.option("--rate", type=float, default=4e-4, show_default=True)
@click.option("--minutes", type=float, default=math.inf, help="When to stop; 0: publish as it is.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--version", default="2", show_default=True, help="Version of the bundle.")
def main(
    data: Path,
    work: Path,
    read: Sequence[Path],
    bundle: Path,
    out: Path | None,
    steps: int,
    size: int,
    rate: float,
    minutes: float,
    threads: int,
    version: str,
) -> None:
    """Train on, going on from the checkpoint in WORK if there is one, and publish."""
    torch.set_num_threads(threads)
    made = open_recipe("names").build(data, work)
    tower = restored(NameEncoder(), bundle)
    pairs = PrintedPairs(open_pool(data, work), gathered(read), DRAWN, SEED)
    if minutes > 0:
        pairs.place(tower.eval())
        click.echo(f"{len(pairs.names)} names, of {len(pairs.read)} of them real readings")
    mean = fit(
        tower,
        pairs,
        held_rows,
        Schedule(steps=steps, size=size, rate=rate, decay=0.02, check_steps=100, averaged=0.995),
        work / "again",
        evaluate=tried(made.trials, made.preprocessing),
        minutes=minutes,
        resume=True,
        workers=0,
    )
    if out is None:
        return
    command = "python -m models.training.names_again --data DATA --work WORK --read READ"
    try:
        published = publish(
            mean, made, out, version=version, command=command, on_progress=click.echo
        )
    except (BundleError, FloorMissed, FileExistsError) as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"published {published.space} in {out}")


def gathered(folders: Sequence[Path]) -> list[Reading]:
    """Read what was read, from several folders."""
    return [reading for folder in folders for reading in kept(folder)]


def tried(
    trials: Callable[[Embed], Mapping[str, float]], preprocessing: Mapping[str, object]
) -> Callable[[torch.nn.Module], Mapping[str, float]]:
    """Make what tries a tower in training."""

    def figures(tower: torch.nn.Module) -> Mapping[str, float]:
        shown = copy.deepcopy(tower).eval()
        return trials(tower_embed(shown, "text", preprocessing))

    return figures


if __name__ == "__main__":
    main()
