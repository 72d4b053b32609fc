"""The statements: galleries, exemplars and their contents, in and out of the database."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from index import job_rows, word_rows
from index.database import Connection
from index.exemplar import Entry, StoredExemplar
from index.filters import Binding
from index.label_scores import NEAREST, LabelScore
from index.parts import span, whole_of
from index.vectors import Rows

# A condition on `exemplars`, and its bindings.
Condition = tuple[str, tuple[Binding, ...]]
EVERYTHING: Condition = ("1", ())

READ_BYTES_MAX = 16 << 20  # of the items on a page
_LOAD_ROWS = 8192  # read at once at start: 12 MB of vectors at 384 dimensions


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """A gallery as the store keeps it; `calibration`, `alarms` are JSON, `lexical` is a weight."""

    gallery: int
    name: str
    model: str | None
    space: str
    dim: int
    backend: str
    recall_target: float
    seq: int
    created_at: str
    calibration: str | None
    lexical: float | None = None
    label_score: LabelScore = NEAREST
    alarms: str | None = None


class WholeRow(NamedTuple):
    """An exemplar as the store has it: `payload` and `item` are JSON, `vector` is float32."""

    id: str
    label: str | None
    payload: str | None
    item: str | None
    digest: bytes
    seq: int
    vector: bytes


_GALLERY = (
    "gallery, name, model, space, dim, backend, recall_target, seq, created_at, calibration,"
    " lexical, label_score, alarms"
)


def galleries(connection: Connection) -> list[GalleryRow]:
    """Return every gallery."""
    found = connection.execute(f"SELECT {_GALLERY} FROM galleries ORDER BY name")  # noqa: S608 - ours
    return [GalleryRow(*values) for values in found]


def gallery_row(connection: Connection, gallery: int) -> tuple[GalleryRow, int] | None:
    """Return a gallery and the number of its exemplars, or None where it is gone."""
    found = connection.execute(
        f"SELECT {_GALLERY}, count FROM galleries WHERE gallery = ?",  # noqa: S608 - as above
        (gallery,),
    )
    return next(((GalleryRow(*values), count) for *values, count in found), None)


def count_galleries(connection: Connection) -> int:
    """Count the galleries."""
    number: int = connection.execute("SELECT count(*) FROM galleries").get
    return number


def number_of(connection: Connection, name: str) -> int | None:
    """Return the number of the gallery of a name, if it stands."""
    number: int | None = connection.execute(
        "SELECT gallery FROM galleries WHERE name = ?", (name,)
    ).get
    return number


def name_of(connection: Connection, gallery: int) -> str:
    """Return the name of a gallery that stands."""
    name: str = connection.execute("SELECT name FROM galleries WHERE gallery = ?", (gallery,)).get
    return name


def add_gallery(connection: Connection, row: GalleryRow, count: int = 0) -> int:
    """Insert a gallery of so many exemplars; return its number, a new one where the row has 0."""
    values = (row.gallery or None, *astuple(row)[1:], count)
    number: int = connection.execute(
        f"INSERT INTO galleries ({_GALLERY}, count)"  # noqa: S608 - ours
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING gallery",
        values,
    ).get
    return number


def doom_gallery(connection: Connection, gallery: int) -> None:
    """Remove a gallery, end its jobs, and leave its rows to :func:`remove_doomed`."""
    job_rows.fail_all(connection, gallery)
    connection.execute("DELETE FROM galleries WHERE gallery = ?", (gallery,))
    connection.execute("DELETE FROM generations WHERE gallery = ?", (gallery,))
    connection.execute("INSERT INTO doomed (gallery) VALUES (?)", (gallery,))


def remove_doomed(connection: Connection, rows_max: int) -> bool:
    """Remove up to so many rows of one deleted gallery; tell whether there may be more to do."""
    gallery: int | None = connection.execute("SELECT min(gallery) FROM doomed").get
    if gallery is None:
        return False
    first = "row IN (SELECT row FROM exemplars WHERE gallery = ? ORDER BY row LIMIT ?)"
    if len(remove(connection, gallery, (first, (gallery, rows_max)))) < rows_max:
        connection.execute("DELETE FROM doomed WHERE gallery = ?", (gallery,))
    return True


def seq_of(connection: Connection, gallery: int) -> int | None:
    """Return the seq of a gallery, or None where it is gone."""
    seq: int | None = connection.execute(
        "SELECT seq FROM galleries WHERE gallery = ?", (gallery,)
    ).get
    return seq


def next_seq(connection: Connection, gallery: int, change: int) -> tuple[int, int] | None:
    """Count the seq up, and the exemplars by `change`; None where the gallery is gone."""
    found: tuple[int, int] | None = connection.execute(
        "UPDATE galleries SET seq = seq + 1, count = count + ? WHERE gallery = ?"
        " RETURNING seq, count",
        (change, gallery),
    ).get
    return found


def set_calibration(connection: Connection, gallery: int, calibration: str) -> None:
    """Keep the calibration of a gallery."""
    connection.execute(
        "UPDATE galleries SET calibration = ? WHERE gallery = ?", (calibration, gallery)
    )


def set_alarms(connection: Connection, gallery: int, alarms: str) -> None:
    """Keep the threshold of a gallery's scans."""
    connection.execute("UPDATE galleries SET alarms = ? WHERE gallery = ?", (alarms, gallery))


def add(
    connection: Connection, gallery: int, seqs: Sequence[int], entries: Sequence[Entry]
) -> list[int]:
    """Insert exemplars, each with the seq that wrote it, and return their new rows, in order."""
    # Rows are counted here: RETURNING costs four times the insertion. The greatest row ever used
    # is in sqlite_sequence, so that none comes back after a removal.
    last: int = (
        connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'exemplars'").get or 0
    )
    rows = list(range(last + 1, last + 1 + len(entries)))
    connection.executemany(
        "INSERT INTO exemplars (row, gallery, id, label, digest, seq, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, jsonb(?))",
        [
            (row, gallery, e.id, e.label, e.digest, seq, e.payload)
            for row, seq, e in zip(rows, seqs, entries, strict=True)
        ],
    )
    connection.executemany(
        "INSERT INTO contents (row, vector, item) VALUES (?, ?, ?)",
        [(row, e.vector, e.item) for row, e in zip(rows, entries, strict=True)],
    )
    word_rows.keep(connection, [(row, e.words) for row, e in zip(rows, entries, strict=True)])
    return rows


def remove_ids(
    connection: Connection, gallery: int, ids: Iterable[str]
) -> tuple[list[int], list[str]]:
    """Remove exemplars by id, with their parts; return the rows and ids of those that stood."""
    ids = list(ids)
    found = connection.executemany(
        "SELECT row, id FROM exemplars WHERE gallery = ? AND id = ?",
        [(gallery, one) for one in ids],
    )
    standing = dict(found)
    standing.update(_parts(connection, gallery, ids))
    pairs = list(standing.items())
    rows = [row for row, _ in pairs]
    connection.executemany("DELETE FROM exemplars WHERE row = ?", [(row,) for row in rows])
    _forget(connection, rows)
    return rows, [one for _, one in pairs]


def _parts(connection: Connection, gallery: int, ids: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Find the rows of the parts of these exemplars."""
    wholes = set(ids)
    found = connection.executemany(
        "SELECT row, id FROM exemplars WHERE gallery = ? AND id > ? AND id < ?",
        [(gallery, *span(one)) for one in ids],
    )
    return ((row, one) for row, one in found if whole_of(one) in wholes)


def remove(connection: Connection, gallery: int, condition: Condition) -> list[int]:
    """Remove the exemplars for which the condition holds, and return their rows."""
    where, bindings = condition
    removed = connection.execute(
        f"DELETE FROM exemplars WHERE gallery = ? AND {where} RETURNING row",  # noqa: S608 - bound
        (gallery, *bindings),
    )
    rows: list[int] = [row for (row,) in removed]
    _forget(connection, rows)
    return rows


def _forget(connection: Connection, rows: list[int]) -> None:
    connection.executemany("DELETE FROM contents WHERE row = ?", [(row,) for row in rows])
    word_rows.forget(connection, rows)


def rows_where(connection: Connection, gallery: int, condition: Condition) -> list[int]:
    """Return the rows for which the condition holds."""
    where, bindings = condition
    found = connection.execute(
        f"SELECT row FROM exemplars WHERE gallery = ? AND {where}",  # noqa: S608 - values are bound
        (gallery, *bindings),
    )
    return [row for (row,) in found]


def digests(connection: Connection, gallery: int, ids: Iterable[str]) -> dict[str, bytes]:
    """Return the digests of those ids that stand."""
    found = connection.executemany(
        "SELECT id, digest FROM exemplars WHERE gallery = ? AND id = ?",
        [(gallery, one) for one in ids],
    )
    return dict(found)


def payloads(connection: Connection, rows: Iterable[int]) -> dict[int, dict[str, Any] | None]:
    """Return the payloads of rows."""
    found = connection.executemany(
        "SELECT row, json(payload) FROM exemplars WHERE row = ?", [(row,) for row in rows]
    )
    return {row: None if text is None else json.loads(text) for row, text in found}


def read(
    connection: Connection, gallery: int, condition: Condition, *, with_vector: bool, limit: int
) -> tuple[list[StoredExemplar], bool]:
    """Return the first exemplars, in row order, for which the condition holds; and if more do.

    Pictures are large: where the items pass `READ_BYTES_MAX`, fewer than `limit` are returned.
    """
    where, bindings = condition
    vector = "vector" if with_vector else "NULL"
    found = connection.execute(
        f"SELECT row, id, label, json(payload), item, digest, seq, {vector}"  # noqa: S608 - bound
        " FROM exemplars JOIN contents USING (row)"
        f" WHERE gallery = ? AND {where} ORDER BY row LIMIT ?",
        (gallery, *bindings, limit + 1),
    )
    stored: list[StoredExemplar] = []
    size = 0
    for values in found:
        size += len(values[4] or "")
        if len(stored) == limit or (stored and size > READ_BYTES_MAX):
            return stored, True
        stored.append(_stored(values))
    return stored, False


def _stored(values: tuple[Any, ...]) -> StoredExemplar:
    row, one, label, payload, item, digest, seq, vector = values
    return StoredExemplar(
        row=row,
        id=one,
        label=label,
        payload=_loaded(payload),
        item=_loaded(item),
        digest=digest.hex(),
        seq=seq,
        vector=None if vector is None else _row(vector),
    )


def _loaded(text: str | None) -> dict[str, Any] | None:
    value: dict[str, Any] | None = None if text is None else json.loads(text)
    return value


def _row(vector: bytes) -> Rows:
    return np.frombuffer(vector, dtype="<f4").astype(np.float32)


def whole_rows(connection: Connection, gallery: int) -> Iterator[WholeRow]:
    """Read every exemplar of a gallery with all that there is of it, in row order."""
    found = connection.execute(
        "SELECT id, label, json(payload), item, digest, seq, vector"
        " FROM exemplars JOIN contents USING (row) WHERE gallery = ? ORDER BY row",
        (gallery,),
    )
    return (WholeRow(*values) for values in found)


def names(
    connection: Connection, gallery: int
) -> tuple[npt.NDArray[np.int64], list[str], list[str | None]]:
    """Return the row, id and label of every exemplar, in row order.

    A million are read at every start. As JSON of many, they take half of the time and of the memory
    of as many rows of SQLite's, and other threads go on meanwhile.
    """
    numbers, ids, labels = [np.empty(0, np.int64)], list[str](), list[str | None]()
    while True:
        last = int(numbers[-1][-1]) if ids else 0
        some_rows, some_ids, some_labels = connection.execute(
            "SELECT json_group_array(row), json_group_array(id), json_group_array(label) FROM"
            " (SELECT row, id, label FROM exemplars WHERE gallery = ? AND row > ?"
            " ORDER BY row LIMIT ?)",
            (gallery, last, _LOAD_ROWS),
        ).get
        some = np.array(json.loads(some_rows), np.int64)
        if not len(some):
            return np.concatenate(numbers), ids, labels
        assert np.all(np.diff(some) > 0)  # SQLite does not promise the order of an aggregate
        numbers.append(some)
        ids += json.loads(some_ids)
        labels += json.loads(some_labels)


def vectors(connection: Connection, gallery: int, first: int, last: int) -> Iterator[list[bytes]]:
    """Read the vectors of the rows from `first` to `last` in their order, some at a time."""
    found = connection.execute(
        "SELECT vector FROM exemplars JOIN contents USING (row)"
        " WHERE gallery = ? AND row BETWEEN ? AND ? ORDER BY row",
        (gallery, first, last),
    )
    while some := [vector for (vector,) in islice(found, _LOAD_ROWS)]:
        yield some


def single_vectors(connection: Connection, rows: Sequence[int]) -> list[bytes]:
    """Read the vectors of rows, in the order asked for; those that are missing are left out."""
    found = connection.executemany(
        "SELECT vector FROM contents WHERE row = ?", [(row,) for row in rows]
    )
    return [vector for (vector,) in found]
