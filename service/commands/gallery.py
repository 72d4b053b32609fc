"""`semblance gallery`: build, look at, ask and remove galleries, here or on a server."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import wraps
from pathlib import Path
from subprocess import SubprocessError
from types import ModuleType
from typing import Any

import click

from service.client import CallFailed, Client, open_client
from service.settings import CALLER_KEY, SettingsInvalid, read_settings
from service.source import Columns, SourceInvalid, open_source


class Stopped(click.ClickException):
    """The command ended before its work did; the same command goes on with it."""

    exit_code = 3


class SomeRejected(click.ClickException):
    """All was done that could be; some rows cannot become exemplars."""

    exit_code = 4


@click.group("gallery", short_help="Build, look at, ask and remove galleries.")
@click.option("--server", metavar="URL", help="A running server; else the local data folder.")
@click.option("--key", envvar=CALLER_KEY, help=f"Key for the server [{CALLER_KEY}].")
@click.pass_context
def command(ctx: click.Context, server: str | None, key: str | None) -> None:
    """Build, look at, ask and remove galleries.

    Works on the local data folder (SEMBLANCE_DATA_DIR), which no server may hold meanwhile, or on a
    running server with --server URL.
    """
    ctx.obj = (server, key)


def with_client(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async command with a client, and turn refusals into a message and an exit code."""

    @wraps(function)
    def run(*args: Any, **kwargs: Any) -> None:
        ctx = click.get_current_context()
        server, key = ctx.obj
        own = kwargs.pop("server", None)
        server = server if own is None else own
        if server == "":  # an unset variable must not mean another gallery than the one meant
            raise click.UsageError("--server is empty; name a URL, or leave it out")

        async def connected() -> None:
            async with open_client(server, key, read_settings()) as client:
                await function(client, *args, **kwargs)

        from index.errors import GalleryError  # noqa: PLC0415 - faiss and ONNX Runtime: not for --help
        from models.errors import BundleError  # noqa: PLC0415
        from service.errors import ServiceError  # noqa: PLC0415

        try:
            asyncio.run(connected())
        except SettingsInvalid as error:
            raise click.UsageError(str(error)) from error
        except (CallFailed, GalleryError, BundleError, ServiceError, SourceInvalid) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            raise Stopped("stopped; run the same command again to go on") from None

    return click.option("--server", metavar="URL", help="A running server.")(run)


@command.command("build")
@click.argument("name")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--model", help="The encoder (see `semblance models list`); needed for a new gallery."
)
@click.option("--space", help="Instead of --model, for vectors made elsewhere: their space.")
@click.option("--dim", type=int, help="With --space: the vectors' dimension.")
@click.option("--id-column", default="id", show_default=True)
@click.option("--label-column", default="label", show_default=True)
@click.option("--text-column", default="text", show_default=True)
@click.option("--vector-column", default="vector", show_default=True)
@click.option("--rejected", type=click.Path(path_type=Path), help="[NAME.rejected.jsonl]")
@with_client
async def build(client: Client, name: str, source: Path, **options: Any) -> None:
    """Index SOURCE into the gallery NAME.

    SOURCE is a .csv, .tsv, .jsonl or .parquet file, or a folder of text files (its sub-folders are
    the labels). Columns that are not id, label, text or vector become the payload. Rows without an
    id are known by their content.

    \b
    Run it again after a kill, or when the source has grown: rows that stand already with the same
    content are not embedded again. Exit code 0: every row stands. 1: refused, the message says why.
    2: wrong usage. 3: stopped before the end, run it again. 4: some rows were rejected, the file of
    rejects says why; all others stand.
    """
    from service.builder import Rejects, Tally  # noqa: PLC0415 - for this command only
    from service.builder import build as build_gallery  # noqa: PLC0415
    from service.progress import progress_bar  # noqa: PLC0415

    columns = Columns(
        options["id_column"],
        options["label_column"],
        options["text_column"],
        options["vector_column"],
    )
    opened = open_source(source, columns)
    rejects = Rejects(options["rejected"] or Path(f"{name}.rejected.jsonl"))
    try:
        rejects.open()
    except OSError as error:
        raise click.UsageError(
            f"rejects cannot be written to {rejects.path}: {error.strerror}; name another file "
            "with --rejected"
        ) from error
    await create(client, name, options)
    with progress_bar(f"building {name}", opened.total) as update:
        try:
            tally: Tally = await build_gallery(client, name, opened, rejects, update)
        except CallFailed as error:
            if 400 <= error.status < 500:
                raise  # again would be refused again
            message = f"{error}; what was acknowledged stands: run the same command again to go on"
            raise Stopped(message) from error
    state = await client.gallery("GET", name)
    click.echo(
        f"{name}: {tally.enrolled} enrolled, {tally.unchanged} stood already, "
        f"{tally.rejected} rejected; {state['count']} exemplars in all"
    )
    if tally.truncated:
        click.echo(f"{tally.truncated} texts were longer than the encoder reads, and were cut")
    if tally.rejected:
        raise SomeRejected(f"{tally.rejected} rows were rejected; {rejects.path} says why")


async def create(client: Client, name: str, options: dict[str, Any]) -> None:
    """Create the gallery, or make sure that the one that stands fits what is asked."""
    if options["space"] is not None:
        body = {"space": options["space"], "dim": options["dim"]}
    elif options["model"] is not None:
        body = {"model": options["model"]}
    else:
        try:
            await client.gallery("GET", name)
        except CallFailed as error:
            if error.code != "gallery_unknown":
                raise
            raise click.UsageError(
                f"gallery {name!r} is new: name its encoder with --model "
                "(`semblance models list`), or --space and --dim for vectors made elsewhere"
            ) from error
        return
    await client.gallery("PUT", name, "", body)


@command.command("samples")
@click.pass_context
def samples(ctx: click.Context) -> None:
    """Build the sample galleries that the data folder has not (none where SEMBLANCE_SAMPLES=0)."""
    from service.sampling import missing  # noqa: PLC0415 - for this command only

    try:
        settings = read_settings()
    except SettingsInvalid as error:
        raise click.UsageError(str(error)) from error
    wanted = missing(settings) if settings.samples else []
    if wanted:  # else nothing is opened: `make run` passes here at every start
        ctx.invoke(build_samples, wanted=wanted)


@with_client
async def build_samples(client: Client, wanted: list[ModuleType]) -> None:
    """Build sample galleries one after the other; one that cannot be made is told and left out."""
    from service.progress import progress_bar  # noqa: PLC0415 - as above
    from service.sampling import build_sample  # noqa: PLC0415

    for sample in wanted:
        try:
            with progress_bar(f"sample gallery {sample.NAME}", None) as update:
                tally = await build_sample(client, sample, read_settings(), update)
        except (OSError, SubprocessError) as error:
            click.echo(f"sample gallery {sample.NAME} was not built: {error}", err=True)
            continue
        if tally is None:
            click.echo(f"gallery {sample.NAME} is your own: no sample of that name", err=True)


@command.command("list")
@with_client
async def list_galleries(client: Client) -> None:
    """List the galleries."""
    for state in (await client.call("GET", "/v1/galleries"))["galleries"]:
        words = f"{state['count']} exemplars, {state['labels']} labels, space {state['space']}"
        click.echo(f"{state['name']:24} {words}")


@command.command("show")
@click.argument("name")
@with_client
async def show(client: Client, name: str) -> None:
    """Print a gallery's state as JSON."""
    click.echo(json.dumps(await client.gallery("GET", name), indent=2, ensure_ascii=False))


@command.command("search")
@click.argument("name")
@click.argument("question")
@click.option("-k", default=10, show_default=True, help="How many hits.")
@click.option("--filter", "wanted", help='E.g. \'{"payload.year": {"gte": 1950}}\'.')
@click.option("--by-label", is_flag=True, help="The best hit of each label only.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
async def search(
    client: Client,
    name: str,
    question: str,
    k: int,
    wanted: str | None,
    by_label: bool,
    as_json: bool,
) -> None:
    """Find the exemplars nearest to a text."""
    body: dict[str, Any] = {"query": question, "k": k, "group_by_label": by_label}
    if wanted is not None:
        try:
            body["filter"] = json.loads(wanted)
        except ValueError as error:
            raise click.UsageError(f"--filter is not JSON: {error}") from error
    hits = (await client.gallery("POST", name, "/search", body))["results"][0]["hits"]
    if as_json:
        click.echo(json.dumps(hits, ensure_ascii=False))
        return
    for hit in hits:
        label = "" if hit["label"] in (None, hit["id"]) else f"  [{hit['label']}]"
        click.echo(f"{hit['score']:.3f}  {hit['id']}{label}")


@command.command("identify")
@click.argument("name")
@click.argument("question")
@click.option("--threshold", type=float, help="[the gallery's, or the encoder's]")
@with_client
async def identify(client: Client, name: str, question: str, threshold: float | None) -> None:
    """Name the label of a text, or say that it is unknown."""
    body = {"query": question, "threshold": threshold}
    result = (await client.gallery("POST", name, "/identify", body))["results"][0]
    score = "" if result["score"] is None else f"  score {result['score']:.3f}"
    named = f"  {result['label']}" if result["label"] is not None else ""
    click.echo(f"{result['verdict']}{named}{score}  threshold {result['threshold']:.3f}")


@command.command("calibrate")
@click.argument("name")
@click.option("--false-accept-rate", default=0.01, show_default=True, type=float)
@with_client
async def calibrate(client: Client, name: str, false_accept_rate: float) -> None:
    """Set the threshold of `identify` from the gallery itself, at a stated false-accept rate."""
    body = {"false_accept_rate": false_accept_rate}
    reply = await client.gallery("POST", name, "/calibrate", body)
    click.echo(json.dumps(reply, indent=2))


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


@command.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_client
async def delete(client: Client, name: str, yes: bool) -> None:
    """Delete a gallery and all its exemplars."""
    state = await client.gallery("GET", name)
    if not yes:
        click.confirm(f"delete {name!r} with {state['count']} exemplars, for good?", abort=True)
    await client.gallery("DELETE", name)
    click.echo(f"deleted {name}")


@command.command("alias")
@click.argument("name")
@click.argument("gallery", required=False)
@click.option("--rollback", is_flag=True, help="Back to the gallery before, instead of GALLERY.")
@with_client
async def alias(client: Client, name: str, gallery: str | None, rollback: bool) -> None:
    """Point NAME at GALLERY in one step; calls that take a gallery take NAME from then on."""
    if (gallery is None) != rollback:
        raise click.UsageError("give GALLERY or --rollback, one of the two")
    body = {"rollback": True} if gallery is None else {"gallery": gallery}
    made = await client.alias("PUT", name, body)
    before = "" if made["previous"] is None else f" (before: {made['previous']})"
    click.echo(f"{name} points at {made['gallery']}{before}")
