"""Short ways to what many tests need: running parts, and a client of them."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx

from index.galleries import Galleries
from service.app import create_app
from service.embedder import Embedder
from service.enroller import Enroller
from service.keys import Keys
from service.lane import Lane
from service.metrics import Metrics
from service.parts import Parts
from service.ports import Encoder
from service.searcher import Searcher
from service.settings import Settings
from tests.fakes import FakeEncoder


@contextmanager
def running(
    folder: Path,
    encoders: Sequence[Encoder] | None = None,
    keys: Keys | None = None,
    **settings: Any,
) -> Iterator[Parts]:
    """Run the service's parts on a folder, with fake encoders by default."""
    made = Settings(data_dir=folder, samples=False, **settings)
    galleries = Galleries.open(folder, filter_depth_max=made.filter_depth_max)
    metrics = Metrics()
    lanes = {
        encoder.name: Lane(
            encoder,
            metrics,
            batch_items_max=made.batch_items_max,
            batch_cost_max=made.batch_cost_max,
            pass_cost=made.pass_cost,
            queue_seconds_max=made.queue_seconds_max,
        )
        for encoder in encoders or [FakeEncoder()]
    }
    embedder = Embedder(lanes)

    def close() -> None:
        for lane in lanes.values():
            lane.close(2.0)
        galleries.close()

    enroller = Enroller(
        embedder, item_bytes_max=made.item_bytes_max, payload_bytes_max=made.payload_bytes_max
    )
    parts = Parts(
        made,
        galleries,
        embedder,
        enroller,
        Searcher(embedder, item_bytes_max=made.item_bytes_max, bulk_at_once=2),
        metrics,
        keys,
        close,
    )
    try:
        yield parts
    finally:
        close()


@asynccontextmanager
async def calling(parts: Parts) -> AsyncIterator[httpx.AsyncClient]:
    """Call the application of these parts."""
    transport = httpx.ASGITransport(create_app(parts), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
