"""`semblance models`: list, show, verify, measure and import encoders."""

import itertools
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table

from models.bundle import Bundle, check_folder, list_bundles
from models.errors import BundleError
from models.manifest import Precision
from models.modality import Item, cost_unit
from models.onnx_encoder import OnnxEncoder
from service.settings import Settings, SettingsInvalid, read_settings

WORDS = ("the", "gallery", "answers", "whose", "logo", "this", "is", "and", "when", "nobody's")
T = TypeVar("T")
COUNT = click.IntRange(min=1)


@click.group("models", short_help="List, verify, measure and import encoders.")
def command() -> None:
    """List, verify, measure and import encoders (bundles)."""


def settings_or_exit() -> Settings:
    """Read the settings, or say what is wrong with them."""
    try:
        return read_settings()
    except SettingsInvalid as error:
        raise click.UsageError(str(error)) from error


def bundle_folders(settings: Settings) -> list[Path]:
    """List the bundles of the setting's folder, or say why there are none."""
    try:
        return list_bundles(settings.bundles_dir)
    except BundleError as error:
        raise click.ClickException(str(error)) from error


def bundle_folder(name: str) -> Path:
    """Find a bundle by its name, or by its folder's path."""
    settings = settings_or_exit()
    for folder in (settings.bundles_dir / name, Path(name)):
        if folder.is_dir():
            return folder
    known = ", ".join(folder.name for folder in bundle_folders(settings)) or "none"
    raise click.ClickException(f"no bundle {name!r} in {settings.bundles_dir} (there: {known})")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_models(as_json: bool) -> None:
    """List the bundles of the bundles folder; those that cannot be served, with the reason."""
    rows: list[dict[str, Any]] = []
    refused: dict[str, str] = {}
    for folder in bundle_folders(settings_or_exit()):
        try:
            bundle = Bundle.open(folder)
            check_folder(folder, bundle.manifest.name)
        except BundleError as error:
            refused[folder.name] = str(error)
            continue
        m = bundle.manifest
        rows.append(
            {
                "name": m.name,
                "modality": m.modality,
                "dim": m.dim,
                "precision": m.precision,
                "space": bundle.space,
                "megabytes": round(bundle.size_bytes / 1e6, 1),
                "licence": m.licence,
            }
        )
    if as_json:
        click.echo(json.dumps(rows))
    else:
        table = Table("name", "modality", "dim", "precision", "space", "MB", "licence", box=None)
        for row in rows:
            table.add_row(*map(str, row.values()))
        Console().print(table)
    for name, reason in refused.items():
        click.echo(f"REFUSED {name}: {reason}", err=True)
    if refused:
        raise SystemExit(1)


@command.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Print a bundle's manifest."""
    try:
        bundle = Bundle.open(bundle_folder(name))
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    shown = {"space": ""} | bundle.manifest.model_dump(mode="json") | {"space": bundle.space}
    click.echo(json.dumps(shown, indent=2, ensure_ascii=False))


@command.command("align")
@click.argument("name")
@click.argument("other", metavar="WITH", required=False)
def align(name: str, other: str | None) -> None:
    """State that the rows of NAME lie in the space of WITH: that the two were trained to meet.

    Galleries of WITH then take what NAME reads, and records pool what both read. It is true until
    WITH is another: its space is named by a hash of all that makes its rows. Without WITH, NAME has
    a space of its own again. Only the manifest changes.
    """
    try:
        bundle = Bundle.open(bundle_folder(name))
        aim = None if other is None else Bundle.open(bundle_folder(other))
        aligned = bundle.aligned(aim)
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{name} makes rows of space {aligned.space}")


@command.command("verify")
@click.argument("names", nargs=-1)
def verify(names: tuple[str, ...]) -> None:
    """Check hashes and replay the probe of bundles (all, without names)."""
    settings = settings_or_exit()
    folders = [bundle_folder(name) for name in names] or bundle_folders(settings)
    if not folders:
        raise click.ClickException(f"{settings.bundles_dir} holds no bundle")
    failed = 0
    for folder in folders:
        try:
            encoder = OnnxEncoder.open(folder, provider=settings.provider)
            check_folder(folder, encoder.name)
        except BundleError as error:
            failed += 1
            click.echo(f"FAILED  {folder.name}: {type(error).__name__}: {error}")
        else:
            click.echo(f"ok      {encoder.name}  {encoder.space}  on {encoder.provider}")
    if failed:
        raise SystemExit(1)


@command.command("bench")
@click.argument("name")
@click.option("--items", type=COUNT, default=256, show_default=True, help="Items to embed.")
@click.option("--batch", type=COUNT, default=32, show_default=True, help="Items of one pass.")
def bench(name: str, items: int, batch: int) -> None:
    """Measure a bundle on this machine: decoding, throughput in sorted batches, latency of one.

    Texts are of 4 to 64 words; items of other kinds are those of the bundle's own probe.
    """
    settings = settings_or_exit()
    try:
        started = time.perf_counter()
        folder = bundle_folder(name)
        encoder = OnnxEncoder.open(folder, threads=settings.threads, provider=settings.provider)
        opened = time.perf_counter() - started
    except BundleError as error:
        raise click.ClickException(str(error)) from error
    some = list(itertools.islice(itertools.cycle(measured_items(folder, encoder)), items))
    features, decoding = timed(lambda: [encoder.decode(item) for item in some])
    features.sort(key=lambda one: one.cost)
    encoder.forward(features[:batch])
    slices = [features[at : at + batch] for at in range(0, items, batch)]
    _, passing = timed(lambda: [encoder.forward(one) for one in slices])
    few = features[:: max(1, items // 50)]
    single = sorted(timed(partial(encoder.forward, [one]))[1] for one in few)
    cost = sum(one.cost for one in features)
    unit = cost_unit(encoder.modality)
    click.echo(f"{encoder.name} on {encoder.provider}, opened and probed in {opened:.2f} s")
    click.echo(f"{items / decoding:8.0f} items/s decoded, on one thread")
    click.echo(f"{items / passing:8.0f} items/s embedded   {cost / passing:8.0f} {unit}/s")
    click.echo(f"{single[len(single) // 2] * 1e3:8.1f} ms p50 of one")


def measured_items(folder: Path, encoder: OnnxEncoder) -> list[Item]:
    """Make texts of many lengths, or take the items of the bundle's own probe."""
    if encoder.modality != "text":
        return [item for item, _ in Bundle.open(folder).probe().items]
    lengths = range(4, 65)
    texts = [" ".join(WORDS[(i + j) % len(WORDS)] for j in range(n)) for i, n in enumerate(lengths)]
    return [Item("text", text) for text in texts]


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Do some work, and tell how many seconds it took."""
    started = time.perf_counter()
    done = work()
    return done, time.perf_counter() - started


@command.command("import")
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", required=True, help="The model's id in the API.")
@click.option("--into", type=click.Path(path_type=Path), help="Bundles folder [the setting's].")
@click.option(
    "--precision",
    type=click.Choice(["fp32", "fp16-stored", "int8"]),
    default="fp16-stored",
    show_default=True,
    help="fp16-stored halves the file and computes in fp32; int8 is faster and less exact.",
)
@click.option("--licence", default="", help="SPDX name of its licence [from its own card].")
@click.option("--source", "source_name", default="", help="Where it comes from, for its card.")
@click.option("--training-data", default="", help="What it was trained on [from its own card].")
@click.option("--description", default="", help="One sentence, for its card.")
@click.option("--replace", is_flag=True, help="Replace the bundle of this name.")
def import_command(
    source: Path,
    *,
    name: str,
    into: Path | None,
    precision: Precision,
    source_name: str,
    replace: bool,
    **said: str,
) -> None:
    """Turn the model directory SOURCE (sentence-transformers) into a bundle.

    Its pooling, normalisation, prompts and maximum length are read from its own files; parity with
    the torch reference is measured, told in the model card, and a bundle that strays is not
    written.
    """
    try:
        from models.training.importer import Provenance, import_model  # noqa: PLC0415 - torch
    except ImportError as error:
        raise click.ClickException(
            f"importing a model needs torch and the train extra ({error.name} is missing): "
            "`make setup-dev`, then try again"
        ) from error
    destination = (into or settings_or_exit().bundles_dir) / name
    command_line = f"semblance models import {source.name} --name {name} --precision {precision}"
    try:
        bundle = import_model(
            source,
            destination,
            name=name,
            precision=precision,
            provenance=Provenance(source=source_name, command=command_line, **said),
            replace=replace,
            on_progress=lambda words: click.echo(words, err=True),
        )
    except (BundleError, FileExistsError) as error:
        raise click.ClickException(str(error)) from error
    parity = bundle.manifest.parity
    if parity is not None:
        click.echo(f"parity with {parity.reference}: least cosine {parity.cosine_min:.7f}")
    click.echo(f"wrote {destination}; `semblance models show {name}` tells what it is")
