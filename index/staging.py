"""The statements of restoration: a gallery that is made aside, and shown in one step."""

from collections.abc import Sequence

from index import alias_rows, store
from index.aliases import check_free
from index.database import Connection
from index.errors import GalleryExists, SnapshotCorrupt
from index.exemplar import Entry


def begin(connection: Connection) -> int:
    """Reserve the number of a gallery that is not shown, and return it."""
    # Numbers are never used again: one is taken and given up, under a name that nobody can have.
    nobody = store.GalleryRow(0, "", None, "", 0, "", 0.0, 0, "", None)
    number = store.add_gallery(connection, nobody)
    connection.execute("DELETE FROM galleries WHERE gallery = ?", (number,))
    connection.execute("INSERT INTO staged (gallery) VALUES (?)", (number,))
    return number


def add(
    connection: Connection, gallery: int, seqs: Sequence[int], entries: Sequence[Entry]
) -> None:
    """Insert exemplars of a staged gallery.

    Raises: SnapshotCorrupt: an id is there already.
    """
    standing = store.digests(connection, gallery, [one.id for one in entries])
    if standing:
        raise SnapshotCorrupt(f"the snapshot is damaged: it has id {min(standing)!r} twice")
    store.add(connection, gallery, seqs, entries)


def replaced(connection: Connection, name: str, *, replace: bool, galleries_max: int) -> int | None:
    """Return the gallery that a restoration would take the place of, if one stands.

    Raises: GalleryExists, GalleryFull, and GalleryPointedAt: an alias bears the name.
    """
    standing = store.number_of(connection, name)
    if standing is None:
        check_free(connection, name, galleries_max)
    elif not replace:
        raise GalleryExists(
            f"gallery {name!r} stands: ask for `replace` to put the snapshot in its place, or use "
            "another name"
        )
    return standing


def show(connection: Connection, row: store.GalleryRow, count: int, standing: int | None) -> None:
    """Let a staged gallery stand under its name, in the place of the one that stands there."""
    if standing is not None:
        alias_rows.move(connection, standing, row.gallery)
        store.doom_gallery(connection, standing)
    store.add_gallery(connection, row, count)
    connection.execute("DELETE FROM staged WHERE gallery = ?", (row.gallery,))


def give_up(connection: Connection, gallery: int) -> None:
    """Leave the rows of a gallery, if it is staged still, to be removed behind the scenes."""
    connection.execute(
        "INSERT INTO doomed (gallery) SELECT gallery FROM staged WHERE gallery = ?", (gallery,)
    )
    connection.execute("DELETE FROM staged WHERE gallery = ?", (gallery,))


def staged(connection: Connection) -> list[int]:
    """Return the galleries that are staged, by number."""
    return [number for (number,) in connection.execute("SELECT gallery FROM staged")]
