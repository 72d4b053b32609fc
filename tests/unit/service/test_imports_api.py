"""Imports over REST: files become exemplars, bad rows are named, an export makes the same again."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.fakes import FakeEncoder, row_of
from tests.importing import (
    DIM,
    NDJSON,
    PARQUET,
    TEXTS,
    VECTORS,
    Calls,
    lines,
    packed,
    parquet,
    with_calls,
)


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
        (lines({"id": "k", "item": {"record": "AAAA"}}), "item_undecodable", "k"),
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
