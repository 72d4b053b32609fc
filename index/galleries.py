"""All galleries of one data folder: the face of `index` towards the service."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Timer

from index import store, word_rows
from index.aliases import Aliases, check_free, let_go
from index.arrivals import Arrivals
from index.backend import AUTO
from index.builds import Builds
from index.database import Connection, Database, translated
from index.errors import (
    GalleryPointedAt,
    GalleryUnknown,
)
from index.filters import DEPTH_MAX
from index.folder import FolderLock
from index.gallery import Gallery
from index.generations import Generations
from index.jobs import Jobs
from index.label_scores import NEAREST
from index.removals import Removals
from index.snapshots import Snapshots
from index.state import GalleryState
from index.wanted import check_agree, gallery_wanted
from index.writer import Writer

REPLACED_SECONDS = 10.0  # for which the rows of a gallery are held that another replaced


class Galleries:
    """The galleries of a data folder, which one process holds at a time."""

    def __init__(
        self,
        lock: FolderLock,
        database: Database,
        galleries_max: int,
        rows_max: int,
        filter_depth_max: int,
        index_rows_min: int,
        index_memory_share: float,
        jobs_max: int,
        job_failures_max: int,
    ) -> None:
        self._lock, self._database = lock, database
        self._index_rows_min, self._index_memory_share = index_rows_min, index_memory_share
        self._arrivals: Arrivals | None = None
        self._builds: Builds | None = None
        self._removals: Removals | None = None
        self._galleries_max, self._rows_max = galleries_max, rows_max
        self._filter_depth_max = filter_depth_max
        self._writer = Writer(database)
        self._galleries: dict[str, Gallery] = {}
        self.aliases = Aliases(self._writer, lambda: list(self._galleries.values()), galleries_max)
        self.jobs = Jobs(database, self._writer, jobs_max=jobs_max, failures_max=job_failures_max)
        self.snapshots = Snapshots(
            database,
            self._writer,
            self._gallery,
            self._replace,
            self._show,
            self._remove_doomed,
            rows_max=rows_max,
            galleries_max=galleries_max,
        )

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        galleries_max: int = 1000,
        rows_max: int = 10_000_000,
        filter_depth_max: int = DEPTH_MAX,
        index_rows_min: int = 20_000,
        index_memory_share: float = 0.5,
        jobs_max: int = 100,
        job_failures_max: int = 10_000,
    ) -> "Galleries":
        """Open a data folder, creating what is missing; `rows_max` bounds each gallery.

        From `index_rows_min` rows on, a gallery whose index is not a scan gets one built behind the
        scenes, which may take `index_memory_share` of the memory of its rows.

        Raises: FolderLocked, StoreCorrupt, StoreNewer, StoreUnavailable.
        """
        lock = FolderLock(folder)
        try:
            database = Database(folder)
            opened = cls(
                lock,
                database,
                galleries_max,
                rows_max,
                filter_depth_max,
                index_rows_min,
                index_memory_share,
                jobs_max,
                job_failures_max,
            )
            try:
                opened._load()
            except BaseException:
                opened.close()
                raise
        except BaseException:
            lock.release()
            raise
        return opened

    def create(
        self,
        name: str,
        *,
        space: str,
        dim: int,
        model: str | None = None,
        index: str = AUTO,
        recall_target: float = 0.99,
        lexical: float | None = None,
        label_score: str = NEAREST,
    ) -> tuple[Gallery, bool]:
        """Return the gallery of this name, and whether it is new.

        With `lexical` it keeps the words of its exemplars, which count so much beside vectors.
        `label_score` is how its labels are scored where a question does not say.

        Raises: NameInvalid, RowsInvalid, IndexUnknown, GalleryExists, GalleryFull, and
        GalleryPointedAt: an alias bears the name.
        """
        wanted = gallery_wanted(name, model, space, dim, index, recall_target, lexical, label_score)

        def work(connection: Connection) -> tuple[store.GalleryRow, bool]:
            standing = {row.name: row for row in store.galleries(connection)}
            if name in standing:
                check_agree(standing[name], wanted)
                return standing[name], False
            check_free(connection, name, self._galleries_max)
            return replace(wanted, gallery=store.add_gallery(connection, wanted)), True

        made: list[Gallery] = []  # read off `_galleries` later, it could be deleted by then

        def publish(answer: tuple[store.GalleryRow, bool]) -> None:
            row, created = answer
            if created:
                fresh = self._gallery(row)
                self._galleries = {**self._galleries, name: fresh}
            made.append(self._galleries[name])

        _, created = self._writer.write(work, publish)
        return made[0], created

    def get(self, name: str) -> Gallery:
        """Return the gallery of this name, or the one that an alias of this name points at.

        Raises: GalleryUnknown.
        """
        gallery = self._galleries.get(name)
        if gallery is None:
            alias = self.aliases.find(name)
            if alias is not None:
                return alias.gallery
            raise GalleryUnknown(f"no gallery {name!r}: create it, or list those there are")
        return gallery

    def numbered(self, number: int) -> Gallery | None:
        """Return the gallery of a number, while it stands."""
        return next((one for one in self._galleries.values() if one.number == number), None)

    def states(self) -> list[GalleryState]:
        """Return the state of every gallery, by name."""
        found = []
        for gallery in sorted(self._galleries.values(), key=lambda one: one.name):
            try:
                found.append(gallery.state())
            except GalleryUnknown:
                continue  # deleted while we looked
        return found

    def counts(self) -> list[tuple[str, int, int, float, float]]:
        """Tell the exemplars of each, those its index does not hold yet, its recall and target."""
        found = []
        for gallery in list(self._galleries.values()):
            with suppress(GalleryUnknown):  # deleted while we looked
                upkeep = gallery.upkeep
                found.append(
                    (
                        gallery.name,
                        gallery.count,
                        upkeep.delta,
                        upkeep.recall,
                        gallery.recall_target,
                    )
                )
        return found

    def delete(self, name: str) -> None:
        """Delete a gallery with all its exemplars, whose rows are removed behind the scenes.

        Raises: GalleryUnknown, GalleryPointedAt: an alias points at it, or bears the name.
        """
        gallery = self.get(name)
        if gallery.name != name:
            raise GalleryPointedAt(
                f"{name!r} is an alias, through which no gallery is deleted: delete the alias, or "
                "name the gallery itself"
            )

        def work(connection: Connection) -> None:
            if store.seq_of(connection, gallery.number) is None:
                raise GalleryUnknown(f"gallery {name!r} is deleted already")
            let_go(connection, gallery)
            store.doom_gallery(connection, gallery.number)

        def publish(_: None) -> None:
            self._galleries = {k: v for k, v in self._galleries.items() if v is not gallery}
            self.aliases.forget(gallery)
            gallery.drop()

        self._writer.write(work, publish)
        self._remove_doomed()

    def check(self) -> None:
        """Pass while writes are taken, and what is read behind the start is sound; for readiness.

        Raises: StoreUnavailable, StoreCorrupt.
        """
        self._writer.check()
        if self._arrivals is not None:
            self._arrivals.check()

    def close(self) -> None:
        """Finish the writes that wait and free the folder; a second call does nothing."""
        if self._arrivals is not None:
            self._arrivals.close()  # first: others may wait for rows
        if self._builds is not None:
            self._builds.close()
        if self._removals is not None:
            self._removals.close()
        self._writer.close()
        self._database.close()
        self._lock.release()

    def _gallery(self, row: store.GalleryRow) -> Gallery:
        bounds = self._rows_max, self._filter_depth_max, self._index_rows_min
        return Gallery(row, self._database, self._writer, *bounds)

    def _replace(self, number: int) -> None:
        """Expect that a gallery is replaced: readers see the commit before we hear of it."""
        gallery = self.numbered(number)
        if gallery is not None:
            gallery.replace()

    def _show(self, gallery: Gallery) -> None:
        """Show a restored gallery; called by the writer, as a publication.

        Calls that found the one in its place before have a moment to look at what it was.
        """
        old = self._galleries.get(gallery.name)
        self._galleries = {**self._galleries, gallery.name: gallery}
        if old is not None:
            self.aliases.replaced(old, gallery)
            end = Timer(REPLACED_SECONDS, old.drop)
            end.daemon = True
            end.start()

    def _remove_doomed(self) -> None:
        if self._removals is not None:
            self._removals.wake()

    def _renew_words(self) -> None:
        """Split all anew, where a program that splits otherwise wrote it."""
        with self._database.reading() as connection:
            after = None if word_rows.is_current(connection) else 0
        while after is not None:
            after = self._writer.write(partial(word_rows.renew, after=after), lambda _: None)

    def _load(self) -> None:
        generations = Generations(self._database.path.parent)
        self._renew_words()
        self._arrivals = arrivals = Arrivals(self._database)
        connection, other, *_ = arrivals.connections
        with translated(self._database.path), ThreadPoolExecutor(1) as aside:
            for row in store.galleries(connection):
                gallery = self._gallery(row)
                # It is read and hashed while the names are: each takes up to a second.
                index = aside.submit(generations.newest, other, row.gallery)
                gallery.load(arrivals.connections, index.result, arrivals)
                self._galleries[row.name] = gallery
            self.aliases.load(connection, self._database)
            generations.sweep(connection)
        arrivals.start()
        self.snapshots.sweep()
        self._removals = Removals(self._writer)
        self._builds = Builds(
            self._database,
            generations,
            lambda: list(self._galleries.values()),
            self._index_memory_share,
        )
