"""A real Prometheus reads the rules, scrapes a real service by its key, answers the dashboard.

Debian's package `prometheus` brings both programs; where they are missing this is skipped.
"""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from service.key_file import add_key
from tests.expressions import ALERTS, DEPLOY, SHOWN, WATCHED
from tests.pace import PACE
from tests.server import Server

CASES = Path(__file__).with_name("alert_cases.yml")
needs_promtool = pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
needs_prometheus = pytest.mark.skipif(not shutil.which("prometheus"), reason="no prometheus")
NOBODY_REFUSED = {"Refused a second, by code A"}  # its series begin with the first refusal


@needs_promtool
@pytest.mark.parametrize(
    "check",
    [
        ["check", "config", "--syntax-only", str(DEPLOY / "prometheus.yml")],
        ["check", "rules", "--lint-fatal", str(DEPLOY / "alerts.yml")],
        ["test", "rules", str(CASES)],
    ],
    ids=["config", "rules", "cases"],
)
def test_promtool_agrees(check: list[str]) -> None:
    done = subprocess.run(["promtool", *check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_that_raises_it() -> None:
    raised = {
        case["alertname"]
        for test in yaml.safe_load(CASES.read_text("utf-8"))["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert raised == {rule["alert"] for rule in ALERTS}


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Run a service with a key, some calls, and a Prometheus that scrapes it every second."""
    folder = tmp_path_factory.mktemp("observed")
    keys = folder / "keys.json"
    (folder / "metrics_key").write_text(add_key(keys, "prometheus", scopes=("metrics",)) + "\n")
    key = add_key(keys, "caller")  # of the usual scopes, which are not for /metrics
    with Server(folder / "galleries", "--keys-file", str(keys)) as server:
        config = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        config["rule_files"] = [str(DEPLOY / "alerts.yml")]
        (job,) = config["scrape_configs"]
        job["authorization"]["credentials_file"] = str(folder / "metrics_key")
        job["static_configs"] = [{"targets": [server.url.removeprefix("http://")]}]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", "--log.level=warn"]
        command += [f"--storage.tsdb.path={folder}/series", f"--web.listen-address={address}"]
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen(command, stderr=log) as process,
            httpx.Client(base_url=f"http://{address}") as client,
        ):
            try:
                call_often(server.url, key, client)
                yield client
            finally:
                process.terminate()


def call_often(url: str, key: str, client: httpx.Client) -> None:
    """Call the service until Prometheus has seen it grow over some scrapes."""
    headers = {"authorization": f"Bearer {key}"}
    until = time.monotonic() + 60 * PACE
    with httpx.Client(base_url=url, headers=headers) as service:
        service.put("/v1/galleries/seen", json={"model": "minilm"}).raise_for_status()
        while time.monotonic() < until:
            body = {"model": "minilm", "input": ["one", f"another {time.monotonic()}"]}
            service.post("/v1/embeddings", json=body).raise_for_status()
            service.get("/readyz").raise_for_status()
            time.sleep(0.5)
            try:
                if len(answer(client, "semblance_requests_total[30s]")[0]["values"]) >= 6:
                    return
            except (httpx.TransportError, IndexError):
                continue
    raise AssertionError("Prometheus did not scrape the service six times within a minute")


def answer(client: httpx.Client, expression: str) -> list[dict[str, Any]]:
    reply = client.get("/api/v1/query", params={"query": expression})
    assert reply.status_code == 200, reply.text
    result: list[dict[str, Any]] = reply.json()["data"]["result"]
    return result


@needs_prometheus
@pytest.mark.parametrize(("place", "expression"), SHOWN, ids=lambda text: text[:40])
def test_the_dashboard_shows_something(
    prometheus: httpx.Client, place: str, expression: str
) -> None:
    expression = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
    found = answer(prometheus, expression)
    assert bool(found) is (place not in NOBODY_REFUSED)


@needs_prometheus
def test_nothing_is_raised_while_all_is_well(prometheus: httpx.Client) -> None:
    (up,) = answer(prometheus, 'up{job="semblance"}')
    assert up["value"][1] == "1"
    (group,) = prometheus.get("/api/v1/rules").json()["data"]["groups"]
    assert {(rule["name"], rule["health"]) for rule in group["rules"]} == {
        (name, "ok") for name, _ in WATCHED
    }
    assert [rule["name"] for rule in group["rules"] if rule["state"] == "firing"] == []


@needs_prometheus
def test_what_alerts_look_at_is_there(prometheus: httpx.Client) -> None:
    with_the_first_such_answer = {
        "SemblanceFault", "SemblanceNotReady", "SemblanceErrors", "SemblanceRefusing",
    }  # fmt: skip
    for name, expression in WATCHED:
        if name not in with_the_first_such_answer:
            looked_at = re.sub(r" (==|>|<) ([\d.]+( \* \d+)?|\w+)$", "", expression)
            assert looked_at != expression
            assert answer(prometheus, looked_at), name
