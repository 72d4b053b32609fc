"""A trained tower to a bundle that computes the same, with its figures; or a refusal."""

import io
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from models.onnx_encoder import OnnxEncoder  # noqa: E402
from models.region import REGIONS_NAME  # noqa: E402
from models.training.objective import open_objective  # noqa: E402
from models.training.publishing import FloorMissed, bundle_embed, publish, tower_embed  # noqa: E402
from models.training.recipe import Embed, Pair, Recipe, Stage  # noqa: E402
from models.training.schedule import Schedule  # noqa: E402
from models.training.towers import Tower, fitted_to  # noqa: E402
from tests.picture_bundle import write_picture_bundle  # noqa: E402
from tests.sounds import RATE, encoded, tone  # noqa: E402

torch.manual_seed(0)
TOWER = Tower(32, widths=(8, 8, 8), dim=16).eval()
PREPROCESSING = {"size": 32, "fit": "stretch"}


def picture(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(256, size=(40, 50, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


class Idle:
    """Pairs that nobody draws."""

    def draw(self, step: int, size: int) -> Pair:
        raise AssertionError


def recipe(floors: Mapping[str, float]) -> Recipe:
    def trials(embed: Embed) -> dict[str, float]:
        rows = embed([picture(1), picture(2)])
        return {"pair_score": float(rows[0] @ rows[1])}

    return Recipe(
        name="tiny",
        description="An encoder for tests.",
        modality="image",
        licence="Apache-2.0",
        training_data="none",
        stages=[Stage(PREPROCESSING, TOWER, Idle(), Schedule(steps=1))],
        hand_on=fitted_to,
        complete=lambda tower: tower,
        preprocessing=PREPROCESSING,
        objective=open_objective("info_nce").build(),
        trials=trials,
        unrelated="pair_score",
        floors=floors,
        probe=[picture(3), picture(4)],
    )


def test_the_bundle_computes_what_the_tower_does_and_tells_its_figures(tmp_path: Path) -> None:
    made = recipe({"pair_score": -1.0})
    bundle = publish(TOWER, made, tmp_path / "tiny", version="7", command="see here")
    encoder = OnnxEncoder.open(bundle.folder, provider="cpu")
    items = [picture(seed) for seed in range(5, 9)]
    rows = bundle_embed(encoder)(items)
    assert rows.shape == (4, 16)
    assert np.allclose(rows, tower_embed(TOWER, "image", PREPROCESSING)(items), atol=5e-3)
    (metric,) = bundle.manifest.metrics
    assert (metric.dataset, metric.name, metric.command) == ("pair", "score", "see here")
    one, two = bundle_embed(encoder)([picture(1), picture(2)])
    assert metric.value == pytest.approx(float(one @ two), abs=1e-3)
    assert bundle.manifest.unrelated_score_q99 == pytest.approx(float(one @ two), abs=1e-3)
    card = (bundle.folder / "README.md").read_text()
    assert "An encoder for tests." in card
    assert "sentences" not in card


def test_a_bundle_that_gives_way_hands_on_what_proposes_its_regions(tmp_path: Path) -> None:
    there = write_picture_bundle(tmp_path, "tiny", regions=True)
    proposer = (there / REGIONS_NAME).read_bytes()
    bundle = publish(TOWER, recipe({}), there, version="2", command="-", replace=True)
    assert (there / REGIONS_NAME).read_bytes() == proposer
    assert OnnxEncoder.open(there, provider="cpu").regions is not None
    alone = publish(TOWER, recipe({}), tmp_path / "other", version="2", command="-")
    assert alone.space == bundle.space
    assert REGIONS_NAME not in alone.manifest.files


def test_an_encoder_below_its_floor_is_not_published(tmp_path: Path) -> None:
    made = recipe({"pair_score": 1.1})
    with pytest.raises(FloorMissed, match=r"pair_score is .* and must be 1\.100"):
        publish(TOWER, made, tmp_path / "tiny", version="1", command="-")
    assert not (tmp_path / "tiny").exists()


def test_a_bundle_that_is_there_stays(tmp_path: Path) -> None:
    made = recipe({})
    publish(TOWER, made, tmp_path / "tiny", version="1", command="-")
    with pytest.raises(FileExistsError):
        publish(TOWER, made, tmp_path / "tiny", version="2", command="-")


def test_encoders_of_sounds_are_published_too(tmp_path: Path) -> None:
    preprocessing = {"sample_rate": RATE, "samples": 1000, "fill": "repeat"}
    tower = torch.nn.Sequential(Samples(), torch.nn.Linear(1000, 8), Unit()).eval()
    sounds = [encoded(tone(0.1, pitch)) for pitch in (300, 500, 900)]
    made = replace(
        recipe({}),
        modality="audio",
        preprocessing=preprocessing,
        stages=[Stage(preprocessing, tower, Idle(), Schedule(steps=1))],
        trials=lambda embed: {"pair_score": float(embed(sounds[:1])[0] @ embed(sounds[1:2])[0])},
        probe=sounds[:2],
    )
    bundle = publish(tower, made, tmp_path / "tiny", version="1", command="-")
    rows = bundle_embed(OnnxEncoder.open(bundle.folder, provider="cpu"))(sounds)
    assert np.allclose(rows, tower_embed(tower, "audio", preprocessing)(sounds), atol=5e-3)


class Samples(torch.nn.Module):
    """Samples of 16 bits as numbers up to one."""

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return samples.float() / 32_768


class Unit(torch.nn.Module):
    """Rows of unit length."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(rows, dim=1)
