"""One gallery: what is enrolled is on disk before it is acknowledged, and found from then on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy.typing as npt

from index import store
from index.alarms import Alarms
from index.arrivals import Arrivals
from index.calibration import Calibration, measured
from index.chunks import chunk_rows
from index.coalescing import AT_ONCE_MAX, Coalescing
from index.cursors import row_after
from index.database import Connection, Database
from index.errors import (
    ExemplarUnknown,
    FilterInvalid,
    RowsInvalid,
    SeqAhead,
)
from index.exemplar import Exemplar, StoredExemplar, is_name
from index.faiss_door import cores
from index.filters import compile_sql, constant, parse
from index.fusion import worded
from index.generations import Arrival
from index.hits import Found
from index.label_scores import MEAN, LabelScore
from index.lexicon import Lexicon
from index.loading import load_lexicon, load_names, load_vectors, undamaged
from index.page import Page
from index.provisional import Provisional
from index.published import Published
from index.reader import Reader
from index.recorder import Recorder
from index.scan import USUAL, open_scan, scan_names
from index.state import GalleryState, IndexState, state_of
from index.upkeep import Upkeep
from index.vectors import unit_rows
from index.view import View
from index.watch import Watch
from index.writer import Writer


class Gallery:
    """A named set of exemplars in one space; every method may be called from many threads at once.

    Any method raises GalleryUnknown once the gallery is deleted, GalleryReplaced once another is
    restored in its place, and StoreUnavailable where it needs a disk that refuses.
    """

    def __init__(
        self,
        row: store.GalleryRow,
        database: Database,
        writer: Writer,
        rows_max: int,
        filter_depth_max: int,
        index_rows_min: int,
    ) -> None:
        self.index, self.recall_target = row.backend, row.recall_target
        self.name, self.space, self.dim, self.model = row.name, row.space, row.dim, row.model
        self.weight, self.label_score = row.lexical, row.label_score
        self.number = row.gallery
        self._row = row
        self._database = database
        self._filter_depth_max = filter_depth_max
        self._scan_name = row.backend if row.backend in scan_names() else USUAL
        self._scan = Coalescing(open_scan(self._scan_name), min(cores(), AT_ONCE_MAX))
        self._calibration = Calibration.from_json(row.calibration) if row.calibration else None
        self._alarms = Alarms.from_json(row.alarms) if row.alarms else None
        self._provisional = Provisional(row.space)
        words = None if row.lexical is None else Lexicon()
        empty = View.of(Page.empty(row.dim), row.seq, None, self._scan, None, words)
        self._published = Published(row.name, empty)
        watch = Watch(row.recall_target)
        self._reader = Reader(row, database, self._published, watch)
        self._recorder = Recorder(row, writer, self._published, rows_max)
        reshow = self._recorder.reshow
        self.upkeep = Upkeep(self._published, reshow, watch, row.backend, index_rows_min)

    def load(
        self,
        connections: Sequence[Connection],
        built: Callable[[], Arrival | None] = lambda: None,
        behind: Arrivals | None = None,
    ) -> None:
        """Read what the store holds; called once, before anybody else knows of the gallery.

        The vectors of many rows that an index is over are left to what reads behind a start.

        Args:
            built: returns the index that was built of it; called when the names are read.

        Raises: StoreCorrupt, StoreUnavailable.
        """
        with undamaged(self._database.path, self.name):
            page = load_names(connections[0], self.number, self.dim)
            index = built()
            late = 0 if index is None or behind is None else index.upto(page.numbers[: len(page)])
            if behind is not None and late > chunk_rows(self.dim):  # fewer are read in a moment
                page = behind.expect(self.name, self.number, page, late)
            else:
                late = 0
            load_vectors(connections, self.number, page, late)
            words = None if self.weight is None else load_lexicon(connections[0], self.number)
        self._published.swap(View.of(page, self._row.seq, None, self._scan, None, words))
        if index is not None:
            self.upkeep.restore(index)

    @property
    def seq(self) -> int:
        """The number of the last write that is seen here."""
        return self._published.seen().seq

    @property
    def count(self) -> int:
        """The exemplars that a search sees."""
        return self._published.seen().count

    def state(self) -> GalleryState:
        """Return the gallery as it stands."""
        view, upkeep = self._published.seen(), self.upkeep
        in_use = self._scan_name if view.indexed is None else view.indexed.built.name
        index = IndexState(in_use, upkeep.recall, upkeep.why)
        return state_of(self._row, view, index, self._calibration, self._alarms)

    # Writing

    def enrol(
        self, exemplars: Sequence[Exemplar], note: Callable[[Connection], None] | None = None
    ) -> int:
        """Enrol exemplars, or replace those of the same ids, all or none; return the seq.

        A `note` writes what it has to write in the same transaction, also where there are no
        exemplars; what it raises undoes them.

        Raises: RowsInvalid, GalleryFull, and what `note` raises.
        """
        return self._recorder.enrol(exemplars, note)

    def digests(self, ids: Sequence[str]) -> dict[str, bytes]:
        """Tell with which digests those of the ids stand that do."""
        with self._reader.reading() as (_, connection):
            return store.digests(connection, self.number, filter(is_name, ids))

    def remove(self, ids: Sequence[str]) -> tuple[int, list[str]]:
        """Remove exemplars and their parts; return the seq and the ids that stood, each once."""
        return self._recorder.remove(ids)

    def remove_where(self, filter: Mapping[str, Any]) -> tuple[int, int]:  # noqa: A002 - api.md's word
        """Remove the exemplars that match; return the seq and how many there were.

        Raises: FilterInvalid, also for a filter that holds of every exemplar.
        """
        wanted = parse(filter, self._filter_depth_max)
        if constant(wanted):
            raise FilterInvalid(
                "filter: this one would remove every exemplar; name a condition, or delete the "
                "gallery"
            )
        return self._recorder.remove_where(compile_sql(wanted))

    # Reading

    def read(self, id: str, *, with_vector: bool = False) -> StoredExemplar:  # noqa: A002 - api.md's word
        """Return one exemplar.

        Raises: ExemplarUnknown.
        """
        condition: store.Condition = ("id = ?", (id,)) if is_name(id) else ("0", ())
        with self._reader.reading() as (_, connection):
            found, _ = store.read(
                connection, self.number, condition, with_vector=with_vector, limit=1
            )
        if not found:
            raise ExemplarUnknown(f"gallery {self.name!r} has no exemplar {id!r}")
        return found[0]

    def page(
        self,
        *,
        after: str | None = None,
        limit: int,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - api.md's word
        with_vector: bool = False,
    ) -> tuple[list[StoredExemplar], str | None]:
        """Return up to `limit` exemplars, fewer large ones, by enrolment; the next cursor if any.

        What stood throughout a listing appears in it once, whatever is written meanwhile.

        Raises: FilterInvalid, also for a cursor that no page gave.
        """
        where, bindings = (
            store.EVERYTHING
            if filter is None
            else compile_sql(parse(filter, self._filter_depth_max))
        )
        condition = (f"row > ? AND {where}", (row_after(after), *bindings))
        with self._reader.reading() as (_, connection):
            found, more = store.read(
                connection, self.number, condition, with_vector=with_vector, limit=limit
            )
        return found, str(found[-1].row) if more and found else None

    def search(
        self,
        queries: npt.ArrayLike,
        k: int,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - api.md's word
        threshold: float | None = None,
        group_by_label: bool = False,
        exact: bool = False,
        min_seq: int | None = None,
        with_payload: bool = False,
        with_vector: bool = False,
        texts: Sequence[str | None] | None = None,
        weight: float | None = None,
        line: float | None = None,
        label_score: LabelScore | None = None,
    ) -> Found:
        """Return the best k exemplars of each query (q, d), or of each of the best k labels.

        `threshold` leaves out what scores less; `exact` looks at every row, whatever index there
        is. `min_seq` is a write that must be seen. `texts` are the queries in words, which count
        by `weight` where the gallery keeps words; a threshold is about vectors alone even then,
        and so is `line`: what reaches it stands before all others. Where labels are asked for,
        `label_score` says how each is scored, in place of the gallery's own way: by `mean`, every
        row is looked at, words do not count, and a hit is the label's nearest exemplar.

        Raises: RowsInvalid, FilterInvalid, SeqAhead, NotLexical.
        """
        if k < 1:
            raise RowsInvalid(f"k is {k}: ask for 1 or more hits")
        rows = unit_rows(queries, self.dim)
        condition = None if filter is None else compile_sql(parse(filter, self._filter_depth_max))
        if min_seq is not None and min_seq > self.seq:
            # What was acknowledged is seen already: nobody need wait for it.
            raise SeqAhead(
                f"min_seq {min_seq} was never acknowledged by gallery {self.name!r}, which stands "
                f"at {self.seq}: send the seq that a write here returned"
            )
        by_mean = group_by_label and (label_score or self.label_score) == MEAN
        if by_mean and weight:
            raise RowsInvalid(
                "lexical_weight: a label's mean is of vectors alone; leave it out, or ask with "
                "label_score 'nearest'"
            )
        wording = worded(self.name, self.weight, texts, weight)
        view, hits = self._reader.search(
            rows,
            k,
            condition,
            threshold,
            group_by_label=group_by_label,
            exact=exact,
            with_payload=with_payload,
            wording=wording,
            line=line,
            by_mean=by_mean,
        )
        return Found(view.seq, view.with_vectors(hits) if with_vector else hits)

    # Calibration

    def calibrate(
        self,
        *,
        false_accept_rate: float,
        queries: npt.ArrayLike | None = None,
        labels: Sequence[str | None] | None = None,
        exemplars_max: int = 2000,
        label_score: LabelScore | None = None,
    ) -> Calibration:
        """Set the threshold that keeps a false-accept rate, and keep it.

        The sample is labelled queries (q, d), where a label of None is nobody's, or the gallery
        itself: up to `exemplars_max` exemplars, each taken as a query whose own label is not
        enrolled. It is for labels that are scored as the gallery does, or by `label_score`.

        Raises: RowsInvalid, TooFewImpostors.
        """
        view, rule = self._published.seen(), label_score or self.label_score
        rows = None if queries is None else unit_rows(queries, self.dim)
        found = measured(view, rows, labels, exemplars_max, false_accept_rate, self.space, rule)

        def work(connection: Connection) -> None:
            store.set_calibration(connection, self.number, found.to_json())

        def publish(_: None) -> None:
            self._calibration = found

        self._recorder.write(work, publish)
        return found

    def calibration(self) -> Calibration | None:
        """Return the calibration that stands, if there is one."""
        self._published.seen()
        return self._calibration

    def provisional(self, rule: LabelScore) -> float | None:
        """Return a threshold for want of a calibration: see `Provisional.threshold`."""
        return self._provisional.threshold(self._published.seen(), rule)

    def alarms(self) -> Alarms | None:
        """Return the threshold of scans that stands, if there is one."""
        self._published.seen()
        return self._alarms

    def keep_alarms(self, alarms: Alarms) -> None:
        """Set the threshold of scans, and keep it."""

        def publish(_: None) -> None:
            self._alarms = alarms

        self._recorder.write(lambda c: store.set_alarms(c, self.number, alarms.to_json()), publish)

    def replace(self) -> None:
        """Let calls that found it look on: a snapshot was restored in its place."""
        self._published.replace()

    def drop(self) -> None:
        """Let go of the rows: the gallery is deleted."""
        self._published.drop()
