"""Records linked over REST: lists and galleries, every field told, nothing lost."""

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.key_file import add_key
from service.keys import Keys
from tests.builders import calling, running
from tests.fakes import FakeCrops, FakeEncoder, row_of
from tests.unit.service.test_api import error_of, play
from tests.unit.service.test_pictures_api import post
from tests.unit.service.test_records_api import picture, pooled

NAMES = [{"name": "name", "encoder": "fake"}]
LEFT = [{"name": "Acme"}, {"name": "Zeta"}, {"name": None}, {"name": "Nobody"}]
RIGHT = [{"name": "Zeta"}, {"name": "Acme"}, {"name": "Acme"}]


def asked(**more: Any) -> dict[str, Any]:
    return {"left": LEFT, "right": RIGHT, "fields": NAMES, "threshold": 0.9} | more


def both() -> list[FakeEncoder]:
    return [FakeEncoder(), FakeCrops()]


def test_pairs_are_told_field_by_field_and_nobody_is_lost(tmp_path: Path) -> None:
    fields = [*NAMES, {"name": "born", "kind": "date", "weight": 3, "scale": 365}]
    left = [{"name": "Acme", "born": "1990-01-01"}, {"name": "Nobody"}, {"born": "soon"}]
    right = [{"name": "Acme", "born": "1991-01-01"}]

    async def scene(client: httpx.AsyncClient) -> None:
        body = asked(left=left, right=right, fields=fields, rerank=0, threshold=0.7)
        reply = await post(client, "/v1/link", body)
        (pair,) = reply["pairs"]
        assert (pair["left"], pair["right"], pair["shared"]) == (0, 0, 1.0)
        assert pair["score"] == pytest.approx((1 + 3 * 0.60653) / 4, abs=1e-5)
        assert pair["fields"] == [
            {
                "field": "name",
                "left": "Acme",
                "right": "Acme",
                "score": 1.0,
                "weight": 0.25,
                "contribution": 0.25,
            },
            {
                "field": "born",
                "left": "1990-01-01",
                "right": "1991-01-01",
                "score": pytest.approx(0.606531),
                "weight": 0.75,
                "contribution": pytest.approx(0.454898),
            },
        ]
        assert pair["reason"] == "born .61, name 1.00"
        assert [one["left"] for one in reply["unmatched"]] == [1, 2]
        assert reply["unmatched"][1]["reason"] == "no match: nothing to compare by"
        assert reply["failed"] == [
            {"side": "left", "position": 2, "field": "born", "message": "'soon' is no date"}
        ]

    play(tmp_path, scene, encoders=both(), link_records_max=3)


def test_one_to_one_and_one_to_many(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        def pairs(reply: Any) -> list[tuple[int, int]]:
            return [(one["left"], one["right"]) for one in reply["pairs"]]

        assert pairs(await post(client, "/v1/link", asked())) == [(0, 1), (1, 0)]
        twice = [*LEFT, {"name": "Acme"}]
        found = await post(client, "/v1/link", asked(left=twice, one_to_one=True))
        assert pairs(found) == [(0, 1), (1, 0), (4, 2)]
        found = await post(client, "/v1/link", asked(one_to_many=True))
        assert pairs(found) == [(0, 1), (0, 2), (1, 0)]
        error = await post(client, "/v1/link", asked(one_to_one=True, one_to_many=True), 422)
        assert error["param"] == "one_to_many"

    play(tmp_path, scene, encoders=both())


def test_a_picture_is_pooled_with_its_name_by_the_encoder_of_one_space(tmp_path: Path) -> None:
    fields = [*NAMES, {"name": "scan", "kind": "image", "encoder": "crops", "of": "name"}]

    async def scene(client: httpx.AsyncClient) -> None:
        left = [{"name": "Dufour", "scan": picture("Dufour seen")}, {"scan": "%%"}]
        right = [{"name": "Dufour"}, {"scan": picture("Dufour seen")}]
        body = asked(left=left, right=right, fields=fields, threshold=-1, rerank=0, k=2)
        reply = await post(client, "/v1/link", body)
        (pair,) = reply["pairs"]
        z = pooled((1, "Dufour"), (1, "Dufour seen"))
        scores = [float(z @ row_of(one, 8)) for one in ("Dufour", "Dufour seen")]
        assert pair["score"] == pytest.approx(max(scores), abs=1e-6)
        assert sum(one["contribution"] for one in pair["fields"]) == pytest.approx(
            pair["score"], abs=1e-5
        )
        (failed,) = reply["failed"]
        assert (failed["position"], failed["field"]) == (1, "scan")
        fields[1]["encoder"] = "nobody"
        error = await post(client, "/v1/link", body, 422)
        assert (error["code"], error["param"]) == ("schema_invalid", "fields")
        assert "no model 'nobody'" in error["message"]

    play(tmp_path, scene, encoders=both())


def test_a_gallery_is_a_side_by_its_name(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        await client.put("/v1/galleries/firms", json={"model": "fake"})
        exemplars = [
            {"id": "a", "label": "Acme", "item": "Acme"},
            {"id": "z", "item": {"record": {"name": "Zeta", "image": picture("Zeta")}}},
            {"id": "v", "item": {"vector": row_of("Nobody", 8).tolist()}},
        ]
        await post(client, "/v1/galleries/firms/exemplars", {"exemplars": exemplars})
        body = {"left": LEFT, "right": "firms", "threshold": 0.9}
        reply = await post(client, "/v1/link", body)
        told = [(one["left"], one["right"], round(one["score"], 3)) for one in reply["pairs"]]
        assert told == [(0, "a", 1.0), (1, "z", 1.0), (3, "v", 1.0)]
        assert [one["fields"][0]["right"] for one in reply["pairs"]] == ["Acme", "Zeta", None]
        assert [one["left"] for one in reply["unmatched"]] == [2]

        scan = [{"name": "Zeta", "scan": picture("Zeta")}]
        fields = [{"name": "name"}, {"name": "scan", "kind": "image"}]
        reply = await post(client, "/v1/link", body | {"left": scan, "fields": fields})
        (pair,) = reply["pairs"]
        assert [one["score"] for one in pair["fields"]] == pytest.approx([1.0, 1.0], abs=1e-5)

        reply = await post(client, "/v1/link", body | {"left": "firms", "right": RIGHT})
        assert [(one["left"], one["right"]) for one in reply["pairs"]] == [("a", 1), ("z", 0)]
        reply = await post(client, "/v1/link", body | {"left": "firms"})
        assert [(one["left"], one["right"]) for one in reply["pairs"]] == [
            ("a", "a"),
            ("z", "z"),
            ("v", "v"),
        ]
        number = [{"name": "n", "kind": "number"}]
        error = await post(client, "/v1/link", body | {"left": [{"n": 1}], "fields": number}, 422)
        assert "a gallery holds nothing" in error["message"]
        await client.put("/v1/galleries/made", json={"space": "made", "dim": 3})
        error = await post(client, "/v1/link", body | {"right": "made"}, 409)
        assert error["code"] == "space_mismatch"
        error = await post(client, "/v1/link", body | {"right": "nothing"}, 404)
        assert error["code"] == "gallery_unknown"

    play(tmp_path, scene, encoders=both())


@pytest.mark.parametrize(
    ("more", "param", "words"),
    [
        ({"left": []}, "left", "0 records"),
        ({"right": [{}] * 5}, "right", "SEMBLANCE_LINK_RECORDS_MAX"),
        ({"fields": None, "left": [{str(n): 1 for n in range(65)}]}, "left", "different fields"),
        ({"fields": [{"name": "x"}]}, "fields", "'x': the column is empty in left"),
        ({"right": [{"name": None}]}, "fields", "'name': the column is empty in right"),
        ({"fields": [{"name": "name", "kind": "x"}]}, "fields[0]", "kind is 'x'"),
        ({"fields": None, "left": [{"a": 1}], "right": [{"b": 1}]}, "fields", "share no column"),
        ({"k": 2000}, "k", "SEMBLANCE_HITS_MAX"),
        ({"k": 0}, "k", "greater than"),
        ({"rerank": 2}, "rerank", "less than"),
        ({"left": 5}, "left", "list|string"),
    ],
)
def test_what_is_asked_and_means_nothing_is_refused_by_name(
    more: dict[str, Any], param: str, words: str, tmp_path: Path
) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        error = await post(client, "/v1/link", asked(**more), 422)
        assert str(error["param"]).startswith(param), error
        assert re.search(words, error["message"]), error

    play(tmp_path, scene, encoders=both(), link_records_max=4)


def test_bad_records_are_told_and_count_as_missing(tmp_path: Path) -> None:
    left = [{"name": "Acme"}, "Acme", {"name": {"text": "a"}}, {"name": "x" * 200}, {"name": "nan"}]

    async def scene(client: httpx.AsyncClient) -> None:
        reply = await post(client, "/v1/link", asked(left=left))
        assert [(one["position"], one["field"]) for one in reply["failed"]] == [
            (1, None),
            (2, "name"),
            (3, "name"),
            (4, "name"),
        ]
        assert "SEMBLANCE_CELL_CHARACTERS_MAX" in reply["failed"][2]["message"]
        assert [one["left"] for one in reply["pairs"]] == [0]
        assert [one["left"] for one in reply["unmatched"]] == [1, 2, 3, 4]

    play(tmp_path, scene, encoders=both(), cell_characters_max=100)


def test_galleries_are_for_keys_that_may_search_them(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    token = add_key(file, "one", scopes=["embed"], galleries=["mine"])
    both_token = add_key(file, "two", scopes=["embed", "search"], galleries=["mine"])

    async def played() -> None:
        with running(tmp_path, both(), keys=Keys(file)) as parts:
            async with calling(parts) as client:
                for given, right, status in (
                    (token, RIGHT, 200),
                    (token, "mine", 403),
                    (both_token, "others", 403),
                    (both_token, "mine", 404),
                ):
                    headers = {"authorization": f"Bearer {given}"}
                    body = asked(right=right)
                    reply = await client.post("/v1/link", json=body, headers=headers)
                    assert reply.status_code == status, reply.text
                    if status > 200:
                        error_of(reply)

    asyncio.run(played())
