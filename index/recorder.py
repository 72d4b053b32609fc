"""Writes to one gallery: on disk before they are acknowledged, and seen from then on."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from index import compaction, store, upkeep
from index.database import Connection
from index.errors import GalleryFull
from index.exemplar import Entry, Exemplar, entries, is_name, rows_of
from index.published import Published
from index.vectors import Rows
from index.view import View
from index.writer import Writer

T = TypeVar("T")


class Recorder:
    """Writes to one gallery, by many threads at once, in one order.

    Any method raises GalleryUnknown once the gallery is deleted, GalleryReplaced once another is
    restored in its place, and StoreUnavailable.
    """

    def __init__(
        self, row: store.GalleryRow, writer: Writer, published: Published, rows_max: int
    ) -> None:
        self._name, self._number, self._dim = row.name, row.gallery, row.dim
        self._is_worded = row.lexical is not None
        self._writer, self._published, self._rows_max = writer, published, rows_max

    def enrol(
        self, exemplars: Sequence[Exemplar], note: Callable[[Connection], None] | None
    ) -> int:
        """Enrol exemplars, all or none, with a note; return the seq: see `Gallery.enrol`."""
        if not exemplars:
            if note is not None:
                self.write(note, lambda _: None)
            return self._published.seen().seq
        rows = rows_of(exemplars, self._dim)
        written = entries(exemplars, rows, worded=self._is_worded)

        def work(connection: Connection) -> tuple[int, list[int], list[int]]:
            if note is not None:
                note(connection)
            replaced, _ = store.remove_ids(connection, self._number, [e.id for e in written])
            seq = self._count(connection, len(written) - len(replaced))
            return seq, replaced, store.add(connection, self._number, [seq] * len(written), written)

        def publish(answer: tuple[int, list[int], list[int]]) -> None:
            seq, replaced, added = answer
            self._publish(seq, replaced, added, written, rows)

        return self.write(work, publish)[0]

    def remove(self, ids: Sequence[str]) -> tuple[int, list[str]]:
        """Remove exemplars and their parts; return the seq and the ids that stood, each once."""
        wanted = [one for one in dict.fromkeys(ids) if is_name(one)]

        def work(connection: Connection) -> tuple[int, list[int], list[str]]:
            rows, removed = store.remove_ids(connection, self._number, wanted)
            return self._counted_off(connection, rows), rows, removed

        def publish(answer: tuple[int, list[int], list[str]]) -> None:
            self._publish(answer[0], answer[1])

        seq, _, removed = self.write(work, publish)
        return seq, removed

    def remove_where(self, condition: store.Condition) -> tuple[int, int]:
        """Remove what a condition holds of; return the seq and how many there were."""

        def work(connection: Connection) -> tuple[int, list[int]]:
            rows = store.remove(connection, self._number, condition)
            return self._counted_off(connection, rows), rows

        seq, rows = self.write(work, lambda answer: self._publish(*answer))
        return seq, len(rows)

    def write(self, work: Callable[[Connection], T], publish: Callable[[T], None]) -> T:
        """Do work in the store, where the gallery stands, and publish its answer once on disk."""

        def work_here(connection: Connection) -> T:
            if store.seq_of(connection, self._number) is None:
                raise self._published.gone()
            return work(connection)

        return self._writer.write(work_here, publish)

    def reshow(self, made: Callable[[View], View], work: Callable[[Connection], None]) -> None:
        """Show a view made of the one that is shown, with no write but the work between."""
        self.write(work, lambda _: self._published.swap(made(self._published.seen())))

    def _count(self, connection: Connection, change: int) -> int:
        """Count a batch into the store; runs in the writer, inside the transaction."""
        counted = store.next_seq(connection, self._number, change)
        if counted is None:
            raise self._published.gone()
        seq, count = counted
        if change > 0 and count > self._rows_max:
            raise GalleryFull(
                f"gallery {self._name!r} would hold {count} exemplars, {self._rows_max} are "
                "allowed: remove some, or raise gallery_rows_max"
            )
        return seq

    def _counted_off(self, connection: Connection, rows: Sequence[int]) -> int:
        if rows:
            return self._count(connection, -len(rows))
        return store.seq_of(connection, self._number) or 0

    def _publish(
        self,
        seq: int,
        dead: Sequence[int],
        added: Sequence[int] = (),
        written: Sequence[Entry] = (),
        rows: Rows | None = None,
    ) -> None:
        """Swap the view for one with this batch; runs in the writer, in the order of commits."""
        view = self._published.seen()
        alive, page, lexicon = view.alive, view.page, view.lexicon
        if lexicon is not None:
            bags = [e.words for e in written if e.words is not None]
            lexicon = lexicon.without(dead).with_rows(added, bags)
        if dead:
            alive = ~view.mask_of(dead) if alive is None else alive & ~view.mask_of(dead)
        if rows is not None:
            page = page.with_room(len(rows))
            page.append(rows, added, [e.id for e in written], [e.label for e in written])
            if alive is not None:
                alive = np.append(alive, np.ones(len(rows), np.bool_))
        fresh = View.of(page, seq, alive, view.scan, view.indexed, lexicon)
        if fresh.n <= upkeep.COMPACTED_AT_ONCE and compaction.is_due(fresh):
            fresh = compaction.rejoined(fresh, compaction.compacted(fresh), fresh)
        self._published.swap(fresh)
