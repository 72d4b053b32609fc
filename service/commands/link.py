"""`semblance link`: the records of two tables that are of one thing."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.client import Client
from service.connected import asking_a_server, open_rejects, with_client
from service.table_commands import (
    SHARE,
    TABLE_PATH,
    USUAL,
    Usual,
    complain,
    embedded,
    labelled,
    read_both,
    refusing,
)

if TYPE_CHECKING:
    from service.records.linking import Linked
    from service.records.output import Side


@click.group("link", cls=Usual, short_help="Link the records of two tables.")
@asking_a_server
def command() -> None:
    """Link the records of two tables that are of one thing."""


@command.command(USUAL)
@click.argument("left", type=TABLE_PATH)
@click.argument("right", type=TABLE_PATH)
@click.option("--on", multiple=True, metavar="COLUMN|LEFT=RIGHT", help="Compare by it; repeatable.")
@click.option("--fields", metavar="NAME:KIND:WEIGHT,...", help="Say what is compared; or JSON.")
@click.option("--left-id", metavar="COLUMN", help="Names the left records, each once.")
@click.option("--right-id", metavar="COLUMN", help="Names the right records, each once.")
@click.option("--one-to-one", "pairing", flag_value="one_to_one", help="No record twice.")
@click.option("--one-to-many", "pairing", flag_value="one_to_many", help="A right record once.")
@click.option("--threshold", type=click.FloatRange(-1, 1), help="[found from labels, or scores]")
@click.option("--labels", type=TABLE_PATH,
              help="Labelled pairs: .jsonl of `link label`, or a table.")  # fmt: skip
@click.option("--model", help="Embeds names and texts. [names; minilm for texts]")
@click.option("--k", type=click.IntRange(1, 1000), default=10, show_default=True,
              help="Candidates of a record.")  # fmt: skip
@click.option("--rerank", type=SHARE, default=0.3, show_default=True,
              help="What the distance of strings weighs.")  # fmt: skip
@click.option("--shared", "shared_min", type=SHARE, default=0.0, show_default=True,
              help="The share of the weights that both must have.")  # fmt: skip
@click.option("--how", type=click.Choice(["inner", "left", "outer"]), default="left",
              show_default=True, help="Which records without a match are kept.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="[linked.csv] Or .tsv, .parquet, .xlsx.")  # fmt: skip
@click.option("--rejected", type=click.Path(path_type=Path), help="[OUTPUT.rejected.jsonl]")
@click.option("--encoding", help="Of tables of text. [found out]")
@click.option("--delimiter", help="Of tables of text. [found out]")
@with_client
async def tables(client: Client, left: Path, right: Path, **options: Any) -> None:
    """Link the records of LEFT to those of RIGHT, and write both with score and reason.

    LEFT and RIGHT are .csv, .tsv, .parquet or .xlsx files, their first row the columns' names.
    Without --on or --fields, records are compared by all columns that both tables have, as what
    these hold; it is printed. Each left record gets its best right one, which others may have too;
    or see --one-to-one and --one-to-many. --labels are what `semblance link label` kept, or a table
    of the columns left, right (ids, see --left-id and --right-id) and same; of enough labels the
    weights of fields are learnt. Without --threshold it is found from these, or from the scores.

    \b
    Kinds of fields: name, text, number, date, image (files beside the table, or base64), vector.
    Exit code 0: all was read. 1: refused, the message says why. 2: wrong usage. 4: some rows were
    not read, the file of rejects says which and why; all others are linked.
    """
    from anyio.to_thread import run_sync  # noqa: PLC0415 - for this command only

    from service.records.linking import Terms, link  # noqa: PLC0415 - numpy and FAISS
    from service.records.output import Output, Side  # noqa: PLC0415
    from service.records.tables import format_of, write_table  # noqa: PLC0415

    output = options["output"] or Path("linked.csv")
    with refusing():
        format_of(output)  # before the work, not after
        one, other, renamed, schema = await run_sync(partial(read_both, left, right, **options))
    rejects = open_rejects(options["rejected"], str(output.with_suffix("")))
    pooled = await embedded(client, left, one, schema)
    others = await embedded(client, right, other.renamed(renamed), schema)
    sides = (Side(one, pooled, options["left_id"]), Side(other, others, options["right_id"]))
    with refusing():
        terms = Terms(
            k=options["k"],
            pairing=options["pairing"] or "best",
            threshold=options["threshold"],
            rerank=options["rerank"],
            shared_min=options["shared_min"],
            labels=labelled(options["labels"], sides[0], renamed_side(sides[1], renamed)),
        )
        linked = await run_sync(link, pooled, others, terms)
        made = Output(*sides, linked, terms, options["how"])
        await run_sync(write_table, output, made.names, made.rows())
    summarise(linked, len(one), output)
    complain(sides, rejects)


def renamed_side(side: "Side", renamed: dict[str, str]) -> "Side":
    """Let a table have the left one's names of columns, by which answers know its records."""
    return replace(side, table=side.table.renamed(renamed), id=renamed.get(side.id or "", side.id))


def summarise(linked: "Linked", records: int, output: Path) -> None:
    """Say how many were linked, at what threshold, and what may be expected of it."""
    if linked.taught is not None:
        click.echo(linked.taught.note(), err=True)
    words = f"{len(linked.pairs)} pairs of {records} left records in {output}"
    if linked.threshold is not None:
        words += f"; threshold {linked.threshold:.3f}"
    if linked.expected is not None:
        told = linked.expected
        words += (
            f" (expected: precision {told.precision:.2f}, at least {told.precision_low:.2f}; "
            f"recall {told.recall_low:.2f} to {told.recall:.2f})"
        )
    click.echo(words)
    if linked.threshold is None:
        click.echo(f"nothing was cut: {linked.why}", err=True)
