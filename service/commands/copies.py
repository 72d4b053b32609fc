"""`semblance gallery`, the copies of one: by another encoder, to files, and back."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from service.client import Client, gallery_path
from service.connected import SomeRejected, open_rejects, unless_passing, with_client
from service.source import Columns, open_source

command = click.Group("gallery")


@command.command("reembed")
@click.argument("old")
@click.argument("new")
@click.option("--model", required=True, help="The encoder of NEW (`semblance models list`).")
@click.option("--alias", help="Point this alias, which points at OLD, at NEW in the end.")
@click.option(
    "--source",
    type=click.Path(exists=True, path_type=Path),
    help="As of `build`: the items of exemplars that were enrolled as vectors.",
)
@click.option("--id-column", default="id", show_default=True)
@click.option("--label-column", default="label", show_default=True)
@click.option("--text-column", default="text", show_default=True)
@click.option("--prune", is_flag=True, help="Remove what NEW has and OLD has not.")
@click.option("--rejected", type=click.Path(path_type=Path), help="[NEW.rejected.jsonl]")
@with_client
async def reembed(client: Client, old: str, new: str, **options: Any) -> None:
    """Make NEW of the items of OLD, by another encoder, beside it; and switch to it.

    OLD is searched and written to meanwhile; what is written is copied too. NEW is checked before
    --alias is pointed at it, and `semblance gallery alias ALIAS --rollback` goes back.

    \b
    Run it again after a kill: what stands already is not embedded again. Exit code 0: NEW has all
    that OLD has. 1: refused, the message says why. 2: wrong usage. 3: stopped before the end, run
    it again. 4: some exemplars cannot be embedded, the file of rejects says why; all others stand
    in NEW, and nothing was switched.
    """
    from service.progress import progress_bar  # noqa: PLC0415 - for this command only
    from service.reembed import Change, Unfit, told  # noqa: PLC0415
    from service.reembed import reembed as make  # noqa: PLC0415

    columns = Columns(options["id_column"], options["label_column"], options["text_column"])
    source = options["source"]
    change = Change(old, new, options["model"], options["alias"], options["prune"])
    opened = None if source is None else partial(open_source, source, columns)
    rejects = open_rejects(options["rejected"], new)
    with progress_bar(f"embedding {old} as {new}") as update, unless_passing():
        try:
            report = await make(client, change, rejects, update, opened)
        except Unfit as error:
            raise click.ClickException(str(error)) from error
        finally:
            rejects.close()
    for line in told(report, change):
        click.echo(line)
    if report is not None and report.tally.rejected:
        raise SomeRejected(
            f"{report.tally.rejected} exemplars were rejected; {rejects.path} says why"
        )


@command.command("export")
@click.argument("name")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_client
async def export(client: Client, name: str, file: Path) -> None:
    """Write the gallery NAME to a Parquet FILE, of which `build` makes the same gallery."""
    from service.arriving import arriving  # noqa: PLC0415 - for this command only

    try:
        with arriving(file) as out:
            await client.download("GET", f"{gallery_path(name)}/export", out)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
    click.echo(f"{file}: {file.stat().st_size} bytes")


@command.command("snapshot")
@click.argument("name")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite FILE where it stands.")
@with_client
async def snapshot(client: Client, name: str, file: Path | None, force: bool) -> None:
    """Copy the gallery NAME to FILE [NAME.snapshot], as it stands at one moment.

    The file has all but indexes, which are built anew, and is checked before it gets its name.
    """
    from service.snapshot_files import fetch  # noqa: PLC0415 - for this command only

    file = file or Path(f"{name}.snapshot")
    if file.exists() and not force:
        raise click.UsageError(f"{file} stands already; name another, or overwrite it with --force")
    try:
        head = await fetch(client, name, file)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from error
    size = file.stat().st_size
    click.echo(f"{file}: {head.count} exemplars of {head.gallery} at seq {head.seq}, {size} bytes")


@command.command("restore")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--replace", is_flag=True, help="In the place of the gallery NAME, in one step.")
@with_client
async def restore(client: Client, name: str, file: Path, replace: bool) -> None:
    """Make the gallery NAME of the snapshot in FILE: all of it or nothing."""
    from service.snapshot_files import send  # noqa: PLC0415 - for this command only

    try:
        state = await send(client, name, file, replace=replace)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}") from error
    click.echo(f"{name}: {state['count']} exemplars, seq {state['seq']}")
