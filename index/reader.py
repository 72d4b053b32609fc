"""Reading a gallery: its view in memory and its rows on disk, at one and the same moment."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from index import store
from index.database import Connection, Database
from index.errors import StoreUnavailable
from index.fusion import Wording
from index.hits import Hit, Mask
from index.masks import Masks
from index.published import PUBLICATION_SECONDS_MAX, Published
from index.vectors import Rows
from index.view import View
from index.watch import Asked, Watch


class Reader:
    """Reads of one gallery, by many threads at once.

    Any method raises GalleryUnknown once the gallery is deleted, and StoreUnavailable.
    """

    def __init__(
        self, row: store.GalleryRow, database: Database, published: Published, watch: Watch
    ) -> None:
        self._name, self._number = row.name, row.gallery
        self._database, self._published, self._watch = database, published, watch
        self._masks = Masks()

    @contextmanager
    def reading(self) -> Iterator[tuple[View, Connection]]:
        """Lend a read transaction together with the view of exactly the same seq."""
        deadline = time.monotonic() + PUBLICATION_SECONDS_MAX
        while time.monotonic() < deadline:
            with self._database.reading() as connection:
                seq = store.seq_of(connection, self._number)
                if seq is None:
                    raise self._published.gone()
                # Between a commit and its publication lies a moment.
                view = self._published.reached(seq)
                if view.seq == seq:
                    yield view, connection
                    return
            # A write was published since the transaction began: take the newer pair.
        raise StoreUnavailable(f"gallery {self._name!r} is written to without pause: try again")

    def search(
        self,
        queries: Rows,
        k: int,
        condition: store.Condition | None,
        threshold: float | None,
        *,
        group_by_label: bool,
        exact: bool,
        with_payload: bool,
        wording: Wording | None = None,
        line: float | None = None,
        by_mean: bool = False,
    ) -> tuple[View, list[list[Hit]]]:
        """Return the view that was searched, and the best hits of each query (q, d) in it."""

        def look(view: View, allowed: Mask | None) -> list[list[Hit]]:
            if by_mean:
                return view.search_by_mean(queries, k, allowed, threshold)
            view = replace(view, indexed=None) if exact else view
            found = view.search(
                queries,
                k,
                allowed,
                threshold,
                group_by_label=group_by_label,
                wording=wording,
                line=line,
            )
            if view.indexed is not None and self._watch.idle:
                query = queries[:1].copy()  # which does not keep the others in memory
                some = None if wording is None else wording.first()
                how = k, allowed, threshold, group_by_label, some, line
                self._watch.offer(Asked(view, query, *how, found[0]))
            return found

        # A connection is lent for the statements, not for the scan: connections are few.
        if condition is None:
            view, allowed = self._published.seen(), None
        else:
            with self.reading() as (view, connection):
                allowed = self._allowed(view, connection, condition)
        hits = look(view, allowed)
        if not with_payload:
            return view, hits
        with self._database.reading() as connection:
            paid = _with_payloads(connection, hits)
        if paid is not None:
            return view, paid
        # A hit was removed meanwhile: look once more, with the store held still.
        with self.reading() as (view, connection):
            paid = _with_payloads(
                connection, look(view, self._allowed(view, connection, condition))
            )
        assert paid is not None
        return view, paid

    def _allowed(
        self, view: View, connection: Connection, condition: store.Condition | None
    ) -> Mask | None:
        if condition is None:
            return None
        return self._masks.get(
            view,
            condition,
            lambda: view.mask_of(store.rows_where(connection, self._number, condition)),
        )


def _with_payloads(connection: Connection, found: list[list[Hit]]) -> list[list[Hit]] | None:
    """Return the hits with their payloads, or None where one of them no longer stands.

    A row is never changed nor used again: what stands under its number is what was found.
    """
    rows = {hit.row for hits in found for hit in hits}
    payloads = store.payloads(connection, rows)
    if len(payloads) < len(rows):
        return None
    return [[replace(hit, payload=payloads[hit.row]) for hit in hits] for hits in found]
