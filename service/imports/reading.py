"""The process that reads a file: of low priority, of bounded memory, and the only one to do so.

What others sent is decoded here, so that a file which is damaged or made to do harm ends this
process at worst. `python -m service.imports.reading`, with an order on standard input.
"""

import gc
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from index.errors import RowsInvalid
from index.exemplar import written
from index.job_rows import JobFailure
from models.errors import InputError
from service.candidates import Candidate, Fit, candidate_of, digest_of, gated
from service.imports.frames import Batch, Order, write_batch, write_end
from service.imports.repeats import Repeats
from service.intake import Vector
from service.problems import row_of
from service.source import Columns, Source, SourceInvalid, SourceRow, open_source

MEMORY_BYTES_MAX = 2 << 30  # what one batch of the widest rows takes, several times
NICE = 10
BATCH_ROWS = 500  # of vectors: some 10 ms of work, after which others have their turn
# To be embedded: a second's work, after which progress is kept; the first is smaller, for until it
# is there the encoder has nothing to do.
BATCH_ITEMS, FIRST_ITEMS = 256, 32
BATCH_BYTES = 8 << 20


def main() -> None:
    """Read what is ordered, and write batch after batch to standard output."""
    order = Order(**orjson.loads(sys.stdin.buffer.readline()))
    os.nice(NICE)
    gc.disable()  # rows make no circles; looking for them takes a fifth of the time
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    out = sys.stdout.buffer
    try:
        source = opened(order)
        for batch in batches(source, order):
            write_batch(out, batch)
    except SourceInvalid as error:
        write_end(out, str(error).replace(order.path, "the file"))
    except MemoryError:
        most = MEMORY_BYTES_MAX >> 20
        write_end(out, f"its rows take more than {most} MiB of memory: write smaller row groups")
    else:
        write_end(out)


def opened(order: Order) -> Source:
    """Open the file.

    Raises:
        SourceInvalid: it cannot be read, or its vectors are of another space.
    """
    source = open_source(Path(order.path), Columns(**order.columns))
    if source.space not in (None, order.space):
        raise SourceInvalid(
            f"the file says that its vectors are of space {source.space!r}, and the gallery holds "
            f"space {order.space!r}: import it into a gallery of its space"
        )
    return source


def batches(source: Source, order: Order) -> Iterator[Batch]:
    """Make batches of the rows that are not behind yet; an id counts where it comes first."""
    fit = Fit(order.dim, order.item_bytes_max, order.payload_bytes_max)
    repeats = Repeats()
    behind = 0
    for rows in grouped(source, order.rows):
        named = [row.exemplar["id"] for row in rows if row.exemplar is not None]
        again = iter(repeats.add(named))
        if behind >= order.rows:
            batch = Batch(behind, behind + len(rows), rows[-1].done, source.total)
            _fill(batch, rows, again, fit)
            yield batch
        behind += len(rows)


def grouped(source: Source, border: int) -> Iterator[list[SourceRow]]:
    """Group rows, bounded by count and size, so that one group ends behind `border` rows."""
    group: list[SourceRow] = []
    size = items = 0
    items_max = FIRST_ITEMS
    for behind, row in enumerate(source.rows, start=1):
        group.append(row)
        weight, embeds = _weight(row)
        size, items = size + weight, items + embeds
        full = len(group) >= BATCH_ROWS or items >= items_max or size >= BATCH_BYTES
        if full or behind == border:
            yield group
            group, size, items = [], 0, 0
            items_max = min(BATCH_ITEMS, 2 * items_max)
    if group:
        yield group


def _weight(row: SourceRow) -> tuple[int, bool]:
    """Tell the size of a row, roughly, and whether it is to be embedded."""
    if row.exemplar is None:
        return 0, False
    item, payload = row.exemplar["item"], row.exemplar["payload"]
    if isinstance(item, dict) and "vector" in item:
        vector = item["vector"]
        numbers = len(vector) if isinstance(vector, list | str | np.ndarray) else 0
        return 4 * numbers + len(str(payload)), False
    # A picture's base64 is not written out once more to be counted.
    values = item.values() if isinstance(item, dict) else (item,)
    size = sum(len(one if isinstance(one, str) else str(one)) for one in values)
    return size + len(str(payload)), True


def _fill(batch: Batch, rows: list[SourceRow], again: Iterator[bool], fit: Fit) -> None:
    """Sort rows into candidates and failures."""
    found: list[Candidate] = []

    def fail(at: int, one: str | None, code: str, message: str) -> None:
        place = rows[at - batch.behind].place
        batch.failures.append(
            JobFailure(at, _plain(place), one and _plain(one), code, _plain(message))
        )

    for at, row in enumerate(rows, start=batch.behind):
        if row.exemplar is None:
            fail(at, None, "exemplar_invalid", row.reason)
            continue
        one = row.exemplar["id"]
        if next(again):
            fail(at, one, "id_repeated", f"id {one!r} stands earlier in this source already")
            continue
        try:
            found.append(_made(at, row.exemplar, row.kept, fit))
        except (InputError, RowsInvalid) as error:
            fail(at, one, row_of(error).code, str(error))
    for candidate, wrong in gated(found, fit.dim):
        if wrong is not None:
            fail(candidate.position, candidate.id, row_of(wrong).code, str(wrong))
        else:
            batch.candidates.append(candidate)
            batch.places.append(_plain(rows[candidate.position - batch.behind].place))
    batch.failures.sort(key=lambda failure: failure.position)


def _made(at: int, exemplar: dict[str, Any], kept: dict[str, Any] | None, fit: Fit) -> Candidate:
    """Make a candidate whose item is written out as the store keeps it.

    Raises:
        InputError, RowsInvalid: it cannot become an exemplar.
    """
    made = candidate_of(at, exemplar, fit)
    if kept is not None and isinstance(made.item, Vector):
        made.kept = kept
        made.digest = digest_of(made.label, made.payload, item=kept, vector=made.item)
    made.kept = written(made.kept, "item")
    return made


def _plain(words: str) -> str:
    """Write words that may hold what is no Unicode."""
    return words.encode("utf-8", "backslashreplace").decode()


if __name__ == "__main__":
    main()
