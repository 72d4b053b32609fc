"""Batch-indexing: a source is sent to be imported, and its job followed to the end.

To do it again costs little: what stands with the same content is neither embedded nor written.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlencode

import orjson

from service.client import CallFailed, Client, gallery_path, patiently
from service.picture_rows import files_inside, is_of_files, with_files
from service.source import Columns, SourceRow, media_type_of, open_source

PART_BYTES = 1 << 20
ROWS_AT_ONCE, ROWS_BYTES_MAX = 16, 8 << 20  # that are read while others are sent; one may be larger
LOOK_SECONDS = 0.05, 1.0  # between two looks at a job: at least, and at most
LOOK_SHARE = 0.05  # of the time that it has taken so far: its end is seen hardly later than it is
LINE_BYTES_MAX = 1 << 20
FAILURES_AT_ONCE = 1000
ENDED = ("done", "failed", "cancelled")


@dataclass(slots=True)
class Tally:
    """What became of the rows so far.

    Args:
        done: how much of `total` is behind, in bytes or rows.
        enrolled: exemplars that were embedded and written by this run.
        unchanged: exemplars that stood already with the same content.
        truncated: of the enrolled, how many were cut to the encoder's length.
        rejected: rows that could not become exemplars.
    """

    done: int = 0
    total: int = 0
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

    def add(self, place: str, exemplar_id: str | None, reason: str, **more: Any) -> None:
        """Write one; of a table's row more can be told."""
        if self._lines is None:
            self._lines = self.path.open("w", encoding="utf-8")
        line = {"place": place, "id": exemplar_id, "reason": reason, **more}
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
        return isinstance(first, dict) and {"place", "id", "reason"} <= set(first)


@dataclass(slots=True)
class Sending:
    """What is sent: a file as it is, or rows line by line.

    Args:
        parts: begins to send; may be called again.
        columns: of the file, as the call names them.
        places: where each row that was sent stands in its source; of a file, its job tells.
        unsent: rows that were not sent, for a reason of their own.
    """

    media_type: str
    parts: Callable[[], AsyncIterator[bytes]]
    columns: dict[str, str] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    unsent: list[SourceRow] = field(default_factory=list)


def sending(
    path: Path,
    columns: Columns,
    *,
    thumbnails: bool = False,
    reads_label: bool = False,
    windows: bool = False,
) -> Sending:
    """Prepare a source: a table of texts or vectors goes as it is; others row by row.

    Args:
        thumbnails: whether the payload of a picture gets a small one of it.
        reads_label: whether a picture is said to read its label.
        windows: whether a sound is enrolled by windows.

    Raises:
        SourceInvalid: it is missing, of no known kind, or lacks the columns.
    """
    source = open_source(path, columns)  # says what is wrong with it before anything is sent
    media_type = media_type_of(path)
    if columns.name is not None or is_of_files(source):
        beside = files_inside(path if path.is_dir() else path.parent)

        def rows() -> Iterator[SourceRow]:
            source = open_source(path, columns)
            return with_files(
                source,
                source.read_file or beside,
                thumbnails=thumbnails,
                reads_label=reads_label,
                windows=windows,
            )

        return sending_rows(rows)
    if media_type is None:
        return sending_rows(lambda: open_source(path, columns).rows)
    named = {f"{name}_column": one for name, one in asdict(columns).items() if one is not None}
    return Sending(media_type, lambda: _bytes_of(path), named)


def sending_rows(rows: Callable[[], Iterable[SourceRow]]) -> Sending:
    """Prepare rows; those with a reason are not sent."""

    async def lines() -> AsyncIterator[bytes]:
        # Made anew each time: a thread that an earlier try left behind writes into its own.
        places: list[str] = []
        unsent: list[SourceRow] = []
        sent.places, sent.unsent = places, unsent
        every = iter(rows())

        def part() -> bytes | None:
            """Read and write out some rows; None behind the last."""
            some = _some(every)
            unsent.extend(row for row in some if row.exemplar is None)
            good = [row for row in some if row.exemplar is not None]
            places.extend(row.place for row in good)
            return b"".join(orjson.dumps(row.exemplar) + b"\n" for row in good) if some else None

        # In a thread: where the service is in this process, it goes on. One part is made while the
        # one before is sent.
        ahead = asyncio.ensure_future(asyncio.to_thread(part))
        try:
            while (made := await ahead) is not None:
                ahead = asyncio.ensure_future(asyncio.to_thread(part))
                if made:
                    yield made
        finally:
            ahead.cancel()

    sent = Sending("application/x-ndjson", lines)
    return sent


def _some(every: Iterator[SourceRow]) -> list[SourceRow]:
    """Take some rows, few where they hold large files."""
    some, size = list[SourceRow](), 0
    for row in islice(every, ROWS_AT_ONCE):
        some.append(row)
        size += 0 if row.exemplar is None else _size(row.exemplar["item"])
        if size >= ROWS_BYTES_MAX:
            break
    return some


def _size(item: object) -> int:
    """Tell how many characters of texts and files an item holds."""
    if isinstance(item, dict):
        return sum(map(_size, item.values()))
    return len(item) if isinstance(item, str) else 0


async def _bytes_of(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while part := await asyncio.to_thread(file.read, PART_BYTES):
            yield part


async def build(
    client: Client,
    gallery: str,
    sent: Sending,
    rejects: Rejects,
    on_progress: Callable[[Tally], None],
) -> Tally:
    """Send a source, follow its import to the end, and close the file of rejects.

    Raises:
        CallFailed: as :func:`imported` does.
    """
    try:
        return await imported(client, gallery, sent, rejects, on_progress)
    finally:
        rejects.close()


async def imported(
    client: Client,
    gallery: str,
    sent: Sending,
    rejects: Rejects,
    on_progress: Callable[[Tally], None],
) -> Tally:
    """Send a source, and follow its import to the end; who cancels this cancels that.

    Raises:
        CallFailed: the service refused it, or the import failed; what it enrolled stands.
    """
    path = f"{gallery_path(gallery)}/import?{urlencode(sent.columns)}"
    job = await patiently(lambda: client.upload(path, sent.parts(), sent.media_type))
    number = job["job"]
    least, most = LOOK_SECONDS
    started = monotonic()
    try:
        while job["state"] not in ENDED:
            await asyncio.sleep(min(most, max(least, LOOK_SHARE * (monotonic() - started))))
            job = await patiently(lambda: client.call("GET", f"/v1/jobs/{number}"))
            if job["state"] not in ENDED:
                on_progress(_tally(job, sent))
        await _reject(client, job, sent, rejects)
    except asyncio.CancelledError:
        with suppress(CallFailed):
            await client.call("DELETE", f"/v1/jobs/{number}")
        raise
    if job["state"] != "done":
        passing = job["state"] == "cancelled"  # by somebody else: it can be sent again
        raise CallFailed(
            f"import {number} into {gallery} {job['state']}: {job['reason'] or 'by a call'}",
            status=0 if passing else 422,
            code="",
        )
    tally = _tally(job, sent)
    tally.done = tally.total = max(1, tally.total)
    on_progress(tally)
    return tally


def _tally(job: dict[str, Any], sent: Sending) -> Tally:
    counts = {name: job[name] for name in ("done", "total", "enrolled", "unchanged", "truncated")}
    return Tally(**counts, rejected=job["failed"] + len(sent.unsent))


async def _reject(client: Client, job: dict[str, Any], sent: Sending, rejects: Rejects) -> None:
    """Write down every row that was refused, here or there."""
    for row in sent.unsent:
        rejects.add(row.place, None, row.reason)
    after: int | None = -1
    listed = 0
    while after is not None:
        path = f"/v1/jobs/{job['job']}/failures?limit={FAILURES_AT_ONCE}&after={after}"
        page = await patiently(partial(client.call, "GET", path))
        for failure in page["failures"]:
            place = sent.places[failure["position"]] if sent.places else failure["place"]
            rejects.add(place, failure["id"], f"{failure['code']}: {failure['message']}")
        after, listed = page["next"], listed + len(page["failures"])
    if job["failed"] > listed:
        rejects.add("elsewhere", None, f"{job['failed'] - listed} more rows, which are not listed")
