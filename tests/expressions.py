"""Every expression that is put to Prometheus, and what of it names nothing that is exported."""

import json
import re
from pathlib import Path

import yaml

from service.metrics import GalleryRows, Metrics

DEPLOY = Path(__file__).parents[1] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/semblance.json").read_text("utf-8"))
ALERTS = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
SHOWN = [
    (f"{panel['title']} {target['refId']}", target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
WATCHED = [(rule["alert"], rule["expr"]) for rule in ALERTS]
ADDED = {"instance", "job"}  # the labels that Prometheus adds
# Labels whose values are the service's own, and all known from the start.
CLOSED = {"stage", "kind", "tier", "reason"}


def exported() -> dict[str, dict[str, set[str]]]:
    """Tell every series that the service exports, with its labels and their values."""
    metrics = Metrics()
    metrics.model("minilm", loaded=True)
    metrics.request("GET", "/readyz", 503, 0.1)
    metrics.refused("overloaded")
    metrics.galleries(lambda: [GalleryRows("python", 1, 0, 1.0, 0.99)])
    found: dict[str, dict[str, set[str]]] = {"up": {}}
    for family in metrics.registry.collect():
        for sample in family.samples:
            labels = found.setdefault(sample.name, {label: set() for label in ADDED})
            for label, value in sample.labels.items():
                labels.setdefault(label, set()).add(value)
    return found


EXPORTED = exported()


def complaints(expression: str) -> list[str]:
    """Say what in an expression of PromQL names nothing that the service exports."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", expression)
    named = set(re.findall(r"\b(?:semblance|process)_\w+", bare))
    named |= set(re.findall(r"\b([a-z_]\w*)\s*[\[{]", expression))
    found = [f"no series {name}" for name in sorted(named - set(EXPORTED))]
    for name, inside in re.findall(r"\b([a-z_]\w*)\s*\{([^}]*)\}", expression):
        found += _wrong_labels(name, inside)
    near = {label for name in named & set(EXPORTED) for label in EXPORTED[name]}
    grouped = re.findall(r"\bby\s*\(([^)]*)\)", expression)
    labels = {label.strip() for names in grouped for label in names.split(",")}
    return found + [f"by {label}, which no series here has" for label in sorted(labels - near)]


def _wrong_labels(name: str, inside: str) -> list[str]:
    labels = EXPORTED.get(name, {}) | {label: set() for label in ADDED}
    found = []
    for label, operator, value in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"', inside):
        if label not in labels:
            found.append(f"{name} has no label {label}")
        elif label in CLOSED and operator in ("=", "!=") and value not in labels[label]:
            found.append(f"{name} has no {label} {value!r}")
    return found
