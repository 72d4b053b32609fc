"""`python -m models.training.code`: mine pairs, train the code search encoder, measure it."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import torch

from models.training.code.mining import (
    Package,
    folder_package,
    installed_packages,
    lines_package,
    mine,
    open_package,
)
from models.training.code.pairs import fingerprint, read_pairs, write_pairs
from models.training.code.study import prepare, study
from models.training.code.trials import undocumented

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
OUT = click.Path(path_type=Path, dir_okay=False)


@click.group()
def main() -> None:
    """Make the code search encoder."""


@main.command("mine")
@click.argument("archives", nargs=-1, type=FILE)
@click.option("--out", type=OUT, required=True, help="Gets the pairs, .jsonl.xz.")
@click.option(
    "--folder",
    "folders",
    type=(str, str, click.Path(path_type=Path, exists=True)),
    multiple=True,
    metavar="NAME LICENCE PATH",
    help="A folder of sources, or a .jsonl.gz with path and code, taken as a package.",
)
@click.option("--installed", is_flag=True, help="Mine what is installed here, too.")
@click.option("--known", type=FILE, help="Pairs that were mined before, to add to.")
@click.option(
    "--unwanted", type=FILE, multiple=True, help="JSON whose keys are functions kept for tests."
)
def mine_command(
    archives: tuple[Path, ...],
    out: Path,
    folders: tuple[tuple[str, str, Path], ...],
    installed: bool,
    known: Path | None,
    unwanted: tuple[Path, ...],
) -> None:
    """Mine pairs of docstring and function from ARCHIVES: wheels, and what `npm pack` makes.

    A package is passed over where its own metadata name no permissive licence, or where tests are
    made of its repository.
    """
    codes = [code for path in unwanted for code in json.loads(path.read_text(encoding="utf-8"))]
    marks = frozenset(fingerprint(one) for code in codes for one in (code, undocumented(code)))
    click.echo(f"{len(codes)} functions are kept for tests")
    before = read_pairs(known) if known else ()
    found = mine(_packages(archives, folders, installed), marks, before, click.echo)
    count = write_pairs(out, found)
    click.echo(f"{count} pairs, {out.stat().st_size / 1e6:.1f} MB in {out}")


def _packages(
    archives: tuple[Path, ...], folders: tuple[tuple[str, str, Path], ...], installed: bool
) -> Iterator[Package]:
    for name, licence, path in folders:
        yield (folder_package if path.is_dir() else lines_package)(name, licence, path)
    if installed:
        yield from installed_packages()
    for path in archives:
        yield open_package(path)


@main.command("study")
@click.option("--pairs", type=FILE, required=True, multiple=True, help="What `mine` made.")
@click.option("--dev", type=FOLDER, help="Folder of CoSQA's dev split, to look at.")
@click.option("--start", type=FOLDER, default=Path("models/bundles/minilm"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Gets what is found.")
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path(".cache/training/code"),
    show_default=True,
    help="For checkpoints and logs.",
)
@click.option("--minutes", type=float, default=600.0, show_default=True, help="Of training.")
@click.option("--layers", type=click.IntRange(1, 6), help="That learn; on a CPU 2, else all.")
@click.option("--size", type=click.IntRange(min=2), default=512, show_default=True)
@click.option("--rate", type=float, default=1e-4, show_default=True)
def study_command(
    pairs: tuple[Path, ...],
    dev: Path | None,
    start: Path,
    out: Path,
    work: Path,
    minutes: float,
    layers: int | None,
    size: int,
    rate: float,
) -> None:
    """Train the ways of learning side by side, and the best for longer."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_float32_matmul_precision("high")
    began = time.monotonic()
    made = prepare(
        pairs, dev, start, out, work,
        device=device, layers=layers or (6 if device.type == "cuda" else 2),
        size=size, rate=rate, tell=_tell,
    )  # fmt: skip
    click.echo(f"prepared in {time.monotonic() - began:.0f} s")
    study(made, minutes)
    click.echo(f"all in {time.monotonic() - began:.0f} s")


def _tell(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
