"""Imports over REST: files become exemplars, bad rows are named, jobs are stopped and go on."""

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet
import pytest

from index.errors import StoreUnavailable
from index.gallery import Gallery
from service.enroller import Enroller
from service.imports import runner
from service.problems import RETRY_AFTER_SECONDS
from tests.builders import until
from tests.fakes import FakeEncoder, row_of
from tests.unit.service.test_api import error_of, play

NDJSON, PARQUET = "application/x-ndjson", "application/vnd.apache.parquet"
DIM = 8
VECTORS = np.random.default_rng(0).standard_normal((5, DIM)).astype(np.float32)


class Calls:
    """Short ways to the calls about one gallery, `g`, and the jobs into it."""

    def __init__(self, client: httpx.AsyncClient, folder: Path) -> None:
        self.client, self.spool = client, folder / "imports"

    async def send(
        self, content: Any, media: str = NDJSON, status: int = 202, **params: str
    ) -> dict[str, Any]:
        headers = {"content-type": media}
        reply = await self.client.post(
            "/v1/galleries/g/import", content=content, headers=headers, params=params
        )
        assert reply.status_code == status, reply.text
        answer: dict[str, Any] = error_of(reply) if status >= 400 else reply.json()
        return answer

    async def call(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        reply = await self.client.request(method, path, json=body)
        assert reply.status_code == status, reply.text
        return error_of(reply) if status >= 400 else reply.json()

    async def job(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = await self.call("GET", f"/v1/jobs/{number}")
        return found

    async def reaches(self, number: int, *states: str) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while (job := await self.job(number))["state"] not in states:
                await asyncio.sleep(0.01)
        return job

    async def imported(self, content: Any, media: str = NDJSON, **params: str) -> dict[str, Any]:
        job = await self.send(content, media, **params)
        return await self.reaches(job["job"], "done", "failed")

    async def exemplars(self, gallery: str = "g") -> list[dict[str, Any]]:
        page = await self.call("GET", f"/v1/galleries/{gallery}/exemplars?limit=1000")
        return [{k: v for k, v in row.items() if k != "seq"} for row in page["exemplars"]]

    async def swept(self) -> None:
        async with asyncio.timeout(5):
            while any(self.spool.glob("*")):
                await asyncio.sleep(0.01)


def with_calls(
    folder: Path,
    scene: Callable[[Calls], Awaitable[None]],
    gallery: dict[str, Any] | None = None,
    **settings: Any,
) -> None:
    """Play a scene on a gallery `g` for vectors made elsewhere, or another."""

    async def played(client: httpx.AsyncClient) -> None:
        body = gallery or {"space": "s", "dim": DIM}
        (await client.put("/v1/galleries/g", json=body)).raise_for_status()
        await scene(Calls(client, folder))

    play(folder, played, **settings)


TEXTS = {"model": "fake"}


def lines(*rows: Any) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)


def packed(row: Any) -> str:
    return base64.b64encode(row.tobytes()).decode()


def parquet(rows: list[dict[str, Any]], schema: Any = None) -> bytes:
    out = io.BytesIO()
    pyarrow.parquet.write_table(pa.Table.from_pylist(rows, schema=schema), out)
    return out.getvalue()


def tables() -> dict[str, tuple[bytes, str]]:
    """The same five rows in every form that vectors have."""
    rows = [{"id": f"r{n}", "label": f"L{n % 2}", "year": f"195{n}"} for n in range(len(VECTORS))]

    def having(vector: Callable[[Any], Any]) -> list[dict[str, Any]]:
        return [row | {"vector": vector(v)} for row, v in zip(rows, VECTORS, strict=True)]

    def typed(vector: Any) -> Any:
        texts = [(name, pa.string()) for name in ("id", "label", "year")]
        return pa.schema([*texts, ("vector", vector)])

    listed = having(lambda v: v.tolist())
    cells = [f'{r["id"]},{r["label"]},{r["year"]},"{r["vector"]}"' for r in listed]
    csv = "\n".join(["id,label,year,vector", *cells]).encode()
    return {
        "base64": (lines(*having(packed)), NDJSON),
        "numbers": (lines(*listed), "application/jsonl; charset=utf-8"),
        "csv": (csv, "text/csv"),
        "tsv": (csv.replace(b",", b"\t").replace(b"\t ", b", "), "text/tab-separated-values"),
        "fixed": (parquet(listed, typed(pa.list_(pa.float32(), DIM))), PARQUET),
        "list": (parquet(listed, typed(pa.list_(pa.float32()))), PARQUET),
        "large": (parquet(listed, typed(pa.large_list(pa.float64()))), PARQUET),
    }


@pytest.mark.parametrize("form", tables())
def test_each_form_gives_what_enrolment_gives(tmp_path: Path, form: str) -> None:
    content, media = tables()[form]

    async def scene(calls: Calls) -> None:
        job = await calls.imported(content, media)
        assert (job["state"], job["enrolled"], job["failed"]) == ("done", 5, 0)
        assert (job["rows"], job["done"], job["seconds_left"]) == (5, job["total"], None)
        await calls.call("PUT", "/v1/galleries/h", {"space": "s", "dim": DIM}, status=201)
        sent = [
            {
                "id": f"r{n}",
                "label": f"L{n % 2}",
                "payload": {"year": f"195{n}"},
                "item": {"vector": packed(v)},
            }
            for n, v in enumerate(VECTORS)
        ]
        body = {"exemplars": sent}
        await calls.call("POST", "/v1/galleries/h/exemplars", body)
        assert await calls.exemplars("g") == await calls.exemplars("h")
        again = await calls.call("POST", "/v1/galleries/g/exemplars", body)
        assert again["unchanged"] == 5, "an import and a call say the same by the same digest"
        one = (await calls.call("GET", "/v1/galleries/g/exemplars/r3?vector=true"))["vector"]
        np.testing.assert_allclose(one, VECTORS[3] / np.linalg.norm(VECTORS[3]), atol=1e-7)
        await calls.swept()

    with_calls(tmp_path, scene)


def test_bad_rows_are_named_and_the_good_ones_stand(tmp_path: Path) -> None:
    good = {"id": "good", "vector": VECTORS[0].tolist()}
    bad: list[tuple[bytes, str, str | None]] = [
        (b"no json\n", "exemplar_invalid", None),
        (b"[1]\n", "exemplar_invalid", None),
        (lines({"id": "a"}), "exemplar_invalid", None),
        (lines({"id": "b", "vector": [1, 2]}), "rows_invalid", "b"),
        (lines({"id": "c", "vector": [0] * DIM}), "rows_invalid", "c"),
        (lines({"id": "d", "vector": [1e39] * DIM}), "rows_invalid", "d"),
        (lines({"id": "e", "vector": "%%%"}), "item_undecodable", "e"),
        (lines({"id": "f", "vector": {"x": 1}}), "item_undecodable", "f"),
        (lines({"id": "f2", "vector": 7}), "item_undecodable", "f2"),
        (lines({"id": "f3", "vector": []}), "item_undecodable", "f3"),
        (lines({"id": "f4", "vector": [[1] * DIM]}), "item_undecodable", "f4"),
        (lines({"id": "f5", "item": {"vector": None}}), "item_undecodable", "f5"),
        (lines({"id": "f6", "item": {"vector": [1] * DIM, "x": 1}}), "item_undecodable", "f6"),
        (lines({"id": "g" * 513, "vector": [1] * DIM}), "rows_invalid", "g" * 513),
        (lines({"id": "h", "label": "", "vector": [1] * DIM}), "rows_invalid", "h"),
        (lines({"id": "i", "x": "y" * 70_000, "vector": [1] * DIM}), "item_too_large", "i"),
        (lines({"id": "good", "vector": [1] * DIM}), "id_repeated", "good"),
        (lines({"id": "j", "text": "x"}), "space_mismatch", "j"),
        (lines({"id": "k", "item": {"image": "AAAA"}}), "modality_unsupported", "k"),
    ]

    async def scene(calls: Calls) -> None:
        content = lines(good) + b"".join(row for row, _, _ in bad)
        content += lines({"id": "last", "vector": packed(VECTORS[1])})
        job = await calls.imported(content)
        assert (job["state"], job["enrolled"], job["failed"]) == ("done", 2, len(bad))
        assert len(job["failures"]) == 10, "the first ones"
        assert [row["id"] for row in await calls.exemplars()] == ["good", "last"]
        failures, after = [], -1
        while after is not None:
            path = f"/v1/jobs/{job['job']}/failures?limit=4&after={after}"
            page = await calls.call("GET", path)
            failures += page["failures"]
            after = page["next"]
        want = [(at, f"line {at + 1}", one, code) for at, (_, code, one) in enumerate(bad, start=1)]
        assert [(f["position"], f["place"], f["id"], f["code"]) for f in failures] == want
        assert all(f["message"] for f in failures)

    with_calls(tmp_path, scene)


def test_failures_are_listed_up_to_a_bound_and_counted_beyond(tmp_path: Path) -> None:
    async def scene(calls: Calls) -> None:
        job = await calls.imported(b"{\n" * 2500)
        assert (job["rows"], job["failed"], job["enrolled"]) == (2500, 2500, 0)
        page = await calls.call("GET", f"/v1/jobs/{job['job']}/failures?limit=1000")
        assert [one["position"] for one in page["failures"]] == list(range(7))
        assert page["next"] is None

    with_calls(tmp_path, scene, job_failures_max=7)


def test_sent_again_nothing_is_written_or_embedded(tmp_path: Path) -> None:
    encoder = FakeEncoder()
    content = lines(*({"id": str(n), "text": f"text {n}"} for n in range(600)))

    async def scene(calls: Calls) -> None:
        first = await calls.imported(content)
        assert (first["enrolled"], first["unchanged"]) == (600, 0)
        seq = (await calls.call("GET", "/v1/galleries/g"))["seq"]
        again = await calls.imported(content)
        assert (again["enrolled"], again["unchanged"], again["rows"]) == (0, 600, 600)
        state = await calls.call("GET", "/v1/galleries/g")
        assert (state["seq"], state["count"]) == (seq, 600)
        assert sum(map(len, encoder.batches)) == 600
        changed = content.replace(b"text 7", b"other", 1)
        third = await calls.imported(changed)
        assert (third["enrolled"], third["unchanged"]) == (1, 599)

    with_calls(tmp_path, scene, TEXTS, encoders=[encoder])


def test_texts_are_embedded_as_by_a_call_and_those_that_fail_are_named(tmp_path: Path) -> None:
    content = lines(
        {"id": "a", "text": "one text", "label": "A"},
        {"id": "b", "text": "poison"},
        {"id": "c", "text": " ".join(["long"] * 20)},
        {"id": "d", "text": ""},
    )

    async def scene(calls: Calls) -> None:
        job = await calls.imported(content)
        counts = [job[name] for name in ("enrolled", "truncated", "failed")]
        assert counts == [2, 1, 2]
        told = [(one["position"], one["place"], one["code"]) for one in job["failures"]]
        assert told == [(1, "line 2", "encode_failed"), (3, "line 4", "item_empty")]
        stored = await calls.call("GET", "/v1/galleries/g/exemplars/a?vector=true")
        assert (stored["item"], stored["label"]) == ({"text": "one text"}, "A")
        np.testing.assert_allclose(stored["vector"], row_of("one text", DIM), atol=1e-6)
        body = {"exemplars": [{"id": "a", "label": "A", "item": {"text": "one text"}}]}
        again = await calls.call("POST", "/v1/galleries/g/exemplars", body)
        assert again["unchanged"] == 1

    with_calls(tmp_path, scene, TEXTS)


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
        async with asyncio.timeout(5):
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


SPACED = pa.schema([("id", pa.string()), ("vector", pa.list_(pa.float32()))])


@pytest.mark.parametrize(
    ("content", "media", "said"),
    [
        (b"not parquet", PARQUET, "the file is not Parquet"),
        (b"", PARQUET, "the file is not Parquet"),
        (b"id,words\n1,x\n", "text/csv", "has no column 'text'"),
        (b"id,text,text\n", "text/csv", "two columns 'text'"),
        (
            parquet([], SPACED.with_metadata({"semblance.space": "another"})),
            PARQUET,
            "of space 'another', and the gallery holds space 's'",
        ),
    ],
)
def test_a_file_that_cannot_be_read_fails_with_the_reason(
    tmp_path: Path, content: bytes, media: str, said: str
) -> None:
    async def scene(calls: Calls) -> None:
        job = await calls.imported(content, media)
        assert job["state"] == "failed"
        assert job["reason"].startswith("source_invalid: ")
        assert said in job["reason"]
        assert str(tmp_path) not in job["reason"]
        await calls.swept()

    with_calls(tmp_path, scene)


def test_an_empty_file_is_done_at_once(tmp_path: Path) -> None:
    async def scene(calls: Calls) -> None:
        job = await calls.imported(b"")
        assert (job["state"], job["rows"], job["total"]) == ("done", 0, 0)

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


def test_columns_can_be_called_otherwise(tmp_path: Path) -> None:
    async def scene(calls: Calls) -> None:
        content = f"key,brand,numbers,x\n1,Acme,{packed(VECTORS[0])},y\n".encode()
        names = {"id_column": "key", "label_column": "brand", "vector_column": "numbers"}
        assert (await calls.imported(content, "text/csv", **names))["enrolled"] == 1
        (row,) = await calls.exemplars()
        assert (row["id"], row["label"], row["payload"]) == ("1", "Acme", {"x": "y"})

    with_calls(tmp_path, scene)


def test_an_item_beside_its_vector_is_kept_and_not_embedded(tmp_path: Path) -> None:
    encoder = FakeEncoder()

    async def scene(calls: Calls) -> None:
        row = {"id": "a", "item": {"text": "one"}, "vector": packed(VECTORS[0])}
        assert (await calls.imported(lines(row)))["enrolled"] == 1
        (stored,) = await calls.exemplars()
        assert (stored["item"], encoder.batches) == ({"text": "one"}, [])
        for other in ({"item": {"text": "two"}}, {"vector": packed(VECTORS[1])}):
            assert (await calls.imported(lines(row | other)))["enrolled"] == 1
        assert (await calls.imported(lines(row | other)))["unchanged"] == 1

    with_calls(tmp_path, scene, TEXTS, encoders=[encoder])


def test_an_export_is_the_gallery_and_makes_the_same_again(tmp_path: Path) -> None:
    async def scene(calls: Calls) -> None:
        body = {
            "exemplars": [
                {"id": "a", "label": "A", "item": "a text", "payload": {"n": [1, {"x": None}]}},
                {"id": "b", "item": {"vector": packed(VECTORS[0])}, "payload": {}},
                {"id": "c\n", "label": "ü", "item": {"vector": packed(VECTORS[1])}},
            ]
        }
        await calls.call("POST", "/v1/galleries/g/exemplars", body)
        reply = await calls.client.get("/v1/galleries/g/export")
        assert reply.headers["content-type"] == PARQUET
        table = pyarrow.parquet.read_table(io.BytesIO(reply.content))
        assert table.column_names == ["id", "label", "item", "payload", "vector"]
        assert table.column("item").to_pylist() == ['{"text":"a text"}', None, None]
        await calls.call("PUT", "/v1/galleries/h", TEXTS, status=201)
        sent = await calls.client.post(
            "/v1/galleries/h/import", content=reply.content, headers={"content-type": PARQUET}
        )
        job = await calls.reaches(sent.json()["job"], "done", "failed")
        assert (job["enrolled"], job["failed"]) == (3, 0)

        async def all_of(gallery: str) -> list[Any]:
            path = f"/v1/galleries/{gallery}/exemplars"
            ids = [quote(row["id"], safe="") for row in await calls.exemplars(gallery)]
            return [await calls.call("GET", f"{path}/{one}?vector=true") for one in ids]

        ours, theirs = await all_of("g"), await all_of("h")
        for one in ours + theirs:
            del one["seq"], one["digest"]  # what was said when, and by which file
        assert ours == theirs

    with_calls(tmp_path, scene, TEXTS)


def test_json_of_the_schema_is_what_is_sent(tmp_path: Path) -> None:
    async def scene(calls: Calls) -> None:
        schema = (await calls.client.get("/openapi.json")).json()
        body = schema["paths"]["/v1/galleries/{gallery}/import"]["post"]["requestBody"]
        assert {NDJSON, PARQUET, "text/csv"} <= set(body["content"])
        assert json.dumps(schema)

    with_calls(tmp_path, scene)
