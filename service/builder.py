"""Batch-indexing: a source into a gallery, resumable because known content costs nothing."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.client import CallFailed, Client
from service.source import Source, SourceRow

BATCH_ROWS = 256
BATCH_CHARACTERS = 8 << 20
CALLS_AT_ONCE = 2  # one is embedded while the next is parsed
TRIES_MAX = 8
TOO_MUCH = ("body_too_large", "request_invalid")  # a server may take less in one call
LINE_BYTES_MAX = 1 << 20


@dataclass(slots=True)
class Tally:
    """What became of the rows so far.

    Args:
        done: how much of the source's total is behind, in its own unit.
        enrolled: exemplars that were embedded and written by this run.
        unchanged: exemplars that stood already with the same content.
        truncated: of the enrolled, how many were cut to the encoder's length.
        rejected: rows that could not become exemplars.
    """

    done: int = 0
    enrolled: int = 0
    unchanged: int = 0
    truncated: int = 0
    rejected: int = 0


@dataclass(slots=True)
class Rejects:
    """Writes bad rows with their reasons to a file that appears with the first of them."""

    path: Path
    _lines: Any = field(default=None)

    def open(self) -> None:
        """See that the file can be written, before the work.

        Raises:
            OSError: it cannot.
        """
        with self.path.open("a", encoding="utf-8"):
            pass
        if not self.path.stat().st_size:
            self.path.unlink()

    def add(self, place: str, exemplar_id: str | None, reason: str) -> None:
        """Write one."""
        if self._lines is None:
            self._lines = self.path.open("w", encoding="utf-8")
        line = {"place": place, "id": exemplar_id, "reason": reason}
        self._lines.write(json.dumps(line, ensure_ascii=True) + "\n")

    def close(self) -> None:
        """Close the file; without rejects, remove what an earlier run left."""
        if self._lines is not None:
            self._lines.close()
        elif self._is_ours():
            self.path.unlink()

    def _is_ours(self) -> bool:
        """Tell an earlier run's file from another of that name."""
        try:
            with self.path.open("rb") as file:
                first = json.loads(file.readline(LINE_BYTES_MAX))
        except (OSError, ValueError):
            return False
        return isinstance(first, dict) and set(first) == {"place", "id", "reason"}


async def build(
    client: Client,
    gallery: str,
    source: Source,
    rejects: Rejects,
    on_progress: Callable[[Tally], None],
    *,
    calls_at_once: int = CALLS_AT_ONCE,
) -> Tally:
    """Enrol every row of a source; calling it again does only what is left.

    Raises:
        CallFailed: the service refused a batch for good; what was acknowledged stands.
    """
    tally = Tally()
    waiting: set[asyncio.Task[None]] = set()

    async def send(rows: list[SourceRow]) -> None:
        body = {"exemplars": [row.exemplar for row in rows]}
        try:
            reply = await _patiently(client, gallery, body)
        except CallFailed as error:
            if error.code not in TOO_MUCH or len(rows) == 1:
                raise
            half = len(rows) // 2
            await send(rows[:half])
            await send(rows[half:])
            return
        for failure in reply["failed"]:
            row = rows[failure["position"]]
            rejects.add(row.place, failure["id"], f"{failure['code']}: {failure['message']}")
        tally.rejected += len(reply["failed"])
        tally.enrolled += reply["enrolled"] - reply["unchanged"]
        tally.unchanged += reply["unchanged"]
        tally.truncated += len(reply["truncated"])
        tally.done = max(tally.done, rows[-1].done)
        on_progress(tally)

    try:
        for rows in batches(sound(source.rows, tally, rejects)):
            if len(waiting) >= calls_at_once:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.gather(*done)  # raises what one of them did
            waiting.add(asyncio.create_task(send(rows)))
        await asyncio.gather(*waiting)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        rejects.close()
    tally.done = source.total
    on_progress(tally)
    return tally


def sound(rows: Iterable[SourceRow], tally: Tally, rejects: Rejects) -> Iterator[SourceRow]:
    """Yield the rows that can be sent; reject the others, repeated ids among them."""
    seen: set[bytes] = set()
    for row in rows:
        reason, exemplar_id = row.reason, None
        if row.exemplar is not None:
            exemplar_id = row.exemplar["id"]
            print_of_id = hashlib.blake2b(
                exemplar_id.encode("utf-8", "surrogatepass"), digest_size=12
            ).digest()
            if print_of_id not in seen:
                seen.add(print_of_id)
                yield row
                continue
            reason = f"id {exemplar_id!r} stands earlier in this source already"
        rejects.add(row.place, exemplar_id, reason)
        tally.rejected += 1


def batches(rows: Iterable[SourceRow]) -> Iterator[list[SourceRow]]:
    """Group rows into calls, bounded by count and by size."""
    batch: list[SourceRow] = []
    size = 0
    for row in rows:
        weight = _weight(row)
        if batch and (len(batch) >= BATCH_ROWS or size + weight > BATCH_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += weight
    if batch:
        yield batch


def _weight(row: SourceRow) -> int:
    assert row.exemplar is not None
    item = row.exemplar["item"]
    if isinstance(item, dict) and isinstance(item.get("vector"), list):
        return 20 * len(item["vector"])
    return len(str(item)) + len(str(row.exemplar.get("payload")))


async def _patiently(client: Client, gallery: str, body: object) -> Any:
    """Call, and call again when the service asks for patience."""
    for attempt in range(TRIES_MAX):
        try:
            return await client.gallery("POST", gallery, "/exemplars", body)
        except CallFailed as error:
            if error.retry_after_seconds is None or attempt == TRIES_MAX - 1:
                raise
            await asyncio.sleep(error.retry_after_seconds)
    raise AssertionError("unreachable")
