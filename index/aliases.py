"""Names that point at galleries: moved in one step, and back again."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from index import alias_rows, store
from index.alias_rows import AliasRow
from index.database import Connection, Database, corrupt
from index.errors import GalleryExists, GalleryFull, GalleryPointedAt, GalleryUnknown
from index.gallery import Gallery
from index.names import check_name
from index.writer import Writer

# Is given the name of each gallery that a change is about, and raises where it must not be.
Permit = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Alias:
    """A name, the gallery it points at, and the one before, while that stands."""

    alias: str
    gallery: Gallery
    previous: Gallery | None


class Aliases:
    """The aliases of a data folder: one dict, swapped by the writer, seen by all without a lock.

    Changes are decided on what the store holds, inside their transaction, and published after it.
    """

    def __init__(
        self, writer: Writer, galleries: Callable[[], Iterable[Gallery]], aliases_max: int
    ) -> None:
        self._writer, self._galleries, self._aliases_max = writer, galleries, aliases_max
        self._standing: dict[str, Alias] = {}

    def load(self, connection: Connection, database: Database) -> None:
        """Read what the store holds, once the galleries are loaded.

        Raises: StoreCorrupt.
        """
        for row in alias_rows.aliases(connection):
            try:
                self._show(row)
            except KeyError:
                raise corrupt(database.path, f"alias {row.alias!r} points nowhere") from None

    def find(self, alias: str) -> Alias | None:
        """Return the alias of this name, if there is one."""
        return self._standing.get(alias)

    def get(self, alias: str) -> Alias:
        """Return the alias of this name.

        Raises: GalleryUnknown.
        """
        found = self.find(alias)
        if found is None:
            raise unknown(alias)
        return found

    def all(self) -> list[Alias]:
        """Return every alias, by name."""
        return sorted(self._standing.values(), key=lambda one: one.alias)

    def point(self, alias: str, gallery: str, permit: Permit) -> tuple[Alias, bool]:
        """Point a name at a gallery; return the alias, and whether it is new.

        Raises: NameInvalid, GalleryUnknown, GalleryExists, GalleryFull, and what `permit` raises.
        """
        check_name(alias, "alias")
        permit(gallery)  # before it is told whether it stands

        def work(connection: Connection) -> tuple[AliasRow, bool]:
            standing = alias_rows.find(connection, alias)
            if standing is not None:
                permit(store.name_of(connection, standing.gallery))
            target = store.number_of(connection, gallery)
            if target is None:
                raise GalleryUnknown(
                    f"no gallery {gallery!r}: create it, or name one there is (an alias points at "
                    "a gallery, not at another alias)"
                )
            if standing is None:
                self._check_room(connection, alias)
                row = AliasRow(alias, target, None)
            elif standing.gallery == target:
                return standing, False  # sent again: the one before stays what it was
            else:
                row = AliasRow(alias, target, standing.gallery)
            alias_rows.keep(connection, row)
            return row, standing is None

        return self._write(work)

    def roll_back(self, alias: str, permit: Permit) -> Alias:
        """Point a name at the gallery before; the same again undoes that.

        Raises: GalleryUnknown, and what `permit` raises.
        """

        def work(connection: Connection) -> tuple[AliasRow, bool]:
            standing = alias_rows.find(connection, alias)
            if standing is None:
                raise unknown(alias)
            permit(store.name_of(connection, standing.gallery))
            if standing.previous is None:
                raise GalleryUnknown(
                    f"alias {alias!r} pointed at no gallery before, or at one that is deleted: "
                    "name the gallery it shall point at"
                )
            permit(store.name_of(connection, standing.previous))
            row = AliasRow(alias, standing.previous, standing.gallery)
            alias_rows.keep(connection, row)
            return row, False

        return self._write(work)[0]

    def delete(self, alias: str, permit: Permit) -> None:
        """Delete an alias; its gallery stays.

        Raises: GalleryUnknown, and what `permit` raises.
        """

        def work(connection: Connection) -> None:
            standing = alias_rows.find(connection, alias)
            if standing is None:
                raise unknown(alias)
            permit(store.name_of(connection, standing.gallery))
            alias_rows.drop(connection, alias)

        def publish(_: None) -> None:
            self._standing = {k: v for k, v in self._standing.items() if k != alias}

        self._writer.write(work, publish)

    def forget(self, gallery: Gallery) -> None:
        """Remember a deleted gallery no more; called by the writer, as a publication."""
        self._standing = {
            k: replace(v, previous=None) if v.previous is gallery else v
            for k, v in self._standing.items()
        }

    def replaced(self, old: Gallery, new: Gallery) -> None:
        """Let a gallery take another's place; called by the writer, as a publication."""

        self._standing = {
            k: replace(
                v,
                gallery=new if v.gallery is old else v.gallery,
                previous=new if v.previous is old else v.previous,
            )
            for k, v in self._standing.items()
        }

    def _check_room(self, connection: Connection, alias: str) -> None:
        if store.number_of(connection, alias) is not None:
            raise GalleryExists(
                f"{alias!r} is the name of a gallery: use another name for the alias, or delete "
                "the gallery first"
            )
        if alias_rows.count(connection) >= self._aliases_max:
            raise GalleryFull(
                f"{self._aliases_max} aliases stand, more are not allowed: delete one, or raise "
                "galleries_max"
            )

    def _write(self, work: Callable[[Connection], tuple[AliasRow, bool]]) -> tuple[Alias, bool]:
        shown: list[Alias] = []  # read off `_standing` later, it could be another by then
        _, new = self._writer.write(work, lambda answer: shown.append(self._show(answer[0])))
        return shown[0], new

    def _show(self, row: AliasRow) -> Alias:
        """Publish an alias; writes are published in order, so that its galleries stand."""
        by_number = {gallery.number: gallery for gallery in self._galleries()}
        previous = None if row.previous is None else by_number[row.previous]
        alias = Alias(row.alias, by_number[row.gallery], previous)
        self._standing = {**self._standing, row.alias: alias}
        return alias


def unknown(alias: str) -> GalleryUnknown:
    """Return the error of a name that no alias bears."""
    return GalleryUnknown(f"no alias {alias!r}: point it at a gallery, or list those there are")


def check_free(connection: Connection, name: str, galleries_max: int) -> None:
    """Refuse one gallery more under the name of an alias, or where there are as many as may be.

    Raises: GalleryPointedAt, GalleryFull.
    """
    if alias_rows.find(connection, name) is not None:
        raise GalleryPointedAt(
            f"{name!r} is the name of an alias: use another name for the gallery, or delete the "
            "alias first"
        )
    if store.count_galleries(connection) >= galleries_max:
        raise GalleryFull(
            f"{galleries_max} galleries stand, more are not allowed: delete one, or raise "
            "galleries_max"
        )


def let_go(connection: Connection, gallery: Gallery) -> None:
    """Free a gallery that is to be deleted of what remembers it.

    Raises: GalleryPointedAt: an alias points at it.
    """
    pointing = alias_rows.pointing_at(connection, gallery.number)
    if pointing:
        raise GalleryPointedAt(
            f"gallery {gallery.name!r} is pointed at by alias {', '.join(map(repr, pointing))}: "
            "point it at another gallery, or delete the alias first"
        )
    alias_rows.forget(connection, gallery.number)
