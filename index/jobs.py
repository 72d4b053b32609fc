"""Jobs: kept where the rows are, so that how far one is and what it wrote are one commit."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from index import job_rows, store
from index.database import Connection, Database
from index.errors import GalleryUnknown, JobEnded, JobsFull, JobStopped, JobUnknown
from index.gallery import Gallery
from index.job_rows import UNFINISHED, Advance, Job, JobFailure
from index.moment import now
from index.writer import Writer

T = TypeVar("T")

# What a batch of rows adds to its own transaction.
Note = Callable[[Connection], None]


class Jobs:
    """The jobs of a data folder; any method may raise StoreUnavailable.

    Args:
        jobs_max: how many are kept; of those that have ended, the oldest makes room for a new one.
        failures_max: how many failures of one are kept; all are counted.
    """

    def __init__(
        self, database: Database, writer: Writer, *, jobs_max: int, failures_max: int
    ) -> None:
        self._database, self._writer = database, writer
        self._jobs_max, self._failures_max = jobs_max, failures_max

    def create(self, gallery: Gallery, *, caller: str, source: str, columns: str) -> Job:
        """Keep a new job, which waits.

        Raises: JobsFull, GalleryUnknown.
        """
        wanted = Job(0, gallery.number, gallery.name, caller, source, columns, now())

        def work(connection: Connection) -> Job:
            if store.seq_of(connection, gallery.number) is None:
                raise GalleryUnknown(f"gallery {gallery.name!r} was deleted: create it again")
            kept = job_rows.jobs(connection)
            self._check_room(kept)
            ended = [one.job for one in kept if one.state not in UNFINISHED]
            for old in ended[: max(0, len(kept) + 1 - self._jobs_max)]:
                job_rows.remove(connection, old)
            return replace(wanted, job=job_rows.add(connection, wanted))

        return self._write(work)

    def check_room(self) -> None:
        """Pass while one more job would be taken.

        Raises: JobsFull.
        """
        self._check_room(self.all())

    def get(self, job: int) -> Job:
        """Return a job.

        Raises: JobUnknown.
        """
        with self._database.reading() as connection:
            return _standing(connection, job)

    def all(self) -> list[Job]:
        """Return every job that is kept, the oldest first."""
        with self._database.reading() as connection:
            return job_rows.jobs(connection)

    def failures(self, job: int, *, after: int, limit: int) -> list[JobFailure]:
        """Return up to `limit` failures behind the position `after`, in order."""
        with self._database.reading() as connection:
            return job_rows.failures(connection, job, after, limit)

    def next(self) -> Job | None:
        """Return the job whose turn it is: the oldest that runs, or ran when a process ended."""
        with self._database.reading() as connection:
            found = job_rows.jobs(connection, "state IN ('running', 'waiting')")
        return found[0] if found else None

    def begin(self, job: int) -> Job:
        """Let a job run, and return it.

        Raises: JobStopped: it is paused, cancelled or gone.
        """

        def work(connection: Connection) -> Job:
            if not job_rows.move(connection, job, "running", of=("waiting", "running")):
                raise _stopped(job)
            return _standing(connection, job)

        return self._write(work)

    def advancing(self, job: int, by: Advance) -> Note:
        """Return what counts a batch to a job, for :meth:`index.gallery.Gallery.enrol`.

        It raises JobStopped where the job was paused, cancelled or ended meanwhile, and then
        nothing of the batch is written.
        """

        def note(connection: Connection) -> None:
            if not job_rows.advance(connection, job, by, self._failures_max):
                raise _stopped(job)

        return note

    def end(self, job: int, state: str, reason: str | None = None) -> None:
        """End a running job as `done` or `failed`; one that was stopped meanwhile stays so."""
        self._write(
            lambda connection: job_rows.move(
                connection, job, state, of=("running",), reason=reason, ended_at=now()
            )
        )

    def pause(self, job: int) -> Job:
        """Stop a job until it is resumed.

        Raises: JobUnknown, JobEnded.
        """
        return self._moved(job, "paused", of=("waiting", "running", "paused"))

    def resume(self, job: int) -> Job:
        """Let a paused job wait for its turn; others stay what they are.

        Raises: JobUnknown, JobEnded.
        """
        return self._moved(job, "waiting", of=("paused",))

    def delete(self, job: int) -> Job:
        """Cancel a job, or forget one that has ended; return it as it was left.

        Raises: JobUnknown.
        """

        def work(connection: Connection) -> Job:
            standing = _standing(connection, job)
            if standing.state in UNFINISHED:
                job_rows.move(connection, job, "cancelled", of=UNFINISHED, ended_at=now())
                return _standing(connection, job)
            job_rows.remove(connection, job)
            return standing

        return self._write(work)

    def _moved(self, job: int, to: str, *, of: tuple[str, ...]) -> Job:
        def work(connection: Connection) -> Job:
            standing = _standing(connection, job)
            if standing.state not in UNFINISHED:
                raise JobEnded(f"job {job} has ended ({standing.state}): send its file again")
            job_rows.move(connection, job, to, of=of)
            return _standing(connection, job)

        return self._write(work)

    def _check_room(self, kept: list[Job]) -> None:
        if sum(one.state in UNFINISHED for one in kept) >= self._jobs_max:
            raise JobsFull(
                f"{self._jobs_max} jobs wait already, more are not allowed: wait for one, cancel "
                "one, or raise jobs_max"
            )

    def _write(self, work: Callable[[Connection], T]) -> T:
        return self._writer.write(work, lambda _: None)


def _standing(connection: Connection, job: int) -> Job:
    found = job_rows.jobs(connection, "job = ?", (job,))
    if not found:
        raise unknown(job)
    return found[0]


def unknown(job: int) -> JobUnknown:
    """Return the error of a job that is not there, or not there for a caller."""
    return JobUnknown(f"no job {job}: list those there are; of ended ones the oldest are forgotten")


def _stopped(job: int) -> JobStopped:
    return JobStopped(f"job {job} was paused, cancelled or ended meanwhile")
