"""`semblance dedupe`: the records of one table that are of one thing."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.client import Client
from service.connected import asking_a_server, open_rejects, with_client
from service.settings import read_settings
from service.table_commands import (
    SHARE,
    TABLE_PATH,
    USUAL,
    Usual,
    complain,
    embedded,
    labelled,
    refusing,
)

if TYPE_CHECKING:
    from service.records.dedupe_output import DedupeOutput
    from service.records.deduping import Deduped, DedupeTerms
    from service.records.output import Side
    from service.records.schema import Schema
    from service.records.tables import Table

NEW_PATH = click.Path(dir_okay=False, path_type=Path)


def about_the_table(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say by what the records of a table are compared."""
    for option in (
        click.option("--on", multiple=True, metavar="COLUMN", help="Compare by it; repeatable."),
        click.option("--fields", metavar="NAME:KIND:WEIGHT,...",
                     help="Say what is compared; or JSON."),
        click.option("--id", "id_", metavar="COLUMN", help="Names the records, each once."),
        click.option("--model", help="Embeds names and texts. [names; minilm for texts]"),
        click.option("--k", type=click.IntRange(1, 1000), default=10, show_default=True,
                     help="Candidates of a record."),
        click.option("--rerank", type=SHARE, default=0.3, show_default=True,
                     help="What the distance of strings weighs."),
        click.option("--missing", type=click.FloatRange(-1, 1), default=0.5, show_default=True,
                     help="What a field counts that one of two lacks."),
        click.option("--rejected", type=click.Path(path_type=Path),
                     help="[OUTPUT.rejected.jsonl]"),
        click.option("--encoding", help="Of a table of text. [found out]"),
        click.option("--delimiter", help="Of a table of text. [found out]"),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group("dedupe", cls=Usual, short_help="Find the records of a table that are of one thing.")
@asking_a_server
def command() -> None:
    """Find the records of a table that are of one thing."""


@command.command(USUAL)
@click.argument("table", type=TABLE_PATH)
@click.option("--threshold", type=click.FloatRange(-1, 1), help="[found from labels, or scores]")
@click.option("--false-match-rate", type=click.FloatRange(0, 1, min_open=True, max_open=True),
              help="Of links above the threshold that is found. [best F1]")  # fmt: skip
@click.option("--labels", type=TABLE_PATH,
              help="Labelled pairs: .jsonl of `dedupe label`, or a table.")  # fmt: skip
@click.option("--linkage", type=click.Choice(["single", "average"]), default="average",
              show_default=True, help="By any link, or by the mean of all.")  # fmt: skip
@click.option("--members-max", type=click.IntRange(1),
              help="Single linkage: larger clusters are cut at their weakest links.")  # fmt: skip
@click.option("--output", type=NEW_PATH, help="[deduped.csv] Or .tsv, .parquet, .xlsx.")
@click.option("--golden", type=NEW_PATH, help="A table of one record for each cluster.")
@click.option("--report", type=NEW_PATH, help="JSON: each cluster, and what holds it together.")
@about_the_table
@with_client
async def table_of_records(client: Client, table: Path, **options: Any) -> None:
    """Put the records of TABLE together that are of one thing, and write it with their clusters.

    TABLE is a .csv, .tsv, .parquet or .xlsx file, its first row the columns' names. Without --on or
    --fields, records are compared by all columns, as what these hold; it is printed. Without
    --threshold it is found from --labels, or from the scores alone, where these tell; where they do
    not, that is said, and nothing is written: see `semblance dedupe label`.

    \b
    Exit code 0: all was read. 1: refused, the message says why. 2: wrong usage. 4: some rows were
    not read, the file of rejects says which and why; all others are in the output.
    """
    from anyio.to_thread import run_sync  # noqa: PLC0415 - for this command only

    from service.records.dedupe_output import DedupeOutput  # noqa: PLC0415
    from service.records.deduping import dedupe  # noqa: PLC0415 - numpy and FAISS
    from service.records.output import Side  # noqa: PLC0415
    from service.records.tables import format_of  # noqa: PLC0415

    output = options["output"] or Path("deduped.csv")
    with refusing():
        for path in (output, options["golden"]):
            if path is not None:
                format_of(path)  # before the work, not after
        read_table, schema = await run_sync(partial(read, table, **options))
    rejects = open_rejects(options["rejected"], str(output.with_suffix("")))
    pooled = await embedded(client, table, read_table, schema)
    side = Side(read_table, pooled, options["id_"])
    with refusing():
        terms = terms_of(side, **options)
        found: Deduped = await run_sync(dedupe, pooled, terms)
        made = DedupeOutput(side, found, terms)
        await run_sync(partial(write, made, output, options["golden"], options["report"]))
    if found.taught is not None:
        click.echo(found.taught.note(), err=True)
    for line in made.worded():
        click.echo(line)
    complain((side,), rejects)


@command.command("label")
@click.argument("table", type=TABLE_PATH)
@click.option("--labels", type=NEW_PATH, help="Where answers are kept. [TABLE.labels.jsonl]")
@click.option("--most", type=click.IntRange(1), help="End after so many labels.")
@about_the_table
@with_client
async def label(client: Client, table: Path, **options: Any) -> None:
    """Ask about the pairs of TABLE whose answers tell most of the threshold.

    Two records are shown side by side, field by field; y: they are of one thing, n: they are not,
    s: skip, u: undo, q: quit. Each answer is kept at once; the same command goes on where it was
    left. `semblance dedupe TABLE --labels FILE` uses them.
    """
    from anyio.to_thread import run_sync  # noqa: PLC0415 - as above

    from service.records.deduping import candidates_of, first_alike  # noqa: PLC0415
    from service.records.labelling import talk  # noqa: PLC0415
    from service.records.output import Side  # noqa: PLC0415

    with refusing():
        read_table, schema = await run_sync(partial(read, table, **options))
    path = options["labels"] or table.with_name(table.name + ".labels.jsonl")
    pooled = await embedded(client, table, read_table, schema)
    side = Side(read_table, pooled, options["id_"])
    terms = terms_of(side, **{**options, "labels": None})
    pairs, _ = await run_sync(candidates_of, pooled, first_alike(pooled), terms)
    with refusing():
        await run_sync(partial(talk, side, side, pairs, path, terms.rerank, options["most"]))


def read(
    path: Path, *, on: tuple[str, ...], fields: str | None, **options: Any
) -> "tuple[Table, Schema]":
    """Read the table, and find out by what its records are compared."""
    from service.records.asked import fields_said, schema_for  # noqa: PLC0415 - as above
    from service.records.tables import Bounds, read_table  # noqa: PLC0415

    told = {name: options[name] for name in ("encoding", "delimiter")}
    table = read_table(path, Bounds.of(read_settings()), **told)
    if options["id_"] is not None:
        table = table.keyed(options["id_"])
    found = schema_for(
        [table],
        fields=None if fields is None else fields_said(fields),
        on=list(on) or None,
        model=options["model"],
        without=[options["id_"]] if options["id_"] is not None else [],
    )
    for note in [*table.notes, *found.notes]:
        click.echo(note, err=True)
    return table, found.schema


def terms_of(side: "Side", **options: Any) -> "DedupeTerms":
    """Make terms of the options, with the labels that there are."""
    from service.records.deduping import DedupeTerms  # noqa: PLC0415 - as above

    names = ("threshold", "false_match_rate", "linkage", "members_max")
    return DedupeTerms(
        k=options["k"],
        rerank=options["rerank"],
        missing=options["missing"],
        labels=labelled(options["labels"], side, side),
        **{name: options[name] for name in names if name in options},
    )


def write(made: "DedupeOutput", output: Path, golden: Path | None, report: Path | None) -> None:
    """Write what was asked for."""
    from service.records.tables import write_table  # noqa: PLC0415 - as above

    write_table(output, made.names, made.rows())
    if golden is not None:
        write_table(golden, made.golden_names, made.golden_rows())
    if report is not None:
        report.write_text(json.dumps(made.report(), ensure_ascii=False, indent=1), "utf-8")
