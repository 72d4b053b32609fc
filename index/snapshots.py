"""Snapshots of galleries: taken while writes go on, and restored aside before they are shown."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar

from index import staging, store
from index.alarms import Alarms
from index.calibration import Calibration
from index.database import Connection, Database, corrupt
from index.errors import GalleryError, GalleryFull, GalleryUnknown, StoreUnavailable
from index.frames import END, HEAD, ROWS, FrameWriter
from index.gallery import Gallery
from index.label_scores import check_label_score
from index.moment import now
from index.names import check_name
from index.snapshot import (
    FRAME_ROWS_MAX,
    Batch,
    Head,
    batches,
    packed,
    packed_head,
)
from index.store import WholeRow
from index.writer import Writer

log = logging.getLogger("semblance.snapshots")

T = TypeVar("T")

AT_ONCE_MAX = 2  # under way: each may fill as much of the disk as one snapshot may
_FRAME_BYTES = 2 << 20  # at which a frame is full; a restoration writes one at a time, some 50 ms


class Snapshots:
    """Takes snapshots of the galleries of a data folder, and makes galleries of snapshots."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        made: Callable[[store.GalleryRow], Gallery],
        replacing: Callable[[int], None],
        shown: Callable[[Gallery], None],
        doomed: Callable[[], None],
        *,
        rows_max: int,
        galleries_max: int,
    ) -> None:
        self._database, self._writer = database, writer
        self._made, self._doomed = made, doomed
        self._replacing, self._shown = replacing, shown
        self._rows_max, self._galleries_max = rows_max, galleries_max
        self._room = threading.BoundedSemaphore(AT_ONCE_MAX)

    @contextmanager
    def room(self) -> Iterator[None]:
        """Take a place among those under way, with the file that goes with it.

        Raises: StoreUnavailable: there is none.
        """
        if not self._room.acquire(blocking=False):
            raise StoreUnavailable(
                f"{AT_ONCE_MAX} snapshots are being taken or restored, no more at once: try again"
            )
        try:
            yield
        finally:
            self._room.release()

    def take(
        self, gallery: Gallery, file: BinaryIO, *, bytes_max: int, go_on: Callable[[], None]
    ) -> Head:
        """Write a gallery to an empty file, as it stands at one seq; writes go on meanwhile.

        Raises: GalleryUnknown, SnapshotTooLarge, StoreUnavailable, StoreCorrupt, and what `go_on`
        raises, which is called before each frame.
        """
        with self._database.reading() as connection:
            standing = store.gallery_row(connection, gallery.number)
            if standing is None:
                raise GalleryUnknown(f"gallery {gallery.name!r} was deleted")
            head = _head(*standing)
            frames = FrameWriter(file, bytes_max)
            frames.write(HEAD, packed_head(head))
            found = 0
            for some in _runs(store.whole_rows(connection, gallery.number)):
                go_on()
                found += len(some)
                frames.write(ROWS, packed(some))
            frames.write(END, b"")
            file.flush()
        if found != head.count:
            why = f"gallery {head.gallery!r} has {found} exemplars, and tells of {head.count}"
            raise corrupt(self._database.path, why)
        return head

    def check_place(self, name: str, *, replace: bool) -> bool:
        """Tell whether a gallery of this name stands, in whose place a restored one would be put.

        Raises: NameInvalid, GalleryExists, GalleryFull, GalleryPointedAt: an alias bears the name.
        """
        check_name(name, "gallery")
        with self._database.reading() as connection:
            return self._replaced(connection, name, replace=replace) is not None

    def restore(
        self, name: str, file: BinaryIO, head: Head, *, replace: bool, go_on: Callable[[], None]
    ) -> Gallery:
        """Make a gallery of a snapshot, and show it once all of it stands and is checked.

        Args:
            head: what :func:`index.snapshot.checked` found the snapshot to begin with.
            replace: put it in the place of the gallery of this name, in one step; aliases follow.

        Raises: SnapshotCorrupt, StoreUnavailable, all that :meth:`check_place` raises, and what
            `go_on` raises, which is called before each frame and before the step.
        """
        self.check_place(name, replace=replace)
        if head.count > self._rows_max:
            raise GalleryFull(
                f"the snapshot has {head.count} exemplars, {self._rows_max} are allowed: raise "
                "gallery_rows_max"
            )
        number = self._write(staging.begin)
        try:
            for batch in batches(file, head):
                go_on()
                self._add(number, batch)
            row = _row(head, name, number)
            gallery = self._made(row)
            with self._database.reading() as connection:
                gallery.load([connection])
            go_on()
            self._show(gallery, row, head.count, replace=replace)
        except BaseException:
            self._give_up(number)
            raise
        return gallery

    def sweep(self) -> None:
        """Give up what a killed process was restoring; called before anything is restored."""
        with self._database.reading() as connection:
            left = staging.staged(connection)
        for number in left:
            self._give_up(number)

    def _add(self, number: int, batch: Batch) -> None:
        self._write(lambda connection: staging.add(connection, number, batch.seqs, batch.entries))

    def _show(self, gallery: Gallery, row: store.GalleryRow, count: int, *, replace: bool) -> None:
        def work(connection: Connection) -> None:
            standing = self._replaced(connection, row.name, replace=replace)
            if standing is not None:
                self._replacing(standing)
            staging.show(connection, row, count, standing)

        self._writer.write(work, lambda _: self._shown(gallery))
        self._doomed()

    def _replaced(self, connection: Connection, name: str, *, replace: bool) -> int | None:
        most = self._galleries_max
        return staging.replaced(connection, name, replace=replace, galleries_max=most)

    def _give_up(self, number: int) -> None:
        try:
            self._write(lambda connection: staging.give_up(connection, number))
        except GalleryError as error:
            log.error("rows of a broken restoration stay until the next start: %s", error)
        self._doomed()

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self._writer.write(work, lambda _: None)


def _runs(rows: Iterator[WholeRow]) -> Iterator[list[WholeRow]]:
    """Cut rows into frames, each full by bytes or by rows."""
    some: list[WholeRow] = []
    size = 0
    for row in rows:
        length = len(row.vector) + len(row.item or "") + len(row.payload or "")
        if some and (size + length > _FRAME_BYTES or len(some) == FRAME_ROWS_MAX):
            yield some
            some, size = [], 0
        some.append(row)
        size += length
    if some:
        yield some


def _head(row: store.GalleryRow, count: int) -> Head:
    return Head(
        gallery=row.name,
        model=row.model,
        space=row.space,
        dim=row.dim,
        index=row.backend,
        recall_target=row.recall_target,
        seq=row.seq,
        count=count,
        created_at=row.created_at,
        taken_at=now(),
        calibration=Calibration.from_json(row.calibration) if row.calibration else None,
        lexical=row.lexical,
        label_score=row.label_score,
        alarms=Alarms.from_json(row.alarms) if row.alarms else None,
    )


def _row(head: Head, name: str, number: int) -> store.GalleryRow:
    return store.GalleryRow(
        gallery=number,
        name=name,
        model=head.model,
        space=head.space,
        dim=head.dim,
        backend=head.index,
        recall_target=head.recall_target,
        seq=head.seq,
        created_at=head.created_at,
        calibration=head.calibration.to_json() if head.calibration else None,
        lexical=head.lexical,
        label_score=check_label_score(head.label_score),
        alarms=head.alarms.to_json() if head.alarms else None,
    )
