"""Short ways to imports, for the tests of them."""

import asyncio
import base64
import io
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet

from tests.pace import PACE
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
        async with asyncio.timeout(20 * PACE):
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
        async with asyncio.timeout(5 * PACE):
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
