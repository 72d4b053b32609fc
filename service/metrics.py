"""Every Prometheus series of the service, named once."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The series of one running service, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "semblance_requests",
            "Answered requests.",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "semblance_stage_seconds",
            "Seconds a request spent in a stage.",
            ["stage"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._batch_items = Histogram(
            "semblance_batch_items",
            "Items of one forward pass.",
            ["model"],
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
            registry=self.registry,
        )
        self._batch_seconds = Histogram(
            "semblance_forward_seconds",
            "Seconds of one forward pass.",
            ["model"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._cost = Counter(
            "semblance_cost",
            "Tokens, pixels or samples embedded, and those that were padding.",
            ["model", "kind"],
            registry=self.registry,
        )
        self._queue_cost = Gauge(
            "semblance_queue_cost",
            "Tokens, pixels or samples that wait.",
            ["model"],
            registry=self.registry,
        )
        self._encode_failed = Counter(
            "semblance_encode_failed",
            "Items whose own forward pass failed.",
            ["model"],
            registry=self.registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self.stage("total", seconds)

    def stage(self, stage: str, seconds: float) -> None:
        """Record how long one stage of a request took."""
        self._seconds.labels(stage).observe(seconds)

    def batch(self, model: str, items: int, cost: int, padded: int, seconds: float) -> None:
        """Record one forward pass."""
        self._batch_items.labels(model).observe(items)
        self._batch_seconds.labels(model).observe(seconds)
        self._cost.labels(model, "real").inc(cost)
        self._cost.labels(model, "padding").inc(padded - cost)

    def queue_cost(self, model: str, cost: int) -> None:
        """Say how much waits for an encoder."""
        self._queue_cost.labels(model).set(cost)

    def encode_failed(self, model: str) -> None:
        """Count an item whose own forward pass failed."""
        self._encode_failed.labels(model).inc()

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self.registry)
