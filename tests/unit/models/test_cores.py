"""Threads follow the container's quota, in both versions of cgroups."""

import os
from pathlib import Path

import pytest

from models.onnx_session import cores

V1_QUOTA, V1_PERIOD = "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("files", "want"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000\n"}, 8),
        ({"cpu.max": "200000 100000\n"}, 2),
        ({"cpu.max": "350000 100000\n"}, 3),  # half a core more would only be throttled
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "3200000 100000\n"}, 8),  # the affinity binds first
        ({"cpu.max": "what is this\n"}, 8),
        ({V1_QUOTA: "-1\n", V1_PERIOD: "100000\n"}, 8),
        ({V1_QUOTA: "400000\n", V1_PERIOD: "100000\n"}, 4),
        ({V1_QUOTA: "400000\n"}, 8),
        ({"cpu.max": "200000 100000\n", V1_QUOTA: "400000\n", V1_PERIOD: "100000\n"}, 2),
    ],
)
def test_cores_are_those_of_the_container(tmp_path: Path, files: dict[str, str], want: int) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="ascii")
    assert cores(tmp_path) == want
