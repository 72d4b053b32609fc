"""Imports: a file becomes a job, which can be followed, paused, resumed and cancelled."""

from dataclasses import asdict
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import Path, Query, Request, Response

from index.job_rows import UNFINISHED, Job
from index.jobs import unknown
from service.access import sees
from service.asking import Asking
from service.errors import ContentUnsupported
from service.imports.files import SETTING
from service.parts import AskingOf, Parts, PartsOf
from service.queries import Space, check_space
from service.replies import Json
from service.reply_schemas import JobDeletedReply, JobFailuresReply, JobOut, JobsReply
from service.routing import gallery_of, needs, new_router
from service.source import Columns, suffixes
from service.spool import check_declared

router = new_router("jobs")
PATH = "/v1/jobs/{job}"
FAILURES_SHOWN = 10  # with the job itself; the others page by page
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]
Column = Annotated[str, Query(min_length=1, max_length=200)]
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            media: {"schema": {"type": "string", "format": "binary"}} for media in suffixes()
        },
    }
}


@router.post(
    "/v1/galleries/{gallery}/import",
    summary="Import a file",
    dependencies=[needs("write")],
    status_code=202,
    responses={202: {"model": JobOut}},
    openapi_extra=BODY,
)
async def take(
    gallery: str,
    request: Request,
    parts: PartsOf,
    asking: AskingOf,
    id_column: Column = "id",
    label_column: Column = "label",
    text_column: Column = "text",
    vector_column: Column = "vector",
    image_column: Column = "image",
    reads_column: Column = "reads",
    audio_column: Column = "audio",
    name_column: Column | None = None,
    space: str | None = None,
) -> Response:
    """Take a file of exemplars in: the body itself, JSON Lines, CSV, TSV or Parquet.

    When the reply arrives the file is on disk, and its job goes on whatever happens.
    """
    found = gallery_of(parts, asking, gallery)
    check_space(space, Space(found.space, found.dim, found.name))
    media = request.headers.get("content-type", "").split(";")[0].strip().lower()
    suffix = suffixes().get(media)
    if suffix is None:
        raise ContentUnsupported(
            f"content-type {media[:100] or 'missing'!r} is not read here; send "
            f"{', '.join(suffixes())}"
        )
    check_declared(request.headers, parts.settings.import_bytes_max, SETTING)
    columns = Columns(
        id_column,
        label_column,
        text_column,
        vector_column,
        image_column,
        reads_column,
        audio_column,
        name_column,
    )
    job = await parts.imports.take(found, request.stream(), suffix, columns, asking.caller)
    return Json(rendered(job), status_code=202)


@router.get(
    "/v1/jobs",
    summary="All jobs",
    dependencies=[needs("write")],
    responses={200: {"model": JobsReply}},
)
async def list_jobs(parts: PartsOf, asking: AskingOf) -> Response:
    """List the jobs of the galleries that the key is for, the oldest first."""
    jobs = await run_sync(parts.galleries.jobs.all)
    return Json({"jobs": [rendered(job) for job in jobs if sees(asking.key, job.name)]})


@router.get(
    PATH, summary="A job", dependencies=[needs("write")], responses={200: {"model": JobOut}}
)
async def show(job: Number, parts: PartsOf, asking: AskingOf) -> Response:
    """Show how far a job is, and the first of its failures."""
    found = await job_of(parts, asking, job)
    failures = await run_sync(
        lambda: parts.galleries.jobs.failures(job, after=-1, limit=FAILURES_SHOWN)
    )
    complaint = parts.imports.complaint_of(job)
    return Json(rendered(found, complaint) | {"failures": [asdict(one) for one in failures]})


@router.get(
    PATH + "/failures",
    summary="A job's failures",
    dependencies=[needs("write")],
    responses={200: {"model": JobFailuresReply}},
)
async def failures(
    job: Number,
    parts: PartsOf,
    asking: AskingOf,
    after: Annotated[int, Query(ge=-1, le=2**63 - 1)] = -1,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Response:
    """List the rows that were not enrolled, in order; pass ``next`` as ``after`` to go on."""
    await job_of(parts, asking, job)
    found = await run_sync(lambda: parts.galleries.jobs.failures(job, after=after, limit=limit + 1))
    following = found[limit - 1].position if len(found) > limit else None
    return Json({"failures": [asdict(one) for one in found[:limit]], "next": following})


@router.post(
    PATH + "/pause",
    summary="Pause a job",
    dependencies=[needs("write")],
    responses={200: {"model": JobOut}},
)
async def pause(job: Number, parts: PartsOf, asking: AskingOf) -> Response:
    """Pause a job: when the reply arrives, nothing more of it is written."""
    await job_of(parts, asking, job)
    return Json(rendered(await parts.imports.pause(job)))


@router.post(
    PATH + "/resume",
    summary="Resume a job",
    dependencies=[needs("write")],
    responses={200: {"model": JobOut}},
)
async def resume(job: Number, parts: PartsOf, asking: AskingOf) -> Response:
    """Let a paused job go on at the row where it stood, when its turn comes."""
    await job_of(parts, asking, job)
    return Json(rendered(await parts.imports.resume(job)))


@router.delete(
    PATH,
    summary="Cancel a job, or forget it",
    dependencies=[needs("write")],
    responses={200: {"model": JobDeletedReply}},
)
async def delete(job: Number, parts: PartsOf, asking: AskingOf) -> Response:
    """Cancel a job, whose exemplars of so far stay; one that has ended is forgotten."""
    standing = await job_of(parts, asking, job)
    left = await parts.imports.delete(job)
    return Json({"job": job, "state": left.state, "forgotten": standing.state not in UNFINISHED})


async def job_of(parts: Parts, asking: Asking, job: int) -> Job:
    """Return a job, where the key is for its gallery; to others there is none.

    Raises:
        JobUnknown.
    """
    found = await run_sync(parts.galleries.jobs.get, job)
    if not sees(asking.key, found.name):
        raise unknown(job)
    return found


def rendered(job: Job, complaint: str | None = None) -> dict[str, Any]:
    """Render a job, its rate and the time that is left at the rate of so far."""
    fast = job.seconds > 0 and job.done > 0
    left = job.seconds * (job.total - job.done) / job.done if fast else None
    return {
        "job": job.job,
        "gallery": job.name,
        "state": job.state,
        "reason": job.reason or complaint,
        "rows": job.rows,
        "enrolled": job.enrolled,
        "unchanged": job.unchanged,
        "truncated": job.truncated,
        "failed": job.failed,
        "done": job.done,
        "total": job.total,
        "rows_per_second": round(job.rows / job.seconds, 1) if fast else None,
        "seconds_left": None if left is None or job.state not in UNFINISHED else round(left, 1),
        "created_at": job.created_at,
        "ended_at": job.ended_at,
    }
