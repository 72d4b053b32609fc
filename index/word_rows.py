"""The statements of words: what exemplars say, counted, beside them in the same transactions."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice

from index.bags import packed, spoken
from index.database import Connection
from index.words import VERSION

_RENEWED_ROWS = 1000  # in one write


def keep(connection: Connection, rows: Sequence[tuple[int, bytes | None]]) -> None:
    """Insert the words of rows; None of one of a gallery that keeps none."""
    worded = [one for one in rows if one[1] is not None]
    connection.executemany("INSERT OR REPLACE INTO words (row, bag) VALUES (?, ?)", worded)


def forget(connection: Connection, rows: Sequence[int]) -> None:
    """Remove the words of rows."""
    connection.executemany("DELETE FROM words WHERE row = ?", [(row,) for row in rows])


def bags(connection: Connection, gallery: int, rows_max: int) -> Iterator[list[tuple[int, bytes]]]:
    """Read the words of every exemplar of a gallery, in row order, so many rows at a time."""
    found = connection.execute(
        "SELECT row, bag FROM exemplars JOIN words USING (row) WHERE gallery = ? ORDER BY row",
        (gallery,),
    )
    while some := list(islice(found, rows_max)):
        yield some


def is_current(connection: Connection) -> bool:
    """Tell whether all that stands here was split as this program splits."""
    version: int = connection.execute("SELECT version FROM splitting").get
    return version == VERSION


def renew(connection: Connection, after: int) -> int | None:
    """Split what exemplars say anew, some behind the row `after`; return the last, None at the end.

    Once all are, that is noted: a process killed before does it once more.
    """
    found = connection.execute(
        "SELECT row, label, item FROM exemplars JOIN contents USING (row)"
        " JOIN galleries USING (gallery) WHERE lexical IS NOT NULL AND row > ?"
        " ORDER BY row LIMIT ?",
        (after, _RENEWED_ROWS),
    ).fetchall()
    keep(
        connection,
        [
            (row, packed(spoken(None if item is None else json.loads(item), label)))
            for row, label, item in found
        ],
    )
    if found:
        last: int = found[-1][0]
        return last
    connection.execute("UPDATE splitting SET version = ?", (VERSION,))
    return None
