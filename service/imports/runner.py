"""Imports as a use case: one job runs at a time, batch by batch, and yields to those who ask."""

import asyncio
import json
import logging
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from time import monotonic
from typing import TypeVar

from anyio.to_thread import run_sync

from index.errors import GalleryError, GalleryUnknown, JobStopped, StoreUnavailable
from index.galleries import Galleries
from index.gallery import Gallery
from index.job_rows import UNFINISHED, Advance, Job, JobFailure
from models.errors import BundleError
from service.asking import Asking
from service.enroller import Enroller, Ready
from service.errors import DeadlineExceeded, LaneDead, Overloaded, ServiceError
from service.imports.files import Files
from service.imports.frames import Batch, Order, Unreadable
from service.imports.reader import Reader
from service.problems import retry_after_seconds, row_of
from service.source import Columns

log = logging.getLogger("semblance.imports")
T = TypeVar("T")
# For which one thread may keep the others waiting while a job runs; 5 ms otherwise. A search beside
# an import was answered in 18 ms instead of 24 (p95), and the import was as fast.
SWITCH_SECONDS = 0.0005
UNDER_WAY_MAX = 2  # batches: one is embedded while the one before is written
PASSING = (Overloaded, LaneDead, DeadlineExceeded, StoreUnavailable)
PATIENCE_SECONDS = 5  # where an error that passes by itself does not say when


class Imports:
    """Takes files in, and runs their jobs.

    Args:
        files: where they lie.
    """

    def __init__(self, galleries: Galleries, enroller: Enroller, files: Files) -> None:
        self._galleries, self._enroller, self._files = galleries, enroller, files
        self._jobs = galleries.jobs
        self._wake = asyncio.Event()
        self._running: tuple[int, asyncio.Task[None]] | None = None
        self._complaint: str | None = None

    async def take(
        self,
        gallery: Gallery,
        parts: AsyncIterator[bytes],
        suffix: str,
        columns: Columns,
        caller: str,
    ) -> Job:
        """Take a file in, and make its job; both are on disk when this returns.

        Raises:
            JobsFull, GalleryUnknown, StoreUnavailable.
        """
        await run_sync(self._jobs.check_room)  # before the file is read, not after
        async with self._files.received(parts, suffix) as source:
            job = await run_sync(
                lambda: self._jobs.create(
                    gallery, caller=caller, source=source, columns=json.dumps(asdict(columns))
                )
            )
        self._wake.set()
        return job

    async def pause(self, job: int) -> Job:
        """Pause a job; nothing more is written when this returns.

        Raises:
            JobUnknown, JobEnded.
        """
        return self._interrupted(await run_sync(self._jobs.pause, job))

    async def resume(self, job: int) -> Job:
        """Let a paused job wait for its turn.

        Raises:
            JobUnknown, JobEnded.
        """
        resumed = await run_sync(self._jobs.resume, job)
        self._wake.set()
        return resumed

    async def delete(self, job: int) -> Job:
        """Cancel a job, after which nothing more is written, or forget one that has ended.

        Raises:
            JobUnknown.
        """
        return self._interrupted(await run_sync(self._jobs.delete, job))

    def complaint_of(self, job: int) -> str | None:
        """Tell what a job waits for, where it runs and something holds it up."""
        is_it = self._running is not None and self._running[0] == job
        return self._complaint if is_it else None

    def look(self) -> None:
        """Look whether there is something to do: jobs that others ended leave files behind."""
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run jobs while the context lasts, where no application does."""
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def run(self) -> None:
        """Run job after job until cancelled; those of before a restart come first."""
        while True:
            self._wake.clear()
            try:
                await run_sync(self._sweep)
                job = await run_sync(self._jobs.next)
                if job is not None:
                    await self._run(job)
            except GalleryError as error:
                log.error("imports wait: %s", error)
                await asyncio.sleep(PATIENCE_SECONDS)
                continue
            if job is None:
                await self._wake.wait()

    async def _run(self, job: Job) -> None:
        """Run one job until it ends, or is stopped."""
        self._complaint = None
        task = asyncio.create_task(self._ended(job))
        self._running = (job.job, task)
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            await asyncio.wait([task])
        finally:
            self._running = None
            sys.setswitchinterval(usual)
            task.cancel()
            await asyncio.wait([task])
        if not task.cancelled():
            task.result()

    async def _ended(self, job: Job) -> None:
        """Import, and note how it ended."""
        try:
            begin = lambda: run_sync(self._jobs.begin, job.job)  # noqa: E731 - two words
            await self._import(await self._patiently(begin))
        except JobStopped:
            return
        except Unreadable as error:
            await run_sync(self._jobs.end, job.job, "failed", f"source_invalid: {error}")
        except (GalleryError, ServiceError, BundleError) as error:
            await run_sync(self._jobs.end, job.job, "failed", f"{row_of(error).code}: {error}")
        except Exception:
            log.exception("job %d failed", job.job)
            await run_sync(self._jobs.end, job.job, "failed", "internal: the log has the reason")
        else:
            await run_sync(self._jobs.end, job.job, "done")

    async def _import(self, job: Job) -> None:
        gallery = self._galleries.numbered(job.gallery)
        if gallery is None:
            raise GalleryUnknown(f"gallery {job.name!r} was deleted")
        fit = self._enroller.fit(gallery)
        order = Order(
            path=str(self._files.path(job.source)),
            columns=json.loads(job.columns),
            rows=job.rows,
            space=gallery.space,
            **asdict(fit),
        )
        asking = Asking(caller=job.caller)
        reader = Reader(order)
        under_way: deque[asyncio.Task[None]] = deque()
        clock = Clock()
        try:
            while batch := await run_sync(reader.next):
                if len(under_way) >= UNDER_WAY_MAX:
                    await under_way.popleft()
                before = under_way[-1] if under_way else None
                work = self._enrol(job, gallery, batch, asking, clock, before)
                under_way.append(asyncio.create_task(work))
            while under_way:
                await under_way.popleft()
        finally:
            reader.close()  # here and at once: who waits in a `finally` may be cancelled once more
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def _enrol(
        self,
        job: Job,
        gallery: Gallery,
        batch: Batch,
        asking: Asking,
        clock: "Clock",
        before: asyncio.Task[None] | None,
    ) -> None:
        """Embed a batch, then write it with what is to be told of it, after the one before."""
        ready = await self._patiently(
            lambda: self._enroller.ready(gallery, batch.candidates, asking)
        )
        if before is not None:
            await before
        note = self._jobs.advancing(job.job, told(batch, ready, clock.seconds()))
        await self._patiently(lambda: run_sync(gallery.enrol, ready.exemplars, note))

    async def _patiently(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do what may have to wait: for an encoder with a full queue, or a disk with no room."""
        while True:
            try:
                done = await work()
            except PASSING as error:
                self._complaint = f"{row_of(error).code}: {error}"
                log.warning("an import waits: %s", error)
                await asyncio.sleep(retry_after_seconds(error) or PATIENCE_SECONDS)
            else:
                self._complaint = None
                return done

    def _interrupted(self, job: Job) -> Job:
        """Let go of a job that was stopped; what it has under way is refused by the store."""
        if self._running is not None and self._running[0] == job.job:
            self._running[1].cancel()
        self._wake.set()
        return job

    def _sweep(self) -> None:
        def kept() -> set[str]:
            return {job.source for job in self._jobs.all() if job.state in UNFINISHED}

        with suppress(OSError):
            self._files.sweep(kept)


class Clock:
    """Tells the seconds since it was last asked."""

    def __init__(self) -> None:
        self._last = monotonic()

    def seconds(self) -> float:
        """Return them, and begin anew."""
        last, self._last = self._last, monotonic()
        return self._last - last


def told(batch: Batch, ready: Ready, seconds: float) -> Advance:
    """Say what a batch adds to its job."""
    places = {
        one.position: place for one, place in zip(batch.candidates, batch.places, strict=True)
    }
    failures = [
        JobFailure(one.position, places[one.position], one.id, one.code, one.message)
        for one in ready.failed
    ]
    return Advance(
        behind=batch.behind,
        rows=batch.rows,
        done=batch.done,
        total=batch.total,
        enrolled=ready.enrolled,
        unchanged=ready.unchanged,
        truncated=len(ready.truncated),
        seconds=seconds,
        failures=tuple(sorted([*batch.failures, *failures], key=lambda one: one.position)),
    )
