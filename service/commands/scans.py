"""`semblance gallery`, the scans: where in a whole picture, or a long sound, labels occur."""

import json
from pathlib import Path
from typing import Any

import click

from service.asked import FILE_PATH, THRESHOLD, item_of_file, verdict_of
from service.canvas import canvas_for
from service.client import Client
from service.connected import LABEL_SCORE, with_client

command = click.Group("gallery")
OUTPUT = click.Path(dir_okay=False, path_type=Path)
HOP = click.option("--hop", type=float, help="Of a sound: seconds from one window to the next.")
WINDOW = click.option(
    "--window", type=float, multiple=True, help="Of a sound: seconds of a window."
)


@command.command("scan")
@click.argument("name")
@click.argument("file", type=FILE_PATH)
@THRESHOLD
@LABEL_SCORE
@click.option("--regions", type=click.IntRange(min=1), help="Of a picture: how many. [16]")
@WINDOW
@HOP
@click.option("--unknown", is_flag=True, help="Tell of what is nobody's, too.")
@click.option("--plot", type=OUTPUT, help="Of a sound: scores over time, as .png or .html.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
async def scan(
    client: Client,
    name: str,
    file: Path,
    threshold: float | None,
    label_score: str | None,
    regions: int | None,
    window: tuple[float, ...],
    hop: float | None,
    unknown: bool,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Find where in FILE, a whole picture or a long sound, what the gallery holds occurs.

    Of a picture the surest come first; of a sound the earliest, each with when it is heard.
    """
    item = item_of_file(file)
    body: dict[str, Any] = {"item": item, "threshold": threshold, "unknown": unknown}
    body |= {"label_score": label_score, "regions_max": regions, "hop_seconds": hop}
    body["window_seconds"] = list(window) or None
    is_sound = "audio" in item
    canvas = None
    if plot is not None:
        if not is_sound:
            raise click.UsageError("--plot is of sounds")
        try:
            canvas = canvas_for(plot, f"{file.name} in {name}")
        except ValueError as error:
            raise click.UsageError(str(error)) from error
        body["scores"] = True
    reply = await client.gallery("POST", name, "/scan", body)
    if canvas is not None and plot is not None:
        from service.plots import draw_scan  # noqa: PLC0415 - numpy: for this option only

        draw_scan(canvas, f"{file.name} in {name}", reply)
        try:
            canvas.save(plot)
        except OSError as error:
            raise click.ClickException(f"{plot} cannot be written: {error.strerror}") from error
    if is_sound:
        reply["found"].sort(key=lambda one: one["seconds"])
    if as_json:
        click.echo(json.dumps(reply["found"], ensure_ascii=False))
        return
    for found in reply["found"]:
        place = clock(*found["seconds"]) if is_sound else " ".join(f"{e:.0f}" for e in found["box"])
        click.echo(f"{place:24} {verdict_of(found)}")
    what = "windows" if is_sound else "regions"
    line = f"{len(reply['found'])} found in {reply['regions']} {what}"
    if reply.get("false_alarms_per_hour") is not None:
        line += f", at {reply['false_alarms_per_hour']:g} false alarms an hour"
    click.echo(line, err=True)


@command.command("calibrate-scan")
@click.argument("name")
@click.argument("sounds", nargs=-1, required=True, type=FILE_PATH)
@click.option("--false-alarms-per-hour", "rate", default=1.0, show_default=True)
@LABEL_SCORE
@WINDOW
@HOP
@with_client
async def calibrate_scan(
    client: Client,
    name: str,
    sounds: tuple[Path, ...],
    rate: float,
    label_score: str | None,
    window: tuple[float, ...],
    hop: float | None,
) -> None:
    """Set the threshold of scans by SOUNDS, in which nothing that the gallery holds occurs.

    So many false alarms an hour pass it; an hour of background promises one an hour, and no less.
    """
    body: dict[str, Any] = {"background": [item_of_file(file) for file in sounds]}
    body |= {"false_alarms_per_hour": rate, "label_score": label_score, "hop_seconds": hop}
    body["window_seconds"] = list(window) or None
    reply = await client.gallery("POST", name, "/scan/calibrate", body)
    click.echo(json.dumps(reply, indent=2))


def clock(start: float, end: float) -> str:
    """Write from when to when, in minutes and seconds.

    >>> clock(61.0, 3661.25)
    '1:01.00 - 61:01.25'
    """
    return " - ".join(f"{int(at // 60)}:{at % 60:05.2f}" for at in (start, end))
