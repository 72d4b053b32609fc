"""The logo recipe from its command, on data that is made here: a bundle comes out."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from models.bundle import Bundle  # noqa: E402
from models.training.__main__ import main  # noqa: E402
from models.training.names import fitting  # noqa: E402
from models.training.recipe import open_recipe  # noqa: E402
from models.training.trials import kept_trials  # noqa: E402
from models.training.views.pairs import held_out  # noqa: E402

SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} 20">'
    '<circle cx="9" cy="9" r="{r}" fill="#c{r}0"/></svg>'
)


def noise(folder: Path, name: str, mode: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(name)).integers(256, size=(60, 60, 3)).astype(np.uint8)
    Image.fromarray(pixels).convert(mode).save(folder / name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    logos = tmp_path / "data" / "logos"
    logos.mkdir(parents=True)
    unseen = [name for name in map(str, range(100)) if held_out(name)][:3]
    seen = [name for name in map(str, range(100)) if not held_out(name)][:12]
    rows = [(brand, source) for brand in unseen + seen for source in ("gilbarbara", "svgl")]
    with (logos / "logos.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "brand", "source", "licence"])
        for number, (brand, source) in enumerate(rows):
            (logos / f"{number}.svg").write_text(SVG.format(w=20 + number, r=3 + number % 6))
            table.writerow([f"{number}.svg", brand, source, "CC0"])
    names = ["Ada", "Babbage", *(f"Firm {number}" for number in range(60))]
    (logos / "brand_names.txt").write_text("\n".join(names) + "\n")
    noise(tmp_path / "data" / "backgrounds", "shelf.jpg", "RGB")
    cars = tmp_path / "data" / "vehicles"
    for make in ("ada.png", "babbage.png", "mercedes-benz.png"):
        noise(cars / "references", make, "RGBA")
    for shot in ("x.png", "yy.png"):
        noise(cars / "photos", shot, "RGB")
    (cars / "structure.csv").write_text("Template Name,Image\nAda 1,i/x.png\nMercedes 2,i/yy.png\n")
    return tmp_path / "data"


def test_a_command_trains_and_publishes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logo = open_recipe("logo")
    monkeypatch.setattr(logo, "FONTS", Path(matplotlib.get_data_path()) / "fonts" / "ttf")
    monkeypatch.setattr(logo, "SIGN_FONTS", ())
    monkeypatch.setattr(logo, "LANDSCAPES", tmp_path / "none")
    for name, count in (("EMBLEMS", 0), ("WORDS", 6), ("SIGNS", 0)):
        monkeypatch.setattr(logo, name, count)
    monkeypatch.setattr(logo, "SHARES", {"word": 0.2, "gilbarbara": 0.4, "svgl": 0.4})
    monkeypatch.setattr(logo, "FLOORS", {})
    monkeypatch.setattr(logo, "FITTED_BATCHES", 2)
    monkeypatch.setattr(logo, "FITTED_PAIRS", 12)
    few = replace(fitting.SCHEDULE, steps=3, size=16, warm=1, check_steps=2)
    monkeypatch.setattr(fitting, "SCHEDULE", few)
    words = ["logo", "--data", str(data), "--work", str(tmp_path / "work"), "--threads", "1"]
    out = tmp_path / "logo"
    run = CliRunner().invoke(main, [*words, "--out", str(out), "--steps", "1", "--pairs", "12"])
    assert run.exit_code == 0, run.output
    bundle = Bundle.open(out)
    assert bundle.manifest.modality == "image"
    figures = {f"{m.dataset}_{m.name}" for m in bundle.manifest.metrics}
    assert {"vehicles34_r1", "vehicles387_r5", "held_printed_r1", "held_seen_auc"} <= figures
    for stage in ("0", "1"):
        lines = (tmp_path / "work" / "logo" / stage / "log.jsonl").read_text().splitlines()
        assert json.loads(lines[-1])["step"] == 1
    asked: list[list[bytes]] = []

    def embed(items: Sequence[bytes]) -> np.ndarray:
        asked.append(list(items))
        return np.ones((len(items), 2), np.float32)

    logo.build(data, tmp_path / "work").trials(embed)
    kept = kept_trials(data, tmp_path / "work", 64)
    assert [list(part) for one in kept.values() for part in (one.queries, one.references)] == asked
    only_trained = CliRunner().invoke(main, [*words, "--resume", "--minutes", "0"])
    assert (only_trained.exit_code, only_trained.output) == (0, "")
    again = CliRunner().invoke(main, [*words, "--out", str(out), "--resume", "--minutes", "0"])
    assert again.exit_code == 1
    assert "is there already" in again.output
