"""What the process that reads a file tells the service: batches, each as JSON, a matrix, and bytes.

Items lie among the bytes as the store keeps them, and files decoded from base64, so that the
service, where others wait to be answered, has neither to read nor to write them once more.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from index.exemplar import Written
from index.job_rows import JobFailure
from models.modality import Cut, Item
from service.candidates import Candidate
from service.intake import Parsed, Vector, parse_item

_LENGTHS = struct.Struct("<QQQ")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be read, and what its rows must fit.

    Args:
        columns: how the columns are called: see :class:`service.source.Columns`.
        rows: how many rows are behind already; only their ids are looked at.
        space: of the gallery; a file that tells another is refused.
    """

    path: str
    columns: dict[str, str]
    rows: int
    space: str
    dim: int
    item_bytes_max: int
    payload_bytes_max: int


@dataclass(slots=True)
class Batch:
    """Rows that are ready to be embedded or written, and those that cannot be.

    Args:
        behind: how many rows of the file are behind before this batch, and `rows` after it.
        done: the same in the unit of `total`.
        places: where each candidate stands, in words.
    """

    behind: int
    rows: int
    done: int
    total: int
    candidates: list[Candidate] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    failures: list[JobFailure] = field(default_factory=list)


class Unreadable(ValueError):
    """The file as a whole cannot be read; the message says what would help."""


def write_batch(out: IO[bytes], batch: Batch) -> None:
    """Write a batch; vectors go as one matrix of float32, and what is kept is written already."""
    vectors = [one.item.row for one in batch.candidates if isinstance(one.item, Vector)]
    parts = [part for one in batch.candidates for part in (_kept(one), _content(one))]
    told = {
        "at": (batch.behind, batch.rows, batch.done, batch.total),
        "failures": [
            (one.position, one.place, one.id, one.code, one.message) for one in batch.failures
        ],
        "places": batch.places,
        "candidates": [
            (one.position, one.id, one.label, one.payload, one.digest.hex(), _form(one))
            for one in batch.candidates
        ],
        "sizes": [None if part is None else len(part) for part in parts],
    }
    matrix = np.stack(vectors).tobytes() if vectors else b""
    _write(out, told, matrix, b"".join(part for part in parts if part is not None))


def _kept(one: Candidate) -> bytes | None:
    """Return the item of a candidate as the store keeps it."""
    assert one.kept is None or isinstance(one.kept, Written)
    return None if one.kept is None else one.kept.encode()


def _content(one: Candidate) -> bytes | None:
    """Return the file that an item is, where it is one."""
    item = one.item
    return item.content if isinstance(item, Item) and isinstance(item.content, bytes) else None


def _form(one: Candidate) -> list[object] | None:
    """Tell what is beside the bytes of a file, or that it is a vector; None: it is all in `kept`.

    The slots of the two dataclasses are spelt out: bytes come from another place.
    """
    item = one.item
    if isinstance(item, Vector):
        return []
    if not isinstance(item, Item) or not isinstance(item.content, bytes):
        return None
    cut = None if item.cut is None else (item.cut.seconds, item.cut.hop_seconds)
    return [item.modality, item.reads, cut]


def write_end(out: IO[bytes], unreadable: str | None = None) -> None:
    """Say that there is no more, or that no more can be read."""
    _write(out, {"unreadable": unreadable}, b"", b"")


def read_batch(source: IO[bytes], dim: int) -> Batch | None:
    """Read the next batch; None at the end.

    Raises:
        Unreadable: the reader said so.
        EOFError: it broke off.
    """
    told_bytes, matrix_bytes, parts_bytes = _LENGTHS.unpack(_exactly(source, _LENGTHS.size))
    told: dict[str, Any] = orjson.loads(_exactly(source, told_bytes))
    rows = iter(_matrix(_exactly(source, matrix_bytes), dim))
    whole = io.BytesIO(_exactly(source, parts_bytes))
    if "at" not in told:
        if told["unreadable"] is not None:
            raise Unreadable(told["unreadable"])
        return None
    parts = (None if size is None else whole.read(size) for size in told["sizes"])
    behind, after, done, total = told["at"]
    return Batch(
        behind,
        after,
        done,
        total,
        candidates=[_candidate(one, next(parts), next(parts), rows) for one in told["candidates"]],
        places=told["places"],
        failures=[JobFailure(*one) for one in told["failures"]],
    )


def _candidate(
    told: list[Any], kept: bytes | None, content: bytes | None, rows: Iterator[NDArray[np.float32]]
) -> Candidate:
    position, one, label, payload, digest, form = told
    item: Parsed
    if form is None:
        assert kept is not None
        item = parse_item(orjson.loads(kept))
    elif not form:
        item = Vector(next(rows))
    else:
        assert content is not None
        modality, reads, cut = form
        item = Item(modality, content, reads, None if cut is None else Cut(tuple(cut[0]), cut[1]))
    written = None if kept is None else Written(kept.decode())
    return Candidate(position, one, label, payload, item, written, bytes.fromhex(digest))


def _matrix(raw: bytes, dim: int) -> NDArray[np.float32]:
    return np.frombuffer(raw, "<f4").reshape(-1, dim)


def _write(out: IO[bytes], told: object, matrix: bytes, parts: bytes) -> None:
    words = orjson.dumps(told)
    out.write(_LENGTHS.pack(len(words), len(matrix), len(parts)))
    for one in (words, matrix, parts):
        out.write(one)
    out.flush()


def _exactly(source: IO[bytes], size: int) -> bytes:
    found = source.read(size)
    if len(found) < size:
        raise EOFError
    return found
