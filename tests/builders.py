"""Short ways to what many tests need: running parts, and a client of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from index.galleries import Galleries
from service.allowance import Allowance
from service.app import create_app
from service.assembly import open_recall, open_redis, open_remote
from service.batching import Batching
from service.embedder import Embedder
from service.enroller import Enroller
from service.errors import ModelUnknown
from service.imports.files import Files
from service.imports.runner import Imports
from service.keys import Keys
from service.lane import Lane
from service.listener import Listener
from service.long_items import Lengths
from service.metrics import Metrics
from service.parts import Parts
from service.ports import Encoder
from service.scanner import Scanner
from service.searcher import Searcher
from service.settings import Settings
from service.shelf import Shelf
from tests.fakes import FakeEncoder
from tests.pace import PACE


@contextmanager
def running(
    folder: Path,
    encoders: Sequence[Encoder] | None = None,
    keys: Keys | None = None,
    allowance: Allowance | None = None,
    **settings: Any,
) -> Iterator[Parts]:
    """Run the service's parts on a folder, with fake encoders by default."""
    made = Settings(data_dir=folder, samples=False, **settings)
    galleries = Galleries.open(
        folder,
        filter_depth_max=made.filter_depth_max,
        jobs_max=made.jobs_max,
        job_failures_max=made.job_failures_max,
    )
    metrics = Metrics()
    named = {encoder.name: encoder for encoder in encoders or [FakeEncoder()]}

    def open_lane(name: str) -> Lane:
        if name not in named:
            raise ModelUnknown(name)
        batching = Batching.of(made, on_gpu=False)
        return Lane(named[name], metrics, made, batching=batching)

    shelf = Shelf(open_lane, metrics, idle_seconds=made.model_idle_seconds)
    for name in named:
        shelf.add(open_lane(name))
    redis = open_redis(made, metrics)
    recall = open_recall(made, metrics, redis)
    remote = open_remote(made)
    embedder = Embedder(
        shelf,
        interactive_items_max=made.interactive_items_max,
        recall=recall,
        remote=remote,
        lengths=Lengths(made.sound_seconds_max, made.windows_max),
    )

    def close() -> None:
        shelf.close(2.0)
        galleries.close()

    async def leave() -> None:
        if remote is not None:
            await remote.close()
        if recall is not None:
            await recall.close()
        if redis is not None:
            await redis.close()

    enroller = Enroller(
        embedder, item_bytes_max=made.item_bytes_max, payload_bytes_max=made.payload_bytes_max
    )
    searcher = Searcher(embedder, item_bytes_max=made.item_bytes_max, bulk_at_once=2)
    parts = Parts(
        made,
        galleries,
        embedder,
        enroller,
        Imports(galleries, enroller, Files(folder, made.import_bytes_max)),
        searcher,
        Scanner(searcher, embedder, queue_seconds_max=made.queue_seconds_max),
        Listener(searcher, embedder),
        metrics,
        keys,
        close,
        leave,
        allowance=allowance,
    )
    try:
        yield parts
    finally:
        close()


@asynccontextmanager
async def calling(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """Call the application of these parts."""
    transport = httpx.ASGITransport(create_app(parts), raise_app_exceptions=False)
    try:
        async with (
            parts.imports.running(),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            yield client
    finally:
        await parts.leave()


async def until(true: Callable[[], bool]) -> None:
    """Wait for another thread, or process; in vain, half a minute at most."""
    async with asyncio.timeout(30 * PACE):
        while not true():
            await asyncio.sleep(0.001)
