"""`semblance gallery`, the questions to one: search, identify, scan, verify."""

import json
from pathlib import Path
from typing import Any

import click

from service.asked import FILE_PATH, THRESHOLD, item_of_file, verdict_of
from service.client import Client
from service.connected import LABEL_SCORE, with_client

command = click.Group("gallery")
FILE = click.option(
    "--file",
    type=FILE_PATH,
    help="Ask with this file (a picture) in place of QUESTION.",
)
READS = click.option("--reads", help="What the picture of --file reads.")
READ = click.option("--read", is_flag=True, help="Have the service read the picture of --file.")


def item_of(
    question: str | None, file: Path | None, reads: str | None, *, read: bool
) -> dict[str, Any]:
    """Make an item of what is asked: a text, or a file of another kind, and what that reads."""
    if (reads is not None or read) and (file is None or (reads is not None and read)):
        raise click.UsageError("--reads and --read tell of the picture of --file; give one")
    if (question is None) == (file is None):
        raise click.UsageError("give QUESTION or --file, one of the two")
    if file is None:
        return {"text": question}
    item = item_of_file(file)
    return item if not (reads or read) else item | {"reads": reads or True}


@command.command("search")
@click.argument("name")
@click.argument("question", required=False)
@FILE
@READS
@READ
@click.option("-k", default=10, show_default=True, help="How many hits.")
@click.option("--filter", "wanted", help='E.g. \'{"payload.year": {"gte": 1950}}\'.')
@click.option("--lexical-weight", type=click.FloatRange(0, 1), help="[the gallery's]")
@click.option("--by-label", is_flag=True, help="The best hit of each label only.")
@LABEL_SCORE
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@with_client
async def search(
    client: Client,
    name: str,
    question: str | None,
    file: Path | None,
    reads: str | None,
    read: bool,
    k: int,
    wanted: str | None,
    lexical_weight: float | None,
    by_label: bool,
    label_score: str | None,
    as_json: bool,
) -> None:
    """Find the exemplars nearest to a text, or to a file."""
    item = item_of(question, file, reads, read=read)
    body: dict[str, Any] = {"query": item, "k": k, "group_by_label": by_label}
    if label_score is not None:
        body["label_score"] = label_score
    if lexical_weight is not None:
        body["lexical_weight"] = lexical_weight
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
        seconds = hit.get("seconds")
        when = "" if seconds is None else f"  {seconds[0]:.2f} to {seconds[1]:.2f} s"
        click.echo(f"{hit['score']:.3f}  {hit['id']}{label}{when}")


@command.command("identify")
@click.argument("name")
@click.argument("question", required=False)
@FILE
@READS
@READ
@THRESHOLD
@LABEL_SCORE
@with_client
async def identify(
    client: Client,
    name: str,
    question: str | None,
    file: Path | None,
    reads: str | None,
    read: bool,
    threshold: float | None,
    label_score: str | None,
) -> None:
    """Name the label of a text, or of a file, or say that it is unknown."""
    body: dict[str, Any] = {"query": item_of(question, file, reads, read=read)}
    body["threshold"] = threshold
    body |= {} if label_score is None else {"label_score": label_score}
    result = (await client.gallery("POST", name, "/identify", body))["results"][0]
    click.echo(f"{verdict_of(result)}  threshold {result['threshold']:.3f}")


@command.command("verify")
@click.argument("name")
@click.argument("first", type=FILE_PATH)
@click.argument("second", type=FILE_PATH)
@THRESHOLD
@with_client
async def verify(
    client: Client, name: str, first: Path, second: Path, threshold: float | None
) -> None:
    """Tell whether FIRST and SECOND, two pictures, show the same, by the encoder of a gallery.

    Neither need be in it: it lends its encoder and its threshold.
    """
    pair = [item_of_file(file) for file in (first, second)]
    body = {"pairs": [pair], "gallery": name, "threshold": threshold}
    reply = await client.call("POST", "/v1/verify", body)
    (result,) = reply["results"]
    verdicts = {True: "same", False: "not the same", None: "who knows: calibrate the gallery"}
    line = "" if reply["threshold"] is None else f"  threshold {reply['threshold']:.3f}"
    click.echo(f"{verdicts[result['same']]}  score {result['score']:.3f}{line}")
