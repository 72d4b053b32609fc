"""What commands about the records of tables share: reading, embedding, refusals in words."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from service.client import Client
from service.connected import SomeRejected
from service.settings import read_settings

if TYPE_CHECKING:
    from service.builder import Rejects
    from service.records.learning import Label
    from service.records.output import Side
    from service.records.pooling import Pooled
    from service.records.schema import Schema
    from service.records.tables import Table

USUAL = "tables"
TABLE_PATH = click.Path(exists=True, dir_okay=False, path_type=Path)
SHARE = click.FloatRange(0, 1)


class Usual(click.Group):
    """A group whose usual command needs not be named: `semblance link LEFT RIGHT`."""

    usual = USUAL

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the usual command's name before what names none."""
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = [USUAL, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Show the help of the usual command, and what others there are."""
        usual = self.commands[USUAL]
        with usual.make_context(ctx.info_name, [], ctx.parent, resilient_parsing=True) as own:
            usual.format_help(own, formatter)
        self.format_commands(ctx, formatter)


def read_both(
    left: Path, right: Path, *, on: tuple[str, ...], fields: str | None, **options: Any
) -> "tuple[Table, Table, dict[str, str], Schema]":
    """Read both tables, and find out by what they are compared.

    The right one's columns that are called otherwise come with the left one's names for them.
    """
    from service.records.asked import fields_said, on_said, schema_for  # noqa: PLC0415 - numpy; not for --help
    from service.records.tables import Bounds, read_table  # noqa: PLC0415

    bounds = Bounds.of(read_settings())
    told = {name: options[name] for name in ("encoding", "delimiter")}
    names, renamed = on_said(on)
    ids = [options["left_id"], options["right_id"]]
    one, other = (
        table if column is None else table.keyed(column)
        for table, column in zip(
            (read_table(left, bounds, **told), read_table(right, bounds, **told)), ids, strict=True
        )
    )
    found = schema_for(
        (one, other.renamed(renamed)),
        fields=None if fields is None else fields_said(fields),
        on=names or None,
        model=options["model"],
        without=[column for column in ids if column is not None],
    )
    for note in [*one.notes, *other.notes, *found.notes]:
        click.echo(note, err=True)
    return one, other, renamed, found.schema


async def embedded(client: Client, path: Path, table: "Table", schema: "Schema") -> "Pooled":
    """Embed the records of a table, and show how far it is."""
    from service.builder import Tally  # noqa: PLC0415 - numpy; not for --help
    from service.called_encoders import Called  # noqa: PLC0415
    from service.progress import progress_bar  # noqa: PLC0415
    from service.records.asked import total_of  # noqa: PLC0415
    from service.records.pictures import pictures_beside  # noqa: PLC0415
    from service.records.pooling import pooled  # noqa: PLC0415
    from service.svg import Rasteriser  # noqa: PLC0415

    tally = Tally(total=total_of(table, schema))
    with progress_bar(f"embedding {table.name}") as show, Rasteriser() as rasteriser:

        def update(more: int) -> None:
            tally.done += more
            tally.enrolled += more
            show(tally)

        picture = pictures_beside(path, rasteriser)
        with refusing():
            return await pooled(table, schema, Called(client), picture=picture, update=update)


def labelled(path: Path | None, left: "Side", right: "Side") -> "list[Label]":
    """Read labelled pairs, and say how many are about records that have changed.

    Args:
        path: of the file; None: there are none.
    """
    from service.records.labelled import labels_of  # noqa: PLC0415 - numpy; not for --help
    from service.records.tables import Bounds  # noqa: PLC0415

    if path is None:
        return []
    labels, lost = labels_of(path, left, right, Bounds.of(read_settings()))
    words = f"{len(labels)} labels"
    click.echo(f"{words}, {lost} about records that are not there" if lost else words, err=True)
    return labels


@contextmanager
def refusing() -> Iterator[None]:
    """Turn what is wrong with tables and fields into a message and exit code 1."""
    from service.errors import SchemaInvalid  # noqa: PLC0415 - as above
    from service.records.labels import LabelsInvalid  # noqa: PLC0415
    from service.records.tables import TableInvalid  # noqa: PLC0415

    try:
        yield
    except (SchemaInvalid, TableInvalid, LabelsInvalid, OSError) as error:
        raise click.ClickException(str(error)) from error


def complain(sides: "Sequence[Side]", rejects: "Rejects") -> None:
    """Write what could not be read, and say how much that is.

    Raises:
        SomeRejected: whole rows are among it.
    """
    rows = cells = 0
    add: Callable[..., None] = rejects.add
    for side in sides:
        table = side.table
        for refused in table.refused:
            rows += 1
            add(refused.place, None, refused.reason, table=table.name, column=refused.column,
                cells=list(refused.cells))  # fmt: skip
        for (row, column), reason in sorted(side.pooled.wrong.items()):
            cells += 1
            add(table.place(row), side.named(row), f"{reason}; it counts as missing",
                table=table.name, column=column)  # fmt: skip
    rejects.close()
    if cells:
        words = f"{cells} cells could not be read and count as missing; {rejects.path} says which"
        click.echo(words, err=True)
    if rows:
        sys.stdout.flush()
        raise SomeRejected(f"{rows} rows were not read; {rejects.path} says which, and why")
