"""Over HTTP: what is found again is told as if it had been embedded, and counted."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.assembly import open_redis
from service.metrics import Metrics
from service.settings import Settings, SettingsInvalid
from tests.builders import calling, running
from tests.fakes import FakeEncoder

BODY = {"model": "fake", "input": ["two words", "long " * 20, "two words"]}


async def embed(client: httpx.AsyncClient) -> tuple[dict[str, Any], str]:
    reply = await client.post("/v1/embeddings", json=BODY)
    assert reply.status_code == 200, reply.text
    return reply.json(), reply.headers["server-timing"]


def test_a_hit_is_told_as_it_was_made_and_takes_no_forward_pass(tmp_path: Path) -> None:
    async def scene() -> None:
        encoder = FakeEncoder()
        with running(tmp_path, [encoder]) as parts:
            async with calling(parts) as client:
                made, took = await embed(client)
                assert "forward" in took
                found, took = await embed(client)
                assert "forward" not in took
                assert found == made
                assert found["usage"]["prompt_tokens"] == 2 + 16 + 2
                assert found["truncated"] == [1]
                series = (await client.get("/metrics")).text
        assert sum(map(len, encoder.batches)) == 2
        for line in (
            'semblance_cache_hits_total{tier="process"} 3.0',
            'semblance_cache_misses_total{tier="process"} 2.0',
            'semblance_cache_evictions_total{tier="process"} 0.0',
            'semblance_cache_errors_total{tier="redis"} 0.0',
            "semblance_cache_shared_total 1.0",
            f"semblance_cache_bytes {2 * (8 * 4 + 512)}.0",
            "semblance_redis_away 0.0",
        ):
            assert line in series

    asyncio.run(scene())


def test_no_bytes_is_no_caching(tmp_path: Path) -> None:
    async def scene() -> None:
        encoder = FakeEncoder()
        with running(tmp_path, [encoder], cache_bytes_max=0) as parts:
            async with calling(parts) as client:
                for _ in range(2):
                    assert "forward" in (await embed(client))[1]
        assert sum(map(len, encoder.batches)) == 6

    asyncio.run(scene())


def test_an_enrolment_fills_it_and_a_search_uses_it_by_role(tmp_path: Path) -> None:
    async def scene() -> None:
        encoder = FakeEncoder()
        with running(tmp_path, [encoder]) as parts:
            async with calling(parts) as client:
                for name in ("one", "two"):
                    await client.put(f"/v1/galleries/{name}", json={"model": "fake"})
                    exemplars = [{"id": str(n), "item": f"text {n}"} for n in range(100)]
                    exemplars.append({"id": "empty", "item": " "})
                    reply = await client.post(
                        f"/v1/galleries/{name}/exemplars", json={"exemplars": exemplars}
                    )
                    assert reply.json()["enrolled"] == 100
                    assert [one["position"] for one in reply.json()["failed"]] == [100]
                assert sum(map(len, encoder.batches)) == 100
                for _ in range(2):
                    reply = await client.post(
                        "/v1/galleries/one/search", json={"query": "text 7", "k": 1}
                    )
                    assert reply.json()["results"][0]["hits"][0]["id"] == "7"
                # A query may have another prompt than a document: it was embedded once more.
                assert sum(map(len, encoder.batches)) == 101

    asyncio.run(scene())


def test_a_wrong_address_of_redis_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsInvalid, match=r"SEMBLANCE_REDIS_URL.*redis://"):
        open_redis(Settings(redis_url="localhost:6379"), Metrics())
