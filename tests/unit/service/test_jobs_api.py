"""Jobs over REST: stopped, held up, refused, and what they leave."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from index.errors import StoreUnavailable
from index.gallery import Gallery
from service.enroller import Enroller
from service.imports import runner
from service.problems import RETRY_AFTER_SECONDS
from tests.builders import until
from tests.fakes import FakeEncoder
from tests.importing import (
    NDJSON,
    TEXTS,
    VECTORS,
    Calls,
    lines,
    packed,
    with_calls,
)
from tests.pace import PACE
from tests.unit.service.test_api import error_of


def test_a_paused_job_writes_no_more_and_goes_on_where_it_stood(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    content = lines(*({"id": str(n), "text": f"text {n}"} for n in range(3000)))

    async def scene(calls: Calls) -> None:
        number = (await calls.send(content))["job"]
        while not (await calls.job(number))["rows"]:
            await asyncio.sleep(0.001)
        encoder.gate.clear()
        waiting = await calls.send(lines({"id": "x", "text": "another"}))
        assert (await calls.job(waiting["job"]))["state"] == "waiting"
        paused = await calls.call("POST", f"/v1/jobs/{number}/pause")
        assert (paused["state"], 0 < paused["rows"] < 3000) == ("paused", True)
        encoder.gate.set()
        await calls.reaches(waiting["job"], "done")  # it does not wait for what is paused
        job = await calls.job(number)
        assert (job["state"], job["rows"]) == ("paused", paused["rows"])
        count = (await calls.call("GET", "/v1/galleries/g"))["count"]
        assert count == 1 + paused["enrolled"]
        resumed = await calls.call("POST", f"/v1/jobs/{number}/resume")
        assert resumed["state"] in ("waiting", "running")
        done = await calls.reaches(number, "done")
        assert (done["enrolled"], done["unchanged"], done["rows"]) == (3000, 0, 3000)
        for word in ("pause", "resume"):
            error = await calls.call("POST", f"/v1/jobs/{number}/{word}", status=409)
            assert error["code"] == "job_ended"

    with_calls(tmp_path, scene, TEXTS, encoders=[encoder])


def test_a_cancelled_job_leaves_what_it_wrote_and_nothing_else(tmp_path: Path) -> None:
    encoder = FakeEncoder()

    async def scene(calls: Calls) -> None:
        first = await calls.imported(lines({"id": "a", "text": "first"}))
        encoder.gate.clear()
        number = (await calls.send(lines({"id": "b", "text": "second"})))["job"]
        await until(lambda: encoder.inside)
        reply = await calls.call("DELETE", f"/v1/jobs/{number}")
        assert reply == {"job": number, "state": "cancelled", "forgotten": False}
        encoder.gate.set()
        await calls.swept()
        assert (await calls.job(number))["state"] == "cancelled"
        assert [row["id"] for row in await calls.exemplars()] == ["a"]
        reply = await calls.call("DELETE", f"/v1/jobs/{number}")
        assert reply == {"job": number, "state": "cancelled", "forgotten": True}
        assert (await calls.call("GET", f"/v1/jobs/{number}", status=404))["code"] == "job_unknown"
        listed = (await calls.call("GET", "/v1/jobs"))["jobs"]
        assert [job["job"] for job in listed] == [first["job"]]

    with_calls(tmp_path, scene, TEXTS, encoders=[encoder])


def test_a_job_fails_with_its_gallery(tmp_path: Path) -> None:
    encoder = FakeEncoder()

    async def scene(calls: Calls) -> None:
        encoder.gate.clear()
        content = lines({"id": "a", "text": "text"})
        numbers = [(await calls.send(content))["job"] for _ in range(2)]
        await until(lambda: encoder.inside)
        await calls.call("POST", f"/v1/jobs/{numbers[1]}/pause")
        await calls.call("DELETE", "/v1/galleries/g")
        encoder.gate.set()
        for number in numbers:
            job = await calls.job(number)
            reason = "gallery_unknown: gallery 'g' was deleted"
            assert (job["state"], job["reason"]) == ("failed", reason)
        await calls.swept()
        await calls.call("PUT", "/v1/galleries/g", TEXTS, status=201)
        assert (await calls.imported(content))["state"] == "done", "and the next one runs"

    with_calls(tmp_path, scene, TEXTS, encoders=[encoder])


def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    encoder = FakeEncoder()

    async def scene(calls: Calls) -> None:
        encoder.gate.clear()
        texts = [f"{n} words that fill the queue for a while" for n in range(64)]
        body = {"model": "fake", "input": texts}
        filling = asyncio.create_task(calls.call("POST", "/v1/embeddings", body))
        await until(lambda: encoder.inside)
        number = (await calls.send(lines({"id": "a", "text": "text"})))["job"]
        async with asyncio.timeout(5 * PACE):
            while not ((job := await calls.job(number))["reason"] or "").startswith("overloaded"):
                await asyncio.sleep(0.01)
        assert job["state"] == "running"
        encoder.gate.set()
        await filling
        done = await calls.reaches(number, "done")
        assert (done["enrolled"], done["reason"]) == (1, None)

    with_calls(tmp_path, scene, TEXTS, encoders=[encoder], bulk_queue_seconds_max=0.001)


def test_a_disk_that_refuses_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [StoreUnavailable("the disk is full")] * 3
    write = Gallery.enrol

    def enrol(gallery: Gallery, exemplars: Any, note: Any = None) -> int:
        if refusals:
            raise refusals.pop()
        return write(gallery, exemplars, note)

    monkeypatch.setattr(Gallery, "enrol", enrol)
    monkeypatch.setitem(RETRY_AFTER_SECONDS, StoreUnavailable, 0)
    monkeypatch.setattr(runner, "PATIENCE_SECONDS", 0.01)

    async def scene(calls: Calls) -> None:
        job = await calls.imported(lines({"id": "a", "vector": packed(VECTORS[0])}))
        assert (job["state"], job["enrolled"], refusals) == ("done", 1, [])

    with_calls(tmp_path, scene)


def test_a_bug_fails_its_job_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def ready(*_: Any) -> Any:
        raise RuntimeError("a secret")

    async def scene(calls: Calls) -> None:
        content = lines({"id": "a", "vector": packed(VECTORS[0])})
        with monkeypatch.context() as broken:
            broken.setattr(Enroller, "ready", ready)
            job = await calls.imported(content)
        assert (job["state"], job["reason"]) == ("failed", "internal: the log has the reason")
        assert "a secret" in caplog.text
        assert (await calls.imported(content))["state"] == "done"

    with_calls(tmp_path, scene)


def test_what_is_refused_at_once_leaves_no_file(tmp_path: Path) -> None:
    async def scene(calls: Calls) -> None:
        for media in ("application/json", "", "text/plain"):
            error = await calls.send(b"{}", media, status=415)
            assert error["code"] == "content_unsupported"
        error = await calls.send(b"{}", status=409, space="another")
        assert error["code"] == "space_mismatch"
        error = await calls.send(b"x" * 2000, status=413)
        assert error["code"] == "body_too_large"

        async def undeclared() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * 100

        error = await calls.send(undeclared(), status=413)
        assert (error["code"], "SEMBLANCE_IMPORT_BYTES_MAX" in error["message"]) == (
            "body_too_large",
            True,
        )
        assert (await calls.call("GET", "/v1/jobs")) == {"jobs": []}
        await calls.swept()
        reply = await calls.client.post("/v1/galleries/no/import", headers={"content-type": NDJSON})
        assert error_of(reply)["code"] == "gallery_unknown"

    with_calls(tmp_path, scene, import_bytes_max=1024)


def test_jobs_are_bounded_and_ended_ones_make_room(tmp_path: Path) -> None:
    encoder = FakeEncoder()

    async def scene(calls: Calls) -> None:
        content = lines({"id": "a", "text": "text"})
        first = await calls.imported(content)
        encoder.gate.clear()
        changed = content.replace(b"text", b"text", 1).replace(b'"text"}', b'"other"}')
        numbers = [(await calls.send(changed))["job"] for _ in range(2)]
        error = await calls.send(content, status=503)
        assert (error["code"], "2 jobs" in error["message"]) == ("jobs_full", True)
        error = await calls.call("GET", f"/v1/jobs/{first['job']}", status=404)
        assert error["code"] == "job_unknown", "the oldest that had ended made room"
        encoder.gate.set()
        for number in numbers:
            await calls.reaches(number, "done")
        assert (await calls.imported(content))["state"] == "done"

    with_calls(tmp_path, scene, TEXTS, encoders=[encoder], jobs_max=2)
