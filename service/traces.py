"""Traces: a span of each request to an OpenTelemetry collector; the one door to opentelemetry.

A request's span is made when the request has ended, out of what its log line says too: traces
cannot hold a request up, and a request that is not sampled costs next to nothing. Spans are sent
from a thread of their own, in batches; what a dead collector does not take is dropped.
"""

import logging
import threading
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from service.answered import Answered
from service.settings import SettingsInvalid

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger("semblance.traces")
SPANS_QUEUED_MAX = 4096
EXPORT_SECONDS_MAX = 5.0
CLOSE_SECONDS_MAX = 2.0
COMPLAINT_SECONDS = 60.0  # one line so often tells of a collector that takes nothing


class Traces:
    """Sends spans to a collector, by OTLP over HTTP.

    Args:
        url: the collector; `/v1/traces` is added where it has no path.

    Raises:
        SettingsInvalid: OpenTelemetry is not installed, or the URL is none.
    """

    def __init__(self, url: str) -> None:
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter,
            )
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
            from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
            from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        except ImportError as error:
            raise SettingsInvalid(
                "SEMBLANCE_OTLP_URL is set, and OpenTelemetry is not installed: "
                "`pip install 'semblance[otel]'`, or unset it"
            ) from error
        # The library logs every failure of every batch; we say it once a minute.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        exporter = OTLPSpanExporter(endpoint=endpoint_of(url), timeout=EXPORT_SECONDS_MAX)
        complaining: Any = _complaining(exporter, url)
        processor = BatchSpanProcessor(
            complaining, max_queue_size=SPANS_QUEUED_MAX, schedule_delay_millis=1000
        )
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": "semblance"}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("semblance")

    def record(self, told: Answered, headers: Mapping[str, str]) -> None:
        """Make the span of a request that has just ended, under the caller's `traceparent`.

        The lengths of its stages are measured, their places are not: they are laid one after
        another, from the request's beginning on.
        """
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415
            TraceContextTextMapPropagator,
        )
        from opentelemetry.trace.status import StatusCode  # noqa: PLC0415

        end = time.time_ns()
        start = end - int(told.seconds * 1e9)
        carrier = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        span = self._tracer.start_span(
            f"{told.method} {told.route}",
            context=TraceContextTextMapPropagator().extract(carrier),
            kind=SpanKind.SERVER,
            attributes=_attributes(told),
            start_time=start,
        )
        if span.is_recording():
            within = set_span_in_context(span)
            at = start
            for stage, seconds in told.stages.items():
                child = self._tracer.start_span(stage, context=within, start_time=at)
                at = min(end, at + int(seconds * 1e9))
                child.end(at)
            if told.status >= 500:
                span.set_status(StatusCode.ERROR)
        span.end(end)

    def close(self) -> None:
        """Send what waits, for two seconds at most."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS_MAX)


def endpoint_of(url: str) -> str:
    """Complete the address of a collector.

    >>> endpoint_of("http://localhost:4318")
    'http://localhost:4318/v1/traces'

    Raises:
        SettingsInvalid: it is no address of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise SettingsInvalid(
            f"SEMBLANCE_OTLP_URL is {url!r}; it is an address as http://localhost:4318"
        )
    return url if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1/traces"


def _attributes(told: Answered) -> dict[str, str | int]:
    """Name what is known of a request by OpenTelemetry's conventions for HTTP."""
    attributes: dict[str, str | int] = {
        "http.request.method": told.method,
        "http.route": told.route,
        "http.response.status_code": told.status,
        "http.request.body.size": told.bytes_in,
        "http.response.body.size": told.bytes_out,
        "url.path": told.path,
        "url.scheme": "http",
        "semblance.request_id": told.request_id,
        "semblance.key": told.key,
    }
    if told.client is not None:
        attributes["client.address"] = told.client
    return attributes


def _complaining(exporter: "SpanExporter", url: str) -> "SpanExporter":
    """Wrap an exporter so that its failures are told, and seldom."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult  # noqa: PLC0415

    class Complaining(SpanExporter):
        def __init__(self) -> None:
            self._silent_until = 0.0
            self._lost = 0

        def export(self, spans: Any) -> SpanExportResult:
            result = exporter.export(spans)
            if result is not SpanExportResult.SUCCESS:
                self._lost += len(spans)
                if time.monotonic() >= self._silent_until:
                    log.warning("the collector at %s took none of %d spans", url, self._lost)
                    self._silent_until = time.monotonic() + COMPLAINT_SECONDS
                    self._lost = 0
            return result

        def shutdown(self) -> None:
            exporter.shutdown()

        def force_flush(self, timeout_millis: int = 30000) -> bool:
            return exporter.force_flush(timeout_millis)

    return Complaining()
