"""`semblance gallery map`: a gallery drawn."""

import tempfile
from pathlib import Path
from typing import Any

import click

from service.canvas import canvas_for
from service.client import Client, gallery_path
from service.connected import with_client

command = click.Group("gallery")
OUTPUT = click.Path(dir_okay=False, path_type=Path)


@command.command("map")
@click.argument("name")
@click.option("--output", type=OUTPUT, required=True, help="A .png, or a page of .html.")
@with_client
async def draw(client: Client, name: str, output: Path) -> None:
    """Draw the exemplars of the gallery NAME in the plane in which they lie most apart.

    Each is a dot, in the colour of its label; in HTML it is told where it is pointed at.
    """
    from service.plots import draw_map  # noqa: PLC0415 - numpy: for this command only

    try:
        canvas = canvas_for(output, name)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "exported.parquet"
        with file.open("wb") as out:
            await client.download("GET", f"{gallery_path(name)}/export", out)
        ids, labels, rows = _exported(file)
    if not ids:
        raise click.ClickException(f"gallery {name!r} is empty: there is nothing to draw")
    draw_map(canvas, name, ids, labels, rows)
    try:
        canvas.save(output)
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from error
    click.echo(f"{output}: {len(ids)} exemplars")


def _exported(file: Path) -> tuple[list[str], list[str | None], Any]:
    """Read the ids, labels and vectors of an export."""
    import pyarrow.parquet  # noqa: PLC0415 - half a second

    table = pyarrow.parquet.read_table(file, columns=["id", "label", "vector"])
    vectors = table["vector"].combine_chunks()
    rows = vectors.flatten().to_numpy().reshape(len(table), -1) if len(table) else None
    return table["id"].to_pylist(), table["label"].to_pylist(), rows
