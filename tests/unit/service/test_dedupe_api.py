"""Records deduplicated over REST: pairs and clusters, every field told, nothing lost."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes import FakeEncoder
from tests.unit.service.test_api import error_of, play
from tests.unit.service.test_pictures_api import post

NAMES = [{"name": "name", "encoder": "fake"}]
CITY = {"name": "city", "encoder": "fake"}
RECORDS = [{"name": "Acme"}, {"name": "Zeta"}, {"name": "ACME"}, {"name": None}, {"name": "Acme"}]


def asked(**more: Any) -> dict[str, Any]:
    return {"records": RECORDS, "fields": NAMES, "threshold": 0.9} | more


def test_clusters_tell_their_members_links_and_golden_record(tmp_path: Path) -> None:
    records = [
        {"name": "Acme", "city": "Oslo"},
        {"name": "Acme", "city": None},
        {"name": "Zeta", "city": "Rome"},
        {"name": "Acme", "city": "Oslo"},
    ]

    async def scene(client: httpx.AsyncClient) -> None:
        body = asked(records=records, fields=[*NAMES, CITY], threshold=0.7, golden=True)
        reply = await post(client, "/v1/dedupe", body)
        (one,) = reply["clusters"]
        assert one["members"] == [0, 1, 3]
        # A city that one of the two lacks counts half: (1 + .5) / 2.
        assert one["weakest"] == {"left": 0, "right": 1, "score": pytest.approx(0.75)}
        assert one["diameter"]["is_exact"]
        assert one["golden"] == {
            "name": {"value": "Acme", "from": 0, "votes": 3, "of": 3, "why": "only"},
            "city": {"value": "Oslo", "from": 0, "votes": 2, "of": 2, "why": "only"},
        }
        assert [(pair["left"], pair["right"]) for pair in reply["pairs"]] == [(0, 3), (0, 1)]
        for pair in reply["pairs"]:
            assert sum(one["contribution"] for one in pair["fields"]) == pytest.approx(
                pair["score"], abs=1e-5
            )
        assert reply["pairs"][1]["reason"] == "name 1.00; no city"
        assert reply["sizes"] == [{"members": 3, "clusters": 1}, {"members": 1, "clusters": 1}]
        assert reply["threshold"] == 0.7 and reply["expected"] is None

    play(tmp_path, scene, encoders=[FakeEncoder()])


def test_what_cannot_be_read_is_told_and_counts_as_missing(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        records = [
            "Acme",
            {"name": {"a": 1}},
            {"name": "Acme"},
            {"other": "Acme"},
            {"name": "Acme"},
        ]
        reply = await post(client, "/v1/dedupe", asked(records=records))
        assert [one["members"] for one in reply["clusters"]] == [[2, 4]]
        assert [(one["position"], one["field"]) for one in reply["failed"]] == [
            (0, None),
            (1, "name"),
        ]

    play(tmp_path, scene, encoders=[FakeEncoder()])


def test_few_records_are_cut_at_a_usual_threshold_which_is_told(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        records = [{"name": "Acme"}, {"name": "Zeta"}, {"name": "Acme"}]
        reply = await post(client, "/v1/dedupe", {"records": records, "model": "fake"})
        assert [one["members"] for one in reply["clusters"]] == [[0, 2]]
        assert (reply["threshold"], reply["expected"]) == (0.8, None)
        assert "give a threshold" in " ".join(reply["notes"])

    play(tmp_path, scene, encoders=[FakeEncoder()])


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ({"records": []}, "request_invalid", "send 1 to 6"),
        ({"records": [{"name": "a"}] * 7}, "request_invalid", "SEMBLANCE_LINK_RECORDS_MAX"),
        ({"k": 60}, "reply_too_large", "SEMBLANCE_REPLY_HITS_MAX"),
        ({"linkage": "complete"}, "request_invalid", "linkage"),
        ({"fields": [{"name": "name", "encoder": "no"}]}, "schema_invalid", "no"),
        ({"fields": []}, "schema_invalid", "one at least"),
        ({"members_max": 0}, "request_invalid", "members_max"),
        ({"false_match_rate": 1}, "request_invalid", "false_match_rate"),
        ({"records": 3}, "request_invalid", "records"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    tmp_path: Path, more: dict[str, Any], code: str, words: str
) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        reply = await client.post("/v1/dedupe", json=asked(**more))
        error = error_of(reply)
        assert reply.status_code == 422 and error["code"] == code, error
        assert words in error["message"] + str(error["param"])

    play(tmp_path, scene, encoders=[FakeEncoder()], link_records_max=6, reply_hits_max=200)


def test_nothing_to_compare_makes_no_clusters(tmp_path: Path) -> None:
    async def scene(client: httpx.AsyncClient) -> None:
        body = asked(records=[{"name": None}, {"name": "Acme"}], threshold=None)
        reply = await post(client, "/v1/dedupe", body)
        assert reply["clusters"] == [] and reply["pairs"] == []

    play(tmp_path, scene, encoders=[FakeEncoder()])
