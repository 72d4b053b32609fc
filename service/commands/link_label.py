"""`semblance link label`: the pairs of two tables whose labels tell most, in the terminal."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from service.client import Client
from service.connected import with_client
from service.table_commands import SHARE, TABLE_PATH, embedded, read_both, refusing

command = click.Group("link")


@command.command("label")
@click.argument("left", type=TABLE_PATH)
@click.argument("right", type=TABLE_PATH)
@click.option("--labels", type=click.Path(dir_okay=False, path_type=Path),
              help="Where answers are kept. [LEFT.labels.jsonl]")  # fmt: skip
@click.option("--most", type=click.IntRange(1), help="End after so many labels.")
@click.option("--on", multiple=True, metavar="COLUMN|LEFT=RIGHT", help="Compare by it; repeatable.")
@click.option("--fields", metavar="NAME:KIND:WEIGHT,...", help="Say what is compared; or JSON.")
@click.option("--left-id", metavar="COLUMN", help="Names the left records, each once.")
@click.option("--right-id", metavar="COLUMN", help="Names the right records, each once.")
@click.option("--model", help="Embeds names and texts. [names; minilm for texts]")
@click.option("--k", type=click.IntRange(1, 1000), default=10, show_default=True,
              help="Candidates of a record.")  # fmt: skip
@click.option("--rerank", type=SHARE, default=0.3, show_default=True,
              help="What the distance of strings weighs.")  # fmt: skip
@click.option("--encoding", help="Of tables of text. [found out]")
@click.option("--delimiter", help="Of tables of text. [found out]")
@with_client
async def label(client: Client, left: Path, right: Path, **options: Any) -> None:
    """Ask about the pairs of LEFT and RIGHT whose answers tell most of the threshold.

    Two records are shown side by side, field by field; y: they are of one thing, n: they are not,
    s: skip, u: undo, q: quit. Each answer is kept at once; the same command goes on where it was
    left. `semblance link LEFT RIGHT --labels FILE` learns from them.
    """
    from anyio.to_thread import run_sync  # noqa: PLC0415 - for this command only

    from service.records.labelling import talk  # noqa: PLC0415 - numpy and FAISS
    from service.records.linking import Terms, link  # noqa: PLC0415
    from service.records.output import Side  # noqa: PLC0415

    with refusing():
        one, other, renamed, schema = await run_sync(partial(read_both, left, right, **options))
    path = options["labels"] or left.with_name(left.name + ".labels.jsonl")
    other = other.renamed(renamed)
    pooled = await embedded(client, left, one, schema)
    others = await embedded(client, right, other, schema)
    sides = Side(one, pooled, options["left_id"]), Side(other, others, options["right_id"])
    terms = Terms(k=options["k"], threshold=-1.0, rerank=options["rerank"])
    with refusing():
        pairs = (await run_sync(link, pooled, others, terms)).candidates.pairs
        await run_sync(partial(talk, *sides, pairs, path, terms.rerank, options["most"]))
