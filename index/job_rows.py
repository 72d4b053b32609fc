"""The statements of jobs: work on a gallery that goes on after a restart, and what it refused."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields

from index.database import Connection

# A job is one of these until it is done, failed or cancelled.
UNFINISHED = ("waiting", "running", "paused")


@dataclass(frozen=True, slots=True)
class Job:
    """An import into a gallery, and how far it is.

    Args:
        gallery: the gallery's number, which is never used again; `name` is what it is called.
        caller: who sent it, for its share of an encoder's queue.
        source: the file that is read, by its name alone.
        columns: how its columns are called, as JSON.
        rows: how many rows of the source are behind, good or bad.
        done: how much of `total` is behind, in bytes or rows, as the kind of source has it.
        seconds: for which it ran.
    """

    job: int
    gallery: int
    name: str
    caller: str
    source: str
    columns: str
    created_at: str
    state: str = "waiting"
    reason: str | None = None
    rows: int = 0
    done: int = 0
    total: int = 0
    enrolled: int = 0
    unchanged: int = 0
    truncated: int = 0
    failed: int = 0
    seconds: float = 0.0
    ended_at: str | None = None


@dataclass(frozen=True, slots=True)
class JobFailure:
    """A row that was not enrolled: its position from 0 on, and its place in words."""

    position: int
    place: str
    id: str | None
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Advance:
    """What one batch adds to a job, which had `behind` rows behind it.

    `rows`, `done` and `total` are what they are after it.
    """

    behind: int
    rows: int
    done: int
    total: int
    enrolled: int
    unchanged: int
    truncated: int
    seconds: float
    failures: tuple[JobFailure, ...] = ()


_COLUMNS = ", ".join(field.name for field in fields(Job))


def add(connection: Connection, job: Job) -> int:
    """Insert a job, whatever number it has, and return the number it got."""
    names, marks = _COLUMNS.removeprefix("job, "), ", ".join("?" * (len(fields(Job)) - 1))
    number: int = connection.execute(
        f"INSERT INTO jobs ({names}) VALUES ({marks}) RETURNING job",  # noqa: S608 - our own names
        astuple(job)[1:],
    ).get
    return number


def jobs(connection: Connection, where: str = "1", bindings: tuple[object, ...] = ()) -> list[Job]:
    """Return the jobs for which a condition of ours holds, the oldest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM jobs WHERE {where} ORDER BY job",  # noqa: S608 - values are bound
        bindings,
    )
    return [Job(*values) for values in found]


def move(
    connection: Connection,
    job: int,
    to: str,
    *,
    of: Iterable[str],
    reason: str | None = None,
    ended_at: str | None = None,
) -> bool:
    """Bring a job from one of some states to another; tell whether it was in one of them."""
    marks = ", ".join(repr(state) for state in of)
    connection.execute(
        f"UPDATE jobs SET state = ?, reason = ?, ended_at = ? WHERE job = ? AND state IN ({marks})",  # noqa: S608 - our own words
        (to, reason, ended_at, job),
    )
    return bool(connection.changes())


def advance(connection: Connection, job: int, by: Advance, failures_max: int) -> bool:
    """Count a batch to a job; False where it does not run, or stands elsewhere."""
    failed: int | None = connection.execute(
        "UPDATE jobs SET rows = ?, done = ?, total = ?, enrolled = enrolled + ?,"
        " unchanged = unchanged + ?, truncated = truncated + ?, seconds = seconds + ?,"
        " failed = failed + ? WHERE job = ? AND state = 'running' AND rows = ? RETURNING failed",
        (by.rows, by.done, by.total, by.enrolled, by.unchanged, by.truncated, by.seconds,
         len(by.failures), job, by.behind),
    ).get  # fmt: skip
    if failed is None:
        return False
    room = max(0, failures_max - (failed - len(by.failures)))
    connection.executemany(
        "INSERT INTO job_failures (job, position, place, id, code, message)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        [(job, *astuple(one)) for one in by.failures[:room]],
    )
    return True


def failures(connection: Connection, job: int, after: int, limit: int) -> list[JobFailure]:
    """Return failures behind a position, in order."""
    found = connection.execute(
        "SELECT position, place, id, code, message FROM job_failures"
        " WHERE job = ? AND position > ? ORDER BY position LIMIT ?",
        (job, after, limit),
    )
    return [JobFailure(*values) for values in found]


def remove(connection: Connection, job: int) -> None:
    """Remove a job with its failures."""
    connection.execute("DELETE FROM job_failures WHERE job = ?", (job,))
    connection.execute("DELETE FROM jobs WHERE job = ?", (job,))


def fail_all(connection: Connection, gallery: int) -> None:
    """End the jobs of a gallery that is deleted."""
    connection.execute(
        "UPDATE jobs SET state = 'failed', ended_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'),"  # noqa: S608 - our own words
        " reason = printf('gallery_unknown: gallery ''%s'' was deleted', name)"
        f" WHERE gallery = ? AND state IN {UNFINISHED}",
        (gallery,),
    )
