"""Every Prometheus series of the service, named once, and there from the start."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

STAGES = ("decode", "queue", "forward", "finish", "search", "write", "total")
TIERS = ("process", "redis")
DROPPED = ("gone", "late")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1)


@dataclass(frozen=True, slots=True)
class GalleryRows:
    """How many rows a gallery has, how many its index lacks, what is found and should be."""

    name: str
    rows: int
    delta: int
    recall: float
    recall_target: float


class CountsGalleries(Protocol):
    """Tells the size of every gallery, whenever somebody looks."""

    def __call__(self) -> Iterable[GalleryRows]:
        """Count."""
        ...


class Metrics:
    """The series of one running service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = self._counter(
            "requests", "Answered requests.", ["method", "route", "status"]
        )
        self._refused = self._counter("refused", "Requests refused for load.", ["code"])
        self._seconds = self._histogram(
            "stage_seconds", "Seconds a request spent in a stage.", ["stage"]
        )
        self._forward_seconds = self._histogram(
            "forward_seconds", "Seconds of one forward pass.", ["model"]
        )
        self._batch_items = self._histogram(
            "batch_items", "Items of one forward pass.", ["model"], (1, 2, 4, 8, 16, 32, 64, 128)
        )
        self._batch_fill = self._histogram(
            "batch_fill_ratio", "Share of a pass's room that is filled.", ["model"], _SHARES
        )
        self._padding = self._histogram(
            "padding_ratio", "Share of a pass's cost that is padding.", ["model"], _SHARES
        )
        self._cost = self._counter(
            "cost", "Tokens, pixels or samples embedded, and padding.", ["model", "kind"]
        )
        self._queue_cost = self._gauge(
            "queue_cost", "Tokens, pixels or samples that wait.", ["model"]
        )
        self._queue_seconds = self._gauge(
            "queue_seconds", "Predicted seconds until what waits is embedded.", ["model"]
        )
        self._interactive_seconds = self._gauge(
            "interactive_queue_seconds",
            "Predicted seconds that an interactive call waits.",
            ["model"],
        )
        self._cost_rate = self._gauge(
            "cost_per_second", "Tokens, pixels or samples embedded a second under load.", ["model"]
        )
        self._dropped = self._counter(
            "dropped", "Items dropped before their forward pass.", ["model", "reason"]
        )
        self._encode_failed = self._counter(
            "encode_failed", "Items whose own forward pass failed.", ["model"]
        )
        self._restarts = self._counter(
            "lane_restarts", "Times the thread of an encoder died.", ["model"]
        )
        self._loaded = self._gauge("model_loaded", "Whether an encoder is in memory.", ["model"])
        self._cache_hits = self._counter("cache_hits", "Embeddings found.", ["tier"])
        self._cache_misses = self._counter("cache_misses", "Embeddings not found.", ["tier"])
        self._cache_errors = self._counter("cache_errors", "Failures of a tier.", ["tier"])
        self._cache_evictions = self._counter("cache_evictions", "Entries given up.", ["tier"])
        self._cache_shared = self._counter(
            "cache_shared", "Items that waited for an equal one instead of being embedded.", []
        )
        self._cache_bytes = self._gauge("cache_bytes", "Bytes kept in process.", [])
        self._redis_away = self._gauge(
            "redis_away", "Whether Redis is left alone after a failure.", []
        )
        self._bodies = self._gauge("bodies_bytes", "Bytes of request bodies in memory.", [])
        self._connections = self._gauge("connections", "Open connections.", [])
        # To find a series by its labels takes longer than to count: those of a request are kept.
        self._stages = {stage: self._seconds.labels(stage) for stage in STAGES}
        self._answered: dict[tuple[str, str, int], Counter] = {}
        looked_up = (self._cache_hits, self._cache_misses, self._cache_errors)
        self._tiers = {tier: [series.labels(tier) for series in looked_up] for tier in TIERS}
        self._cache_evictions.labels("process")

    def _counter(self, name: str, words: str, labels: list[str]) -> Counter:
        return Counter(f"semblance_{name}", words, labels, registry=self.registry)

    def _gauge(self, name: str, words: str, labels: list[str]) -> Gauge:
        return Gauge(f"semblance_{name}", words, labels, registry=self.registry)

    def _histogram(
        self, name: str, words: str, labels: list[str], buckets: tuple[float, ...] = _SECONDS
    ) -> Histogram:
        return Histogram(
            f"semblance_{name}", words, labels, buckets=buckets, registry=self.registry
        )

    def model(self, model: str, *, loaded: bool) -> None:
        """Begin every series of an encoder, and say whether it is in memory."""
        for series in (
            self._forward_seconds, self._batch_items, self._batch_fill, self._padding,
            self._queue_cost, self._queue_seconds, self._interactive_seconds, self._cost_rate,
            self._encode_failed, self._restarts,
        ):  # fmt: skip
            series.labels(model)
        for kind in ("real", "padding"):
            self._cost.labels(model, kind)
        for reason in DROPPED:
            self._dropped.labels(model, reason)
        self._loaded.labels(model).set(loaded)

    def galleries(self, counts: CountsGalleries) -> None:
        """Show the size of every gallery, counted whenever the series are read."""
        self.registry.register(_Galleries(counts))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        series = self._answered.get((method, route, status))
        if series is None:
            series = self._requests.labels(method, route, str(status))
            self._answered[method, route, status] = series
        series.inc()
        self.stage("total", seconds)

    def refused(self, code: str) -> None:
        """Count a request that was refused for load."""
        self._refused.labels(code).inc()

    def stage(self, stage: str, seconds: float) -> None:
        """Record how long one stage of a request took."""
        self._stages[stage].observe(seconds)

    def batch(
        self, model: str, *, items: int, fill: float, cost: int, padded: int, seconds: float
    ) -> None:
        """Record one forward pass."""
        self._batch_items.labels(model).observe(items)
        self._batch_fill.labels(model).observe(fill)
        self._padding.labels(model).observe((padded - cost) / padded)
        self._forward_seconds.labels(model).observe(seconds)
        self._cost.labels(model, "real").inc(cost)
        self._cost.labels(model, "padding").inc(padded - cost)

    def queue(
        self, model: str, *, cost: int, seconds: float, interactive_seconds: float, rate: float
    ) -> None:
        """Say how much waits for an encoder, for how long, and how fast it drains."""
        self._queue_cost.labels(model).set(cost)
        self._queue_seconds.labels(model).set(seconds)
        self._interactive_seconds.labels(model).set(interactive_seconds)
        self._cost_rate.labels(model).set(rate)

    def dropped(self, model: str, reason: str, items: int) -> None:
        """Count items that left the queue without a forward pass."""
        self._dropped.labels(model, reason).inc(items)

    def encode_failed(self, model: str) -> None:
        """Count an item whose own forward pass failed."""
        self._encode_failed.labels(model).inc()

    def lane_restart(self, model: str) -> None:
        """Count a death of an encoder's thread."""
        self._restarts.labels(model).inc()

    def cache(self, tier: str, *, hits: int = 0, misses: int = 0, errors: int = 0) -> None:
        """Count what one tier of the cache found, and where it failed."""
        for series, count in zip(self._tiers[tier], (hits, misses, errors), strict=True):
            series.inc(count)

    def cache_size(self, size_bytes: int, *, evicted: int = 0) -> None:
        """Say what the cache in process holds, and what it gave up for it."""
        self._cache_bytes.set(size_bytes)
        self._cache_evictions.labels("process").inc(evicted)

    def cache_shared(self, items: int) -> None:
        """Count items that were not embedded because an equal one was about to be."""
        self._cache_shared.inc(items)

    def redis_away(self, away: bool) -> None:
        """Say whether Redis is left alone."""
        self._redis_away.set(away)

    def bodies(self, size_bytes: int) -> None:
        """Say how many bytes of bodies are in memory."""
        self._bodies.set(size_bytes)

    def connections(self, count: int) -> None:
        """Say how many connections are open."""
        self._connections.set(count)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)


class _Galleries(Collector):
    def __init__(self, counts: CountsGalleries) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily(
            "semblance_gallery_rows", "Exemplars of a gallery.", labels=["gallery"]
        )
        delta = GaugeMetricFamily(
            "semblance_gallery_delta_rows",
            "Exemplars of a gallery that its index does not hold yet.",
            labels=["gallery"],
        )
        recall = GaugeMetricFamily(
            "semblance_gallery_recall",
            "Share of the true best that searches of late found.",
            labels=["gallery"],
        )
        target = GaugeMetricFamily(
            "semblance_gallery_recall_target",
            "Share of the true best that a gallery was made to find.",
            labels=["gallery"],
        )
        for gallery in self._counts():
            rows.add_metric([gallery.name], gallery.rows)
            delta.add_metric([gallery.name], gallery.delta)
            recall.add_metric([gallery.name], gallery.recall)
            target.add_metric([gallery.name], gallery.recall_target)
        yield rows
        yield from (delta, recall, target)
