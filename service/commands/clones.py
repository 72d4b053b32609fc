"""`semblance code`, copies: which functions do the same, and whether two sources do."""

import base64
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.client import CallFailed, Client, patiently
from service.connected import with_client

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from service.repository.clones import Group, Piece

command = click.Group("code")
MODEL = "clones"
# Of pairs of held-out solutions of different problems, one in ten thousand scores above the first
# where both are of one language, above the second where they are of two; see docs/code.md.
WITHIN, ACROSS = 0.79, 0.77
# A repository has half a million pairs to a thousand functions, many of one form: what `clones`
# lists is to be worth a look.
LISTED = 0.9
FILE_PATH = click.Path(exists=True, dir_okay=False, path_type=Path)
CODES_AT_ONCE = 128
FAULTS_OF_ITEMS = ("item_empty", "item_too_large", "item_undecodable")
TOO_LATE = "deadline_exceeded"  # on a busy machine; half as many are done in time


@command.command("clones")
@click.argument("places", metavar="PATH...", nargs=-1, required=True)
@click.option("--threshold", default=LISTED, show_default=True, help="The least score of a link.")
@click.option("--min-lines", default=6, show_default=True, help="Shorter functions are left out.")
@click.option("--across", is_flag=True, help="Only groups of two languages or more.")
@click.option("--model", default=MODEL, show_default=True, help="Its encoder.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
@with_client
async def clones(client: Client, places: tuple[str, ...], **options: Any) -> None:
    """List groups of functions below each PATH that do the same, or nearly.

    Names, comments, layout and literals do not count, so that renamed copies are found; nor do
    languages, as far as their blocks are marked alike. PATH is what `code index` takes. A group
    holds functions whose mean score reaches the threshold; each member is shown with the score of
    its best link there, the group with the least of these.
    """
    from service.repository.clones import grouped, links_between, told  # noqa: PLC0415 - numpy
    from service.repository.extractor import check_installed  # noqa: PLC0415 - for this command

    check_installed()
    pieces = _found(places, options["min_lines"])
    click.echo(f"{len(pieces)} functions of {options['min_lines']} lines or more", err=True)
    if len(pieces) < 2:
        return
    pieces, rows = await _embedded(client, options["model"], pieces)
    if len(pieces) < 2:
        return
    threshold = options["threshold"]
    groups = grouped(links_between(rows, pieces, threshold), threshold)
    if options["across"]:
        groups = [one for one in groups if len({pieces[at].language for at, _ in one.members}) > 1]
    for group in groups:
        click.echo(
            json.dumps(told(group, pieces), ensure_ascii=False)
            if options["as_json"]
            else worded(group, pieces)
        )
    members = sum(len(group.members) for group in groups)
    click.echo(f"{len(groups)} groups of {members} functions", err=True)


@command.command("verify")
@click.argument("first", type=FILE_PATH)
@click.argument("second", type=FILE_PATH)
@click.option(
    "--threshold",
    type=float,
    help=f"The least score of the same. [{WITHIN} within a language, {ACROSS} across]",
)
@click.option("--model", default=MODEL, show_default=True, help="Its encoder.")
@with_client
async def verify(
    client: Client, first: Path, second: Path, threshold: float | None, model: str
) -> None:
    """Tell whether FIRST and SECOND, two source files, do the same whatever their names are."""
    pair = [{"text": file.read_text("utf-8", "replace")} for file in (first, second)]
    least = WITHIN if first.suffix == second.suffix else ACROSS
    body = {"pairs": [pair], "model": model, "threshold": least if threshold is None else threshold}
    reply = await client.call("POST", "/v1/verify", body)
    (result,) = reply["results"]
    verdict = "the same" if result["same"] else "not the same"
    click.echo(f"{verdict}  score {result['score']:.3f}  threshold {reply['threshold']:.3f}")


def _found(places: Sequence[str], lines_min: int) -> list["Piece"]:
    """Read the functions of all trees; name what cannot be read."""
    from service.repository.clones import pieces_of  # noqa: PLC0415 - as above
    from service.repository.tree import open_tree  # noqa: PLC0415 - as above

    pieces: list[Piece] = []
    for place in places:
        with open_tree(place) as tree:
            complaints = list(tree.unread)
            pieces += pieces_of(tree, lines_min, complaints)
        for path, reason in complaints:
            click.echo(f"{tree.name}/{path}: {reason}", err=True)
    return pieces


async def _embedded(
    client: Client, model: str, pieces: Sequence["Piece"]
) -> tuple[list["Piece"], "NDArray[Any]"]:
    """Embed codes as texts, those of similar length together; what has no row is named, and left.

    Returns:
        the others in the order given, and their unit rows (n, d).
    """
    import numpy as np  # noqa: PLC0415 - as above

    from service.builder import Tally  # noqa: PLC0415 - as above
    from service.progress import progress_bar  # noqa: PLC0415 - as above

    order = sorted(range(len(pieces)), key=lambda place: len(pieces[place].code))
    rows: dict[int, NDArray[Any]] = {}
    tally = Tally(total=len(pieces))
    with progress_bar("embedding") as update:
        for start in range(0, len(order), CODES_AT_ONCE):
            part = order[start : start + CODES_AT_ONCE]
            found = await _rows(client, model, [pieces[place] for place in part])
            rows |= {place: row for place, row in zip(part, found, strict=True) if row is not None}
            tally.done += len(part)
            tally.enrolled = len(rows)
            update(tally)
    kept = sorted(rows)
    return [pieces[place] for place in kept], np.array([rows[place] for place in kept])


async def _rows(
    client: Client, model: str, pieces: Sequence["Piece"]
) -> list["NDArray[Any] | None"]:
    """Embed some together; by halves where it comes too late, or to leave out one alone."""
    import numpy as np  # noqa: PLC0415 - as above

    body = {
        "model": model,
        "input": [{"text": one.code} for one in pieces],
        "encoding_format": "base64",
    }
    try:
        reply = await patiently(partial(client.call, "POST", "/v1/embeddings", body))
    except CallFailed as refused:
        if refused.code not in (*FAULTS_OF_ITEMS, TOO_LATE):
            raise
        if len(pieces) == 1:
            if refused.code == TOO_LATE:
                raise
            click.echo(f"{pieces[0].place}: left out: {refused}", err=True)
            return [None]
        half = len(pieces) // 2
        first = await _rows(client, model, pieces[:half])
        return first + await _rows(client, model, pieces[half:])
    return [np.frombuffer(base64.b64decode(one["embedding"]), "<f4") for one in reply["data"]]


def worded(group: "Group", pieces: Sequence["Piece"]) -> str:
    """Word a group: its score, and a line for each member."""
    lines = [f"{group.score:.3f}  {len(group.members)} functions"]
    for at, score in group.members:
        lines.append(f"    {pieces[at].place}  {pieces[at].symbol}  {score:.3f}")
    return "\n".join(lines) + "\n"
