"""Spans arrive at a collector as OTLP; a dead one costs nothing; unasked, nothing is imported."""

import gzip
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from service.settings import SettingsInvalid
from service.traces import Traces, endpoint_of
from tests.pace import PACE
from tests.server import Server
from tests.wire import until

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
BODY = {"model": "minilm", "input": "traced"}


class Collector(ThreadingHTTPServer):
    """As much of a collector as is needed: it decodes what it is sent, and keeps it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.paths: set[str] = set()
        super().__init__(("127.0.0.1", 0), Handler)

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]


class Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            raw = gzip.decompress(raw)
        sent = ExportTraceServiceRequest.FromString(raw)
        self.server.paths.add(self.path)
        for resource in sent.resource_spans:
            names = {one.key: one.value.string_value for one in resource.resource.attributes}
            assert names["service.name"] == "semblance"
            for scope in resource.scope_spans:
                self.server.spans += scope.spans
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        yield collector
        collector.shutdown()


def said_of(span: Any) -> dict[str, object]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


def test_a_request_is_a_span_under_its_caller_with_its_stages(
    tmp_path: Path, collector: Collector
) -> None:
    url = f"http://127.0.0.1:{collector.server_address[1]}"
    with Server(tmp_path, f"--otlp-url={url}") as server:
        headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "x-request-id": "mine"}
        httpx.post(f"{server.url}/v1/embeddings?secret=1", json=BODY, headers=headers)
        httpx.get(f"{server.url}/nowhere")
        unsampled = {"traceparent": f"00-{TRACE}-{PARENT}-00"}
        httpx.get(f"{server.url}/v1/models", headers=unsampled)
        sent_at = time.time_ns()
        assert server.stop() == 0  # what waits is sent before it ends
    assert collector.paths == {"/v1/traces"}
    (span,) = collector.named("POST /v1/embeddings")
    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.kind) == (TRACE, PARENT, 2)
    said = said_of(span)
    assert said["http.request.method"] == "POST"
    assert said["http.route"] == said["url.path"] == "/v1/embeddings"
    assert said["http.response.status_code"] == 200
    assert said["semblance.request_id"] == "mine"
    assert said["semblance.key"] == "anyone"
    assert "secret" not in str(span)
    stages = [one for one in collector.spans if one.parent_span_id == span.span_id]
    assert {"decode", "queue", "forward"} <= {one.name for one in stages}
    for one in stages:
        assert one.trace_id == span.trace_id
        assert span.start_time_unix_nano <= one.start_time_unix_nano
        assert one.end_time_unix_nano <= span.end_time_unix_nano < sent_at
    (lost,) = collector.named("GET unrouted")
    assert (said_of(lost)["http.response.status_code"], lost.parent_span_id) == (404, b"")
    assert collector.named("GET /v1/models") == []


def test_a_dead_collector_costs_one_line_now_and_then(tmp_path: Path) -> None:
    with Server(tmp_path, "--otlp-url=http://127.0.0.1:9") as server:
        with httpx.Client(base_url=server.url) as http:
            http.post("/v1/embeddings", json=BODY).raise_for_status()
            started = time.monotonic()
            for _ in range(100):
                assert http.get("/livez").status_code == 200
            assert time.monotonic() - started < 2 * PACE
        until(lambda: any("collector" in line for line in server.lines), 15, "it should say so")
        for _ in range(20):
            httpx.get(f"{server.url}/livez")
        started = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started < 5 * PACE
    complaints = [line for line in server.lines if '"level":"info"' not in line]
    assert len([line for line in complaints if "127.0.0.1:9" in line]) == 1
    assert not any("Traceback" in line for line in server.lines)


def test_without_a_collector_nothing_of_it_is_imported() -> None:
    program = (
        "import sys, service.assembly, service.app, service.connections\n"
        # FastAPI imports the API where it is there; what sends is imported by us alone.
        "ours = ('opentelemetry.sdk', 'opentelemetry.exporter')\n"
        "found = [name for name in sys.modules if name.startswith(ours)]\n"
        "sys.exit(' '.join(found) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")


def test_asked_for_and_not_installed_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SettingsInvalid, match=r"semblance\[otel\]"):
        Traces("http://localhost:4318")


@pytest.mark.parametrize("url", ["localhost:4318", "grpc://x", "http://", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="SEMBLANCE_OTLP_URL"):
        endpoint_of(url)
    assert endpoint_of("http://c:4318/own/path") == "http://c:4318/own/path"
