"""`semblance gallery`: build, look at, ask and remove galleries, here or on a server."""

import json
from pathlib import Path
from subprocess import SubprocessError
from types import ModuleType
from typing import Any
from urllib.parse import quote

import click

from service.client import CallFailed, Client
from service.connected import (
    LABEL_SCORE,
    SomeRejected,
    asking_a_server,
    open_rejects,
    unless_passing,
    with_client,
)
from service.settings import SettingsInvalid, read_settings
from service.source import Columns


@click.group("gallery", short_help="Build, look at, ask and remove galleries.")
@asking_a_server
def command() -> None:
    """Build, look at, ask and remove galleries.

    Works on the local data folder (SEMBLANCE_DATA_DIR), which no server may hold meanwhile, or on a
    running server with --server URL.
    """


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
@click.option("--image-column", default="image", show_default=True)
@click.option("--audio-column", default="audio", show_default=True)
@click.option("--reads-column", default="reads", show_default=True, help="What a picture reads.")
@click.option("--name-column", help="What a picture shows, in words: both become a record.")
@click.option("--reads-label", is_flag=True, help="A picture reads its label, if nothing else.")
@click.option("--windows", is_flag=True, help="Enrol long sounds by windows.")
@click.option("--thumbnails", is_flag=True, help="Keep a small picture of each in its payload.")
@LABEL_SCORE
@click.option("--lexical", is_flag=True, help="Keep words too: a search by text counts them.")
@click.option("--rejected", type=click.Path(path_type=Path), help="[NAME.rejected.jsonl]")
@with_client
async def build(client: Client, name: str, source: Path, **options: Any) -> None:
    """Index SOURCE into the gallery NAME.

    SOURCE is a .csv, .tsv, .jsonl or .parquet file, or a folder of texts, pictures or sounds (its
    sub-folders are the labels, or else the names of the files), or a .zip of pictures or sounds.
    Columns that are not id, label, text, vector, image, audio or reads become the payload. The
    image, or audio, column holds the file, or its name beside SOURCE; SVGs are drawn. What a
    picture reads counts too, where the encoder has a tower for it; a name beside it (--name-column)
    is pooled with it, where both have an encoder of one space. Rows without an id are known by
    their content.

    \b
    Run it again after a kill, or when the source has grown: rows that stand already with the same
    content are not embedded again. Exit code 0: every row stands. 1: refused, the message says why.
    2: wrong usage. 3: stopped before the end, run it again. 4: some rows were rejected, the file of
    rejects says why; all others stand.
    """
    from service.builder import Tally, sending  # noqa: PLC0415 - for this command only
    from service.builder import build as build_gallery  # noqa: PLC0415
    from service.progress import progress_bar  # noqa: PLC0415

    columns = Columns(
        options["id_column"],
        options["label_column"],
        options["text_column"],
        options["vector_column"],
        options["image_column"],
        options["reads_column"],
        options["audio_column"],
        options["name_column"],
    )
    wanted = {name: options[name] for name in ("thumbnails", "reads_label", "windows")}
    sent = sending(source, columns, **wanted)
    rejects = open_rejects(options["rejected"], name)
    await create(client, name, options)
    with progress_bar(f"building {name}") as update, unless_passing():
        tally: Tally = await build_gallery(client, name, sent, rejects, update)
    state = await client.gallery("GET", name)
    click.echo(
        f"{name}: {tally.enrolled} enrolled, {tally.unchanged} stood already, "
        f"{tally.rejected} rejected; {state['count']} exemplars in all"
    )
    if tally.truncated:
        click.echo(f"{tally.truncated} items were longer than the encoder reads, and were cut")
    if tally.rejected:
        raise SomeRejected(f"{tally.rejected} rows were rejected; {rejects.path} says why")


async def create(client: Client, name: str, options: dict[str, Any]) -> None:
    """Create the gallery, or make sure that the one that stands fits what is asked."""
    if options["space"] is not None:
        body: dict[str, Any] = {"space": options["space"], "dim": options["dim"]}
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
    body["lexical"] = options.get("lexical") or None
    if options.get("label_score") is not None:
        body["label_score"] = options["label_score"]
    await client.gallery("PUT", name, "", body)


@command.command("samples")
@click.pass_context
def samples(ctx: click.Context) -> None:
    """Build the sample galleries that the data folder has not (none where SEMBLANCE_SAMPLES=0)."""
    from service.sampling import left_out, missing  # noqa: PLC0415 - for this command only

    try:
        settings = read_settings()
    except SettingsInvalid as error:
        raise click.UsageError(str(error)) from error
    wanted = missing(settings) if settings.samples else []
    for sample in left_out(settings) if settings.samples else []:
        words = f"no bundle {sample.MODEL!r} in {settings.bundles_dir}"
        click.echo(f"sample gallery {sample.NAME} is left out: {words}", err=True)
    if wanted:  # else nothing is opened: `make run` passes here at every start
        ctx.invoke(build_samples, wanted=wanted)


@with_client
async def build_samples(client: Client, wanted: list[ModuleType]) -> None:
    """Build sample galleries one after the other; one that cannot be made is told and left out."""
    from service.progress import progress_bar  # noqa: PLC0415 - as above
    from service.sampling import build_sample  # noqa: PLC0415

    for sample in wanted:
        try:
            with progress_bar(f"sample gallery {sample.NAME}") as update:
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


@command.command("photo")
@click.argument("name")
@click.argument("exemplar")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seed", default=0, show_default=True, help="Another photo for each.")
@click.option("--scene", is_flag=True, help="The whole photo, in place of a crop of the mark.")
@with_client
async def photo(
    client: Client, name: str, exemplar: str, file: Path, seed: int, scene: bool
) -> None:
    """Draw the picture of an EXEMPLAR of a gallery into FILE as a photo might show it.

    Seen from the side, in uneven light, blurred, noisy, as a jpeg: something to ask a gallery with.
    """
    from models.pictures.photo import photographed  # noqa: PLC0415 - for this command only
    from service.photos import picture_of  # noqa: PLC0415 - as above

    kept = await client.gallery("GET", name, f"/exemplars/{quote(exemplar, safe='')}")
    picture = picture_of(kept["item"])
    if picture is None:
        raise click.ClickException(f"no picture is kept of {exemplar!r} in gallery {name!r}")
    file.write_bytes(photographed(picture, seed=seed, scene=scene))


@command.command("calibrate")
@click.argument("name")
@click.option("--false-accept-rate", default=0.01, show_default=True, type=float)
@click.option(
    "--photos", type=click.IntRange(min=1), help="Draw so many of its pictures as photos show them."
)
@LABEL_SCORE
@with_client
async def calibrate(
    client: Client,
    name: str,
    false_accept_rate: float,
    photos: int | None,
    label_score: str | None,
) -> None:
    """Set the threshold of `identify` from the gallery itself, at a stated false-accept rate.

    A gallery of clean pictures that is asked with photos wants --photos: clean pictures are nearer
    to each other than to photos, and a threshold found on them refuses those.
    """
    body: dict[str, Any] = {"false_accept_rate": false_accept_rate, "photos": photos}
    body |= {} if label_score is None else {"label_score": label_score}
    reply = await client.gallery("POST", name, "/calibrate", body)
    click.echo(json.dumps(reply, indent=2))


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
