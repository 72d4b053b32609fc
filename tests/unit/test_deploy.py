"""What is watched is what the service says: series, labels, thresholds, the alerts' page."""

import re

import pytest
import yaml

from service.metrics import Metrics
from service.settings import Settings
from tests.expressions import ALERTS, DASHBOARD, DEPLOY, EXPORTED, SHOWN, WATCHED, complaints

ROOT = DEPLOY.parent


@pytest.mark.parametrize(("place", "expression"), [*WATCHED, *SHOWN], ids=lambda text: text[:40])
def test_every_expression_names_series_that_are_exported(place: str, expression: str) -> None:
    assert complaints(expression) == []


@pytest.mark.parametrize(
    ("planted", "complaint"),
    [
        ("rate(semblance_requests[5m])", "no series semblance_requests"),
        ("semblance_redis_gone == 1", "no series semblance_redis_gone"),
        ("rate(request_total[5m])", "no series request_total"),
        (
            'up{job="semblance"} and semblance_queue_cost_total',
            "no series semblance_queue_cost_total",
        ),
        ('semblance_queue_seconds{stage="queue"}', "semblance_queue_seconds has no label stage"),
        (
            'rate(semblance_stage_seconds_bucket{stage="dekode"}[5m])',
            "semblance_stage_seconds_bucket has no stage 'dekode'",
        ),
        ("sum by (tier) (rate(semblance_cost_total[5m]))", "by tier, which no series here has"),
        ("semblance_stage_seconds_p99", "no series semblance_stage_seconds_p99"),
    ],
)
def test_a_wrong_expression_is_seen(planted: str, complaint: str) -> None:
    assert complaint in complaints(planted)


def test_every_series_of_the_service_is_on_the_dashboard() -> None:
    shown = " ".join(expression for _, expression in SHOWN)
    for family in Metrics().registry.collect():
        if family.name.startswith("semblance_"):
            assert re.search(rf"\b{family.name}(_total|_bucket|_sum)?\b", shown), family.name
    for name in ("rows", "delta_rows", "recall", "recall_target"):
        assert f"semblance_gallery_{name}{{" in shown


def test_panels_have_places_of_their_own_and_one_source() -> None:
    source = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8")
    )["datasources"][0]
    cells: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        wanted = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not wanted & cells, panel["title"]
        cells |= wanted
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_every_alert_says_what_happened_and_has_its_row_in_the_runbook() -> None:
    runbook = (DEPLOY / "runbook.md").read_text("utf-8")
    rows = re.findall(r"^\| `(Semblance\w+)` \|", runbook, re.MULTILINE)
    assert rows == [rule["alert"] for rule in ALERTS]
    for rule in ALERTS:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"].endswith(".")


def test_thresholds_are_those_of_settings_and_limits() -> None:
    by_name = {rule["alert"]: rule["expr"] for rule in ALERTS}
    queue_seconds_max = Settings.model_fields["queue_seconds_max"].default
    assert f"> {0.8 * queue_seconds_max:g}" in by_name["SemblanceQueueLong"]
    assert f"0.8 * {2 << 30}" in by_name["SemblanceMemoryNearLimit"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert compose["services"]["semblance"]["mem_limit"] == "${MEMORY:-2g}"
    manifests = "".join(file.read_text("utf-8") for file in DEPLOY.glob("kubernetes/*.yaml"))
    assert set(re.findall(r"memory: (\S+)\}.*threads", manifests)) == {"2Gi"}
    (metric,) = re.findall(r"metric: \{name: (\w+)\}", manifests)
    (milli,) = re.findall(r"averageValue: (\d+)m", manifests)
    assert metric in EXPORTED
    assert int(milli) / 1000 < queue_seconds_max / 2
