"""`python -m models.training.code`: mine pairs, train the code search encoder, measure it."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import click
import torch

from models.training.code.delta import add_delta
from models.training.code.embedding import bundle_searcher
from models.training.code.further import CODE_TOKENS, further
from models.training.code.mining import (
    Package,
    folder_package,
    installed_packages,
    lines_package,
    mine,
    open_package,
)
from models.training.code.pairs import fingerprint, held_out, read_pairs, write_pairs
from models.training.code.publishing import metrics_of, publish
from models.training.code.report import by_language, compare
from models.training.code.study import prepare, study
from models.training.code.trials import cosqa, undocumented
from models.training.restored import restored
from models.training.sentence_tower import SentenceTower, tower_of_bundle

FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
OUT = click.Path(path_type=Path, dir_okay=False)
ANY = click.Path(path_type=Path)
MINILM, WORK = Path("models/bundles/minilm"), Path(".cache/training/code")
SHARES = (0.5, 0.75, 1.0)  # of what was learnt since MiniLM
CHECK_STEPS = 25

Command = Callable[..., Any]


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


class Given(TypedDict):
    """What a training is told; see `prepare`."""

    pairs: tuple[Path, ...]
    dev: Path | None
    start: Path
    out: Path
    work: Path
    size: int
    rate: float


def training_options(*, minutes: float, size: int, rate: float) -> Callable[[Command], Command]:
    """Give a command the options of a training, with its own usual budget."""
    options = [
        click.option("--pairs", type=FILE, required=True, multiple=True, help="What `mine` made."),
        click.option("--dev", type=FOLDER, help="Folder of CoSQA's dev split, to look at."),
        click.option("--start", type=FOLDER, default=MINILM, show_default=True),
        click.option("--out", type=ANY, required=True, help="Gets what is found."),
        click.option(
            "--work", type=ANY, default=WORK, show_default=True, help="For checkpoints and logs."
        ),
        click.option("--minutes", default=minutes, show_default=True, help="Of training."),
        click.option("--size", type=click.IntRange(min=2), default=size, show_default=True),
        click.option("--rate", default=rate, show_default=True),
    ]

    def given(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return given


@main.command("study")
@training_options(minutes=600.0, size=512, rate=1e-4)
@click.option("--layers", type=click.IntRange(1, 6), help="That learn; on a CPU 2, else all.")
def study_command(minutes: float, layers: int | None, **given: Unpack[Given]) -> None:
    """Train the ways of learning side by side, and the best for longer."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_float32_matmul_precision("high")
    began = time.monotonic()
    layers = layers or (6 if device.type == "cuda" else 2)
    made = prepare(**given, device=device, layers=layers, tell=_tell)
    click.echo(f"prepared in {time.monotonic() - began:.0f} s")
    study(made, minutes)
    click.echo(f"all in {time.monotonic() - began:.0f} s")


@main.command("further")
@training_options(minutes=60.0, size=128, rate=5e-5)
@click.option("--begin", type=FOLDER, default=Path("models/bundles/code"), show_default=True)
@click.option("--layers", type=click.IntRange(1, 6), default=4, show_default=True)
@click.option("--tried", default=1000, show_default=True, help="Of the held out, per language.")
@click.option("--split/--as-it-stands", default=False, help="How code is read.")
def further_command(
    minutes: float, begin: Path, layers: int, tried: int, split: bool, **given: Unpack[Given]
) -> None:
    """Train the shipped encoder on, one way; shares are of what was learnt since MiniLM."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    made = prepare(**given, device=device, layers=layers, tell=_tell, tried=tried, with_near=False)
    made = replace(made, code_tokens=CODE_TOKENS, check_steps=CHECK_STEPS)
    further(made, restored(SentenceTower(), begin), minutes, SHARES, split=split)


@main.command("publish")
@click.option("--delta", type=FILE, required=True, help="What `study` learnt: delta.npz.")
@click.option("--report", type=FILE, required=True, help="What `study` measured: report.json.")
@click.option("--alpha", type=float, help="Share of what was learnt; the report says the best.")
@click.option("--start", type=FOLDER, default=MINILM, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The bundle's folder.")
@click.option("--version", default="1", show_default=True, help="Version of the bundle.")
@click.option("--replace", "over", is_flag=True, help="Replace a bundle that is there.")
def publish_command(
    delta: Path,
    report: Path,
    alpha: float | None,
    start: Path,
    out: Path,
    version: str,
    over: bool,
) -> None:
    """Publish the bundle of what was learnt, with what was measured of it."""
    found = json.loads(report.read_text(encoding="utf-8"))
    tower = tower_of_bundle(start)
    add_delta(tower, delta, found["alpha"] if alpha is None else alpha)
    bundle = publish(
        tower, start, out,
        version=version, metrics=metrics_of(found), unrelated=found["unrelated"],
        split=found.get("split", True), replace=over,
    )  # fmt: skip
    click.echo(f"published {bundle.space} in {out}")


@main.command("measure")
@click.option("--bundle", type=FOLDER, default=Path("models/bundles/code"), show_default=True)
@click.option("--start", type=FOLDER, default=MINILM, show_default=True)
@click.option("--dev", type=FOLDER, help="Folder of CoSQA's dev split.")
@click.option("--pairs", type=FILE, multiple=True, help="What `mine` made; the held out are asked.")
@click.option("--most", default=3000, show_default=True, help="Of the held out, per language.")
@click.option("--work", type=click.Path(path_type=Path), default=Path(".cache/code"))
@click.option("--threads", default=2, show_default=True)
def measure_command(
    bundle: Path,
    start: Path,
    dev: Path | None,
    pairs: tuple[Path, ...],
    most: int,
    work: Path,
    threads: int,
) -> None:
    """Compare a shipped bundle with BM25, MiniLM and their fusion, as they are served."""
    away = [pair for pair in read_pairs(*pairs) if held_out(pair.package)]
    trials = [cosqa(dev), cosqa(dev, bare=True)] if dev else []
    searchers = [bundle_searcher(one, work, threads) for one in (start, bundle)]
    for trial in (*trials, *by_language(away, most=most)):
        scores = [searcher.scores(trial) for searcher in searchers]
        for name, found in compare(trial, *scores).items():
            _tell(f"{trial.name:>24} {name:>15} {_line(found)}")


def _line(found: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.3f}" for name, value in found.items())


def _tell(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
