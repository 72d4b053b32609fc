"""The statements of aliases; galleries by number here, which is never used again."""

from dataclasses import dataclass

from index.database import Connection


@dataclass(frozen=True, slots=True)
class AliasRow:
    """An alias as the store keeps it: the number it points at, and the one before."""

    alias: str
    gallery: int
    previous: int | None


def aliases(connection: Connection) -> list[AliasRow]:
    """Return every alias."""
    found = connection.execute("SELECT alias, gallery, previous FROM aliases ORDER BY alias")
    return [AliasRow(*values) for values in found]


def find(connection: Connection, alias: str) -> AliasRow | None:
    """Return one alias, if there is one of this name."""
    found = connection.execute(
        "SELECT alias, gallery, previous FROM aliases WHERE alias = ?", (alias,)
    )
    return next((AliasRow(*values) for values in found), None)


def keep(connection: Connection, row: AliasRow) -> None:
    """Keep an alias, in the place of one of the same name."""
    connection.execute(
        "INSERT OR REPLACE INTO aliases (alias, gallery, previous) VALUES (?, ?, ?)",
        (row.alias, row.gallery, row.previous),
    )


def drop(connection: Connection, alias: str) -> None:
    """Remove an alias."""
    connection.execute("DELETE FROM aliases WHERE alias = ?", (alias,))


def forget(connection: Connection, gallery: int) -> None:
    """Let no alias remember a gallery that is deleted."""
    connection.execute("UPDATE aliases SET previous = NULL WHERE previous = ?", (gallery,))


def move(connection: Connection, old: int, new: int) -> None:
    """Let what points at a gallery, or remembers it, mean another that takes its place."""
    connection.execute("UPDATE aliases SET gallery = ? WHERE gallery = ?", (new, old))
    connection.execute("UPDATE aliases SET previous = ? WHERE previous = ?", (new, old))


def pointing_at(connection: Connection, gallery: int) -> list[str]:
    """Return the aliases that point at a gallery, by name."""
    found = connection.execute(
        "SELECT alias FROM aliases WHERE gallery = ? ORDER BY alias", (gallery,)
    )
    return [alias for (alias,) in found]


def count(connection: Connection) -> int:
    """Count the aliases."""
    number: int = connection.execute("SELECT count(*) FROM aliases").get
    return number
