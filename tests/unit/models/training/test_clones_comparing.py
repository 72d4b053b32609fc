"""Objectives compared on clones: a line each, of the same budget; and the bundle of a training."""

import gzip
import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from click.testing import CliRunner  # noqa: E402

from models.bundle import Bundle  # noqa: E402
from models.training.clones import comparing, publishing  # noqa: E402
from models.training.clones.solutions import held_out  # noqa: E402
from models.training.clones.telling import told, told_by  # noqa: E402
from models.training.clones.vocabulary import vocabulary  # noqa: E402
from models.training.sentence_tower import SentenceTower, Shape  # noqa: E402

PYTHON = (
    "class Solution(object):\n    def f(self, a, b):\n        return a + b * {0}\n\n\n"
    "class Solution2(object):\n    def f(self, a, b):\n        b *= {0}\n        return b + a\n"
)
CPP = "class Solution {{\npublic:\n    int f(int a, int b) {{ return a + b * {0}; }}\n}};\n"


def small(words: dict[str, int], minilm: Path, layers: int) -> SentenceTower:
    torch.manual_seed(1)
    return SentenceTower(Shape(len(words), width=24, heads=2, inner=48, layers=layers))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    names = [f"problem-{at}" for at in range(40)]
    assert 2 <= sum(map(held_out, names)) <= 20
    with gzip.open(tmp_path / "leetcode-solutions.jsonl.gz", "wt") as file:
        for at, name in enumerate(names):
            for language, code in (("python", PYTHON), ("cpp", CPP)):
                row = {"problem": name, "language": language, "code": code.format(at % 9 + 2)}
                file.write(json.dumps(row) + "\n")
    return tmp_path


def test_each_objective_has_a_line_of_the_same_budget_and_is_trained_once(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "begun", small)
    out = data / "out"
    settings = {"steps": 2, "pairs": 4, "layers": 1, "views": 2, "processes": 1, "threads": 1}
    call = ["--data", str(data), "--out", str(out)]
    call += [part for name, value in settings.items() for part in (f"--{name}", str(value))]
    for ways in (["--way", "MoCo", "--way", "SwAV"], ["--way", "MoCo", "--way", "SupCon"]):
        found = CliRunner().invoke(comparing.main, call + ways, catch_exceptions=False)
        assert found.exit_code == 0, found.output
    lines = told_by(out)
    assert list(lines) == ["none", "MoCo", "SwAV", "SupCon"]
    assert len((out / "figures.jsonl").read_text().splitlines()) == 4
    for line in lines.values():
        assert (line["steps"], line["pairs"], line["layers"]) == (2, 4, 1)
        assert 0 <= line["python_map"] <= 1
    assert not list(out.rglob("checkpoint.pt"))


def test_what_was_trained_is_published_with_its_figures_and_measured(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tower = small(vocabulary(), data, 1)
    monkeypatch.setattr(publishing, "tower_of", lambda folder: tower)
    told(data, "clones", {"python_map": 0.25})
    told(data, "clones", {"python_map": 0.5, "seconds": 3})
    call = ["--data", str(data), "--weights", str(data), "--out", str(data / "clones")]
    found = CliRunner().invoke(publishing.main, [*call, "--version", "7"], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    assert "python_map" in found.output
    manifest = Bundle.open(data / "clones").manifest
    (metric,) = manifest.metrics
    assert (metric.dataset, metric.value, manifest.version) == ("leetcode python", 0.5, "7")
    assert manifest.dim == 24
    assert manifest.unrelated_score_q99 is not None
