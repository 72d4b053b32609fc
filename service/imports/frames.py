"""What the process that reads a file tells the service: batches, each as JSON and a matrix."""

import struct
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from index.job_rows import JobFailure
from service.candidates import Candidate
from service.intake import Vector, parse_item

_LENGTHS = struct.Struct("<QQ")


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
    """Write a batch; vectors go as one matrix of float32."""
    vectors = [one.item.row for one in batch.candidates if isinstance(one.item, Vector)]
    told = {
        "at": (batch.behind, batch.rows, batch.done, batch.total),
        "failures": [
            (one.position, one.place, one.id, one.code, one.message) for one in batch.failures
        ],
        "places": batch.places,
        "candidates": [
            (one.position, one.id, one.label, one.payload, one.kept, one.digest.hex(),
             isinstance(one.item, Vector))
            for one in batch.candidates
        ],
    }  # fmt: skip
    _write(out, told, np.stack(vectors).tobytes() if vectors else b"")


def write_end(out: IO[bytes], unreadable: str | None = None) -> None:
    """Say that there is no more, or that no more can be read."""
    _write(out, {"unreadable": unreadable}, b"")


def read_batch(source: IO[bytes], dim: int) -> Batch | None:
    """Read the next batch; None at the end.

    Raises:
        Unreadable: the reader said so.
        EOFError: it broke off.
    """
    told_bytes, matrix_bytes = _LENGTHS.unpack(_exactly(source, _LENGTHS.size))
    told: dict[str, Any] = orjson.loads(_exactly(source, told_bytes))
    rows = iter(_matrix(_exactly(source, matrix_bytes), dim))
    if "at" not in told:
        if told["unreadable"] is not None:
            raise Unreadable(told["unreadable"])
        return None
    behind, after, done, total = told["at"]
    return Batch(
        behind,
        after,
        done,
        total,
        candidates=[
            Candidate(position, one, label, payload,
                      Vector(next(rows)) if is_vector else parse_item(kept),
                      kept, bytes.fromhex(digest))
            for position, one, label, payload, kept, digest, is_vector in told["candidates"]
        ],
        places=told["places"],
        failures=[JobFailure(*one) for one in told["failures"]],
    )  # fmt: skip


def _matrix(raw: bytes, dim: int) -> NDArray[np.float32]:
    return np.frombuffer(raw, "<f4").reshape(-1, dim)


def _write(out: IO[bytes], told: object, matrix: bytes) -> None:
    words = orjson.dumps(told)
    out.write(_LENGTHS.pack(len(words), len(matrix)))
    out.write(words)
    out.write(matrix)
    out.flush()


def _exactly(source: IO[bytes], size: int) -> bytes:
    found = source.read(size)
    if len(found) < size:
        raise EOFError
    return found
