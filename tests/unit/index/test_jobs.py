"""Jobs in the store: what a batch adds is written with its rows, once, or not at all."""

from pathlib import Path

import numpy as np
import pytest

from index.errors import GalleryUnknown, JobEnded, JobsFull, JobStopped, JobUnknown
from index.exemplar import Exemplar
from index.galleries import Galleries
from index.gallery import Gallery
from index.job_rows import Advance, Job, JobFailure
from index.jobs import Jobs

DIM = 4


def made(folder: Path, **bounds: int) -> tuple[Galleries, Gallery, Jobs]:
    galleries = Galleries.open(folder, **bounds)
    gallery, _ = galleries.create("g", space="s", dim=DIM)
    return galleries, gallery, galleries.jobs


def job_of(gallery: Gallery, jobs: Jobs) -> Job:
    return jobs.create(gallery, caller="me", source="file", columns="{}")


def batch(behind: int, failed: int = 0) -> tuple[list[Exemplar], Advance]:
    """Two rows behind so many, and what they add to a job."""
    row = np.eye(DIM, dtype=np.float32)[0]
    failures = tuple(JobFailure(behind + n, "line", None, "code", "why") for n in range(failed))
    advance = Advance(behind, behind + 2 + failed, behind + 2, 9, 2, 1, 1, 0.5, failures)
    return [Exemplar(f"{behind}-{n}", row) for n in range(2)], advance


def test_rows_and_progress_are_one_write(tmp_path: Path) -> None:
    galleries, gallery, jobs = made(tmp_path)
    job = job_of(gallery, jobs)
    assert (job.state, jobs.next()) == ("waiting", job)
    jobs.begin(job.job)
    exemplars, advance = batch(0, failed=1)
    gallery.enrol(exemplars, jobs.advancing(job.job, advance))
    gallery.enrol([], jobs.advancing(job.job, batch(3)[1]))
    galleries.close()
    galleries, gallery, jobs = made(tmp_path)
    standing = jobs.get(job.job)
    assert (standing.state, standing.rows, standing.done, standing.total) == ("running", 5, 5, 9)
    assert (standing.enrolled, standing.unchanged, standing.truncated) == (4, 2, 2)
    assert (standing.failed, standing.seconds, gallery.count) == (1, 1.0, 2)
    assert [one.position for one in jobs.failures(job.job, after=-1, limit=9)] == [0]
    assert jobs.next() == standing, "it ran when the process ended: it goes on"
    galleries.close()


@pytest.mark.parametrize("what", ["again", "ahead", "paused", "cancelled", "ended", "forgotten"])
def test_a_batch_that_is_not_due_is_not_written(tmp_path: Path, what: str) -> None:
    galleries, gallery, jobs = made(tmp_path)
    job = job_of(gallery, jobs).job
    jobs.begin(job)
    exemplars, advance = batch(0)
    note = jobs.advancing(job, advance)
    gallery.enrol(exemplars, note)
    due = batch(2)
    if what == "again":
        due = exemplars, advance
    elif what == "ahead":
        due = batch(4)
    elif what == "paused":
        jobs.pause(job)
    elif what == "cancelled":
        jobs.delete(job)
    elif what == "ended":
        jobs.end(job, "done")
    else:
        jobs.delete(job)
        jobs.delete(job)
    seq = gallery.seq
    with pytest.raises(JobStopped):
        gallery.enrol(due[0], jobs.advancing(job, due[1]))
    assert (gallery.seq, gallery.count) == (seq, 2)
    if what != "forgotten":
        assert (jobs.get(job).rows, jobs.get(job).enrolled) == (2, 2)
    galleries.close()


def test_rows_that_are_refused_take_their_progress_with_them(tmp_path: Path) -> None:
    galleries = Galleries.open(tmp_path, rows_max=3)
    gallery, _ = galleries.create("g", space="s", dim=DIM)
    jobs = galleries.jobs
    job = job_of(gallery, jobs).job
    jobs.begin(job)
    exemplars, advance = batch(0)
    gallery.enrol(exemplars, jobs.advancing(job, advance))
    exemplars, advance = batch(2)
    with pytest.raises(Exception, match="would hold 4"):
        gallery.enrol(exemplars, jobs.advancing(job, advance))
    assert jobs.get(job).rows == 2
    galleries.close()


def test_a_job_ends_once(tmp_path: Path) -> None:
    galleries, gallery, jobs = made(tmp_path)
    first, second = job_of(gallery, jobs).job, job_of(gallery, jobs).job
    jobs.pause(first)
    assert (jobs.next() or first).job == second
    assert jobs.resume(first).state == "waiting"
    jobs.begin(first)
    assert jobs.resume(first).state == "running", "what is not paused stays what it is"
    jobs.end(first, "failed", "why")
    jobs.end(first, "done")
    assert (jobs.get(first).state, jobs.get(first).reason) == ("failed", "why")
    assert jobs.get(first).ended_at is not None
    for refused in (jobs.pause, jobs.resume):
        with pytest.raises(JobEnded, match="failed"):
            refused(first)
    with pytest.raises(JobStopped):
        jobs.begin(first)
    assert jobs.delete(first).state == "failed"
    for unknown in (jobs.get, jobs.pause, jobs.resume, jobs.delete):
        with pytest.raises(JobUnknown):
            unknown(first)
    galleries.close()


def test_jobs_and_their_failures_are_bounded(tmp_path: Path) -> None:
    galleries, gallery, jobs = made(tmp_path, jobs_max=2, job_failures_max=3)
    first, second = job_of(gallery, jobs).job, job_of(gallery, jobs).job
    for refused in (jobs.check_room, lambda: job_of(gallery, jobs)):
        with pytest.raises(JobsFull, match="2 jobs wait"):
            refused()
    jobs.begin(first)
    for behind in (0, 4):
        gallery.enrol([], jobs.advancing(first, batch(behind, failed=2)[1]))
    assert jobs.get(first).failed == 4
    kept = jobs.failures(first, after=-1, limit=9)
    assert [one.position for one in kept] == [0, 1, 4]
    assert jobs.failures(first, after=0, limit=1) == kept[1:2]
    jobs.end(first, "done")
    third = job_of(gallery, jobs).job
    assert [one.job for one in jobs.all()] == [second, third]
    assert jobs.failures(first, after=-1, limit=9) == []
    galleries.close()


def test_jobs_end_with_their_gallery(tmp_path: Path) -> None:
    galleries, gallery, jobs = made(tmp_path)
    other, _ = galleries.create("other", space="s", dim=DIM)
    job, kept = job_of(gallery, jobs).job, job_of(other, jobs).job
    jobs.begin(job)
    galleries.delete("g")
    standing = jobs.get(job)
    assert (standing.state, standing.reason) == (
        "failed",
        "gallery_unknown: gallery 'g' was deleted",
    )
    assert str(standing.ended_at)[:10] == standing.created_at[:10]
    assert len(str(standing.ended_at)) == len(standing.created_at)
    assert jobs.get(kept).state == "waiting"
    with pytest.raises(GalleryUnknown):
        job_of(gallery, jobs)
    assert galleries.numbered(gallery.number) is None
    assert galleries.numbered(other.number) is other
    galleries.close()
