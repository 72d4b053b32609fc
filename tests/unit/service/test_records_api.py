"""Records as items, over REST: pooled of parts that two encoders of one space embed."""

import base64
import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.fakes import FakeCrops, FakeEncoder, row_of
from tests.unit.service.test_api import play
from tests.unit.service.test_pictures_api import post

DIM = 8


def picture(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def pooled(*parts: tuple[float, str]) -> Any:
    row = sum(weight * row_of(text, DIM).astype(np.float64) for weight, text in parts)
    return row / np.linalg.norm(row)


def both() -> list[FakeEncoder]:
    return [FakeEncoder(), FakeCrops()]


async def rows(client: httpx.AsyncClient, *items: Any, model: str = "fake") -> Any:
    reply = await post(client, "/v1/embeddings", {"model": model, "input": list(items)})
    return np.array([one["embedding"] for one in reply["data"]]), reply["usage"]


def test_a_record_is_the_weighted_sum_of_the_parts_that_it_has(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        name, image = "Dufour jeune", picture("scan of Dufour")
        made, usage = await rows(
            client,
            {"record": {"name": name, "image": image}},
            {"record": {"name": name, "image": image}, "weights": {"name": 0.3, "image": 0.7}},
            {"record": {"name": name, "image": None}, "weights": {"name": 0.3, "image": 0.7}},
            {"record": {"name": "", "image": {"image": image}}},
            {"record": {"title": {"text": name}, "scan": {"image": image}}},
            {"image": image},
        )
        half = pooled((1, name), (1, "scan of Dufour"))
        wanted = [
            half,
            pooled((0.3, name), (0.7, "scan of Dufour")),
            row_of(name, DIM),
            row_of("scan of Dufour", DIM),
            half,
            row_of("scan of Dufour", DIM),
        ]
        np.testing.assert_allclose(made, wanted, atol=1e-6)
        # Of two names of two words four times, and pictures of three "pixels" five times.
        assert usage == {"prompt_tokens": 8, "total_tokens": 8, "pixels": 15}
        shown = (await client.get("/v1/models")).json()["data"]
        assert {one["id"]: one["space"] for one in shown} == {
            "fake": "fake-space",
            "crops": "fake-space",
        }

    play(tmp_path, scene, encoders=both())


@pytest.mark.parametrize(
    ("item", "code", "words"),
    [
        ({"record": {}}, "item_empty", "no field of the record"),
        ({"record": {"name": None, "image": ""}}, "item_empty", "no field of the record"),
        ({"record": []}, "item_undecodable", "not an object"),
        ({"record": {"name": "a"}, "text": "b"}, "item_undecodable", "exactly one of"),
        ({"record": {"name": "a"}, "more": 1}, "item_undecodable", "no field 'more'"),
        ({"record": {"nam": "a"}}, "item_undecodable", "record field 'nam': it is no item"),
        ({"record": {"name": 5}}, "item_undecodable", "record field 'name': .*a number"),
        ({"record": {"image": "%%"}}, "item_undecodable", "record field 'image': "),
        ({"record": {"name": "poison"}}, "encode_failed", "record field 'name': "),
        ({"record": {"name": "a", "b": {"vector": [1.0]}}}, "item_undecodable", "field 'b': "),
        ({"record": {"name": "a"}, "weights": {"nme": 1}}, "item_undecodable", "names 'nme'"),
        ({"record": {"name": "a"}, "weights": {"name": -1}}, "item_undecodable", "0 to 1e6"),
        ({"record": {"name": "a"}, "weights": {"name": "x"}}, "item_undecodable", "no number"),
        ({"record": {"name": "a"}, "weights": {"name": 0}}, "item_empty", "with a weight"),
        ({"record": {str(n): {"text": "a"} for n in range(17)}}, "item_undecodable", "limit is 16"),
        ({"record": {"audio": picture("a")}}, "modality_unsupported", "record field 'audio': "),
    ],
)
def test_a_bad_part_is_told_by_the_item_and_its_field(
    item: Any, code: str, words: str, tmp_path: Path
) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        body = {"model": "fake", "input": [{"text": "good"}, item]}
        status = {"item_empty": 400, "modality_unsupported": 415, "encode_failed": 500}
        error = await post(client, "/v1/embeddings", body, status.get(code, 422))
        assert (error["code"], error["param"]) == (code, "input[1]")
        assert re.search(words, error["message"]), error["message"]

    play(tmp_path, scene, encoders=both())


def test_records_are_enrolled_searched_identified_and_verified(tmp_path: Path) -> None:
    dufour = {"record": {"name": "Dufour", "image": picture("Dufour seen")}}

    async def scene(client: httpx.AsyncClient) -> None:
        await client.put("/v1/galleries/firms", json={"model": "fake"})
        exemplars = [
            {"id": "1", "label": "Dufour", "item": {"text": "Dufour"}},
            {"id": "2", "label": "Dulay", "item": dufour},
            {"id": "3", "label": "bad", "item": {"record": {"name": "a", "image": "%"}}},
            {"id": "4", "label": "seen", "item": {"image": picture("Dufour seen")}},
        ]
        reply = await post(client, "/v1/galleries/firms/exemplars", {"exemplars": exemplars})
        assert reply["enrolled"] == 3
        (failed,) = reply["failed"]
        assert (failed["position"], failed["code"]) == (2, "item_undecodable")
        assert failed["message"].startswith("record field 'image': ")
        kept = (await client.get("/v1/galleries/firms/exemplars/2")).json()
        assert kept["item"] == dufour

        body = {"queries": [dufour, {"image": picture("Dufour seen")}, "Dufour"], "k": 1}
        found = (await post(client, "/v1/galleries/firms/search", body))["results"]
        assert [one["hits"][0]["id"] for one in found] == ["2", "4", "1"]
        assert [one["hits"][0]["score"] for one in found] == pytest.approx([1, 1, 1], abs=1e-6)

        asked = {"query": dufour, "threshold": 0.9}
        (result,) = (await post(client, "/v1/galleries/firms/identify", asked))["results"]
        assert (result["verdict"], result["label"]) == ("match", "Dulay")

        error = await post(client, "/v1/galleries/firms/scan", {"item": dufour}, 415)
        assert "a record has no regions" in error["message"]

        pair = {"model": "fake", "pairs": [[dufour, "Dufour"]]}
        (result,) = (await post(client, "/v1/verify", pair))["results"]
        z = pooled((1, "Dufour"), (1, "Dufour seen"))
        assert result["score"] == pytest.approx(float(z @ row_of("Dufour", DIM)), abs=1e-6)

    play(tmp_path, scene, encoders=both())


def test_without_an_encoder_of_pictures_in_that_space_a_picture_is_refused(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        for item in ({"image": picture("a")}, {"record": {"image": picture("a")}}):
            body = {"model": "fake", "input": item}
            error = await post(client, "/v1/embeddings", body, 415)
            assert error["code"] == "modality_unsupported"

    play(tmp_path, scene, encoders=[FakeEncoder()])
    play(tmp_path, scene, encoders=[FakeEncoder(), FakeCrops(space="another-space")])


def test_parts_are_remembered_each_for_itself(tmp_path: Path) -> None:
    encoders = both()

    async def scene(client: httpx.AsyncClient) -> None:
        record = {"record": {"name": "Dufour", "image": picture("Dufour")}}
        await rows(client, record, record, "Dufour")
        await rows(client, {"image": picture("Dufour")}, model="crops")
        # Each text, and each picture, was embedded once; a picture is not taken for its text.
        assert [one.batches for one in encoders] == [[["Dufour"]], [["Dufour"]]]

    play(tmp_path, scene, encoders=encoders)
