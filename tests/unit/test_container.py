"""How the image, compose's services and a cluster's pods run: contained, and stopped in time."""

import re
from pathlib import Path

import pytest
import yaml

from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
MANIFESTS = [
    document
    for file in ("galleries.yaml", "embed.yaml", "redis.yaml")
    for document in yaml.safe_load_all((DEPLOY / "kubernetes" / file).read_text("utf-8"))
]
PODS = {
    document["metadata"]["name"]: document["spec"]["template"]["spec"]
    for document in MANIFESTS
    if "template" in document["spec"]
}
OURS = {name: pod for name, pod in PODS.items() if name != "redis"}


def test_a_stop_waits_longer_than_the_drain() -> None:
    drain = Settings.model_fields["drain_seconds_max"].default
    assert int(COMPOSE["services"]["semblance"]["stop_grace_period"].removesuffix("s")) > drain
    for pod in OURS.values():
        (*_, command) = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        (before,) = map(int, re.findall(r"sleep\((\d+)\)", command))
        assert pod["terminationGracePeriodSeconds"] > before + drain


def test_settings_that_are_named_exist() -> None:
    files = [DEPLOY / "compose.env.example", ROOT / "docker-compose.yml", ROOT / "Dockerfile"]
    files += [DEPLOY / "alerts.yml", *DEPLOY.glob("kubernetes/*.yaml")]
    for file in files:
        for name in re.findall(rf"\b{PREFIX}([A-Z_]+[A-Z])\b", file.read_text("utf-8")):
            assert name.lower() in Settings.model_fields, (file.name, name)


def test_compose_publishes_on_loopback_only_and_redis_not_at_all() -> None:
    services = COMPOSE["services"]
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert service["read_only"] and service["cap_drop"] == ["ALL"] and service["mem_limit"]
    assert "ports" not in services["redis"] and services["redis"]["networks"] == ["cache"]
    assert COMPOSE["networks"]["cache"] == {"internal": True}
    profiles = {name: service.get("profiles") for name, service in services.items()}
    assert profiles == {
        "semblance": None, "redis": None, "prometheus": ["observe"], "grafana": ["observe"],
    }  # fmt: skip


def test_redis_is_bounded_and_the_same_in_both() -> None:
    ours, (pod,) = COMPOSE["services"]["redis"], PODS["redis"]["containers"]
    assert pod["args"] == ours["command"] and pod["image"] == ours["image"]
    told = dict(zip(ours["command"][1::2], ours["command"][2::2], strict=True))
    assert told["--maxmemory-policy"] == "allkeys-lru"
    megabytes = [int(told["--maxmemory"].removesuffix("mb")), int(ours["mem_limit"][:-1])]
    assert megabytes[0] < megabytes[1]
    assert pod["resources"]["limits"]["memory"] == f"{megabytes[1]}Mi"


@pytest.mark.parametrize("name", PODS)
def test_pods_are_contained(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["enableServiceLinks"] is False and pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]


def stages() -> dict[str, list[str]]:
    """Split the Dockerfile into the instructions of its stages, in their order."""
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    found: dict[str, list[str]] = {"": []}
    for line in (line.strip() for line in text.splitlines()):
        if start := re.fullmatch(r"FROM .* AS (\S+)", line):
            found[start.group(1)] = [line]
        elif line and not line.startswith("#"):
            found[[*found][-1]].append(line)
    return found


def test_stages_of_the_image() -> None:
    found = stages()
    assert set(found) >= {"base", "build", "train", "serve-gpu", "serve-cpu"}
    assert [*found][-1] == "serve-cpu"  # what a plain build makes
    with_torch = {name for name, lines in found.items() if re.search("torch", str(lines))}
    assert with_torch == {"train"}
    for name in ("train", "serve-gpu", "serve-cpu"):
        assert "USER 10001" in found[name]
    for name in OURS:
        assert OURS[name]["securityContext"]["runAsUser"] == 10001


def test_both_kinds_of_server_run_alike() -> None:
    def running(stage: str) -> list[str]:
        lines = stages()[stage]
        return lines[next(i for i, line in enumerate(lines) if line.startswith("RUN useradd")) :]

    assert running("serve-gpu") == running("serve-cpu")
    assert running("serve-cpu")[-2:] == ['ENTRYPOINT ["semblance"]', 'CMD ["serve"]']
