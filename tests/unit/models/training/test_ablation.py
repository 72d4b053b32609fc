"""The ablation: all objectives see the same, and what was stopped goes on to the same table."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from PIL import Image

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

import models.training.ablation.__main__ as command  # noqa: E402
from models.training.ablation import trainings  # noqa: E402
from models.training.ablation.drawn_once import DrawnOnce  # noqa: E402
from models.training.ablation.table import table  # noqa: E402
from models.training.ablation.trainings import (  # noqa: E402
    Budget,
    Line,
    ablate,
    begun,
    lines_of,
    objective_of,
)
from models.training.objective import Objective, open_objective  # noqa: E402
from models.training.recipe import Embed, Pair, Recipe, Stage  # noqa: E402
from models.training.schedule import Schedule  # noqa: E402

SIDE, BUDGET = 16, Budget(stage=0, steps=20, size=8)
OBJECTIVES = ("info_nce:temperature=0.07", "multi_view")


class Stopped(Exception):
    """What a test stops a comparison by."""


class Coloured:
    """Pairs of plain pictures of one colour, the second noisy; it knows how often it drew."""

    def __init__(self) -> None:
        self.drawn: list[int] = []

    def draw(self, step: int, size: int) -> Pair:
        self.drawn.append(step)
        generator = torch.Generator().manual_seed(step)
        colours = torch.randint(40, 216, (size, 3, 1, 1), generator=generator)
        noise = torch.randint(-40, 40, (size, 3, SIDE, SIDE), generator=generator)
        plain = colours.expand(-1, -1, SIDE, SIDE)
        return Pair(plain.byte(), (plain + noise).byte(), torch.arange(size))


class Linear(torch.nn.Module):
    """The smallest tower of pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 4)

    def forward(self, pixels: "torch.Tensor") -> "torch.Tensor":
        return torch.nn.functional.normalize(self.layer(pixels.float().mean((2, 3)) - 128), dim=1)


def picture(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE), colour).save(buffer, "png")
    return buffer.getvalue()


PICTURES = [picture(colour) for colour in ((200, 60, 60), (60, 200, 60), (90, 90, 200))]


def recipe(pairs: Coloured, stop_at: int | None = None) -> Recipe:
    """Make a recipe whose trials tell the scores of pictures; they stop all at one of the calls."""
    calls: list[int] = []

    def trials(embed: Embed) -> Mapping[str, float]:
        calls.append(0)
        if len(calls) == stop_at:
            raise Stopped
        rows = embed(PICTURES)
        scores = rows @ rows.T
        return {"near_r1": float(scores[0, 1]), "far_auc": float(scores[0, 2]), "extra": 1.0}

    preprocessing = {
        "size": SIDE, "fit": "stretch", "ground": [255, 255, 255], "contrast": [0, 0, 0],
    }  # fmt: skip
    return Recipe(
        name="colours",
        description="",
        modality="image",
        licence="",
        training_data="",
        stages=[Stage(preprocessing, Linear(), pairs, Schedule(steps=99, rate=0.05))],
        hand_on=lambda weights, tower: weights,
        complete=lambda tower: tower,
        preprocessing=preprocessing,
        objective=open_objective("info_nce").build(),
        trials=trials,
        unrelated="extra",
        floors={},
        probe=PICTURES[:1],
    )


def timeless(lines: Sequence[Line]) -> list[Line]:
    return [{k: v for k, v in line.items() if k != "seconds_a_step"} for line in lines]


def stopping(text: str, at: int) -> Callable[[str], Objective]:
    """Make objectives of which one stops all at one of its calls."""
    calls: list[int] = []

    def make(name: str) -> Objective:
        real = objective_of(name)

        def score(
            a: "torch.Tensor", b: "torch.Tensor", labels: "torch.Tensor | None" = None
        ) -> "torch.Tensor":
            calls.append(0)
            if len(calls) == at:
                raise Stopped
            return real(a, b, labels)

        return score if name == text else real

    return make


def test_what_was_stopped_goes_on_to_the_same_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ablate(recipe(Coloured()), OBJECTIVES, [1], BUDGET, tmp_path / "whole")
    assert [line["objective"] for line in whole] == list(OBJECTIVES)
    broken = tmp_path / "broken"
    with monkeypatch.context() as patched, pytest.raises(Stopped):
        patched.setattr(trainings, "objective_of", stopping(OBJECTIVES[1], at=8))
        ablate(recipe(Coloured()), OBJECTIVES, [1], BUDGET, broken)
    assert timeless(lines_of(broken)) == timeless(whole[:1])
    kept = torch.load(broken / "multi_view-1-20-8" / "checkpoint.pt", weights_only=True)
    assert kept["step"] == 6  # in the midst of the second training
    with pytest.raises(Stopped):
        ablate(recipe(Coloured(), stop_at=1), OBJECTIVES, [1], BUDGET, broken)
    resumed = ablate(recipe(Coloured()), OBJECTIVES, [1], BUDGET, broken)
    assert timeless(resumed) == timeless(whole)


def test_what_is_there_is_not_trained_again_and_more_joins_it(tmp_path: Path) -> None:
    first = ablate(recipe(Coloured()), OBJECTIVES[:1], [1], BUDGET, tmp_path)
    pairs = Coloured()
    told: list[Line] = []
    both = ablate(recipe(pairs), OBJECTIVES, [1], BUDGET, tmp_path, on_line=told.append)
    assert both[:1] == first
    assert [line["objective"] for line in told] == [OBJECTIVES[1]]
    assert set(pairs.drawn) <= {20, 21, 22, 23}  # what is fetched ahead of need
    other = ablate(recipe(pairs), OBJECTIVES[:1], [1], replace(BUDGET, steps=4), tmp_path)
    assert [line["steps"] for line in other] == [4]
    assert len(lines_of(tmp_path)) == 3


def test_of_one_seed_all_begin_alike_and_see_the_same(tmp_path: Path) -> None:
    tower = Linear()
    one, two, other = (begun(tower, seed).layer.weight for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert not torch.equal(one, tower.layer.weight)
    pairs = Coloured()
    once = DrawnOnce(pairs, tmp_path)
    drawn, again, plain = once.draw(3, 8), once.draw(3, 8), Coloured().draw(3, 8)
    assert pairs.drawn == [3]
    for found in (drawn, again):
        assert torch.equal(found.first, plain.first)
        assert torch.equal(found.second, plain.second)
        assert torch.equal(found.labels, plain.labels)
    assert len(once.draw(3, 4).labels) == 4


def test_the_same_training_twice_is_the_same_and_objectives_differ(tmp_path: Path) -> None:
    twice = ("multi_view", "multi_view:temperature=0.1", "multi_view:temperature=0.5")
    same, equal, other = ablate(recipe(Coloured()), twice, [1], BUDGET, tmp_path)
    assert {"near_r1", "far_auc", "extra", "loss", "seconds_a_step"} <= set(same)
    for name in ("near_r1", "far_auc", "loss"):
        assert same[name] == equal[name] != other[name]


def test_an_objective_is_named_with_its_settings() -> None:
    made = objective_of("mochi:temperature=0.07,symmetrical=false,hardest=9")
    assert made == open_objective("mochi").build(temperature=0.07, symmetrical=False, hardest=9)
    for text in (
        "cats",
        "mochi:cats=1",
        "mochi:temperature=0",
        "mochi:temperature",
        "mochi:hardest=x",
    ):
        with pytest.raises(ValueError, match=f"objective '{text}'"):
            objective_of(text)


def test_the_table_tells_means_and_the_range_of_seeds() -> None:
    line: Line = {
        "objective": "a",
        "seed": 1,
        "steps": 2,
        "size": 3,
        "loss": 2.5,
        "seconds_a_step": 1,
    }
    lines = [
        line | {"x_r1": 0.5, "x_unrelated": 0.1},
        line | {"objective": "b", "x_r1": 0.25},
        line | {"seed": 2, "x_r1": 0.7},
    ]
    assert table(lines).splitlines() == [
        "| objective | seeds | loss | s a step | x r1 |",
        "| --- | --- | --- | --- | --- |",
        "| `a` | 2 | 2.500 (2.500 to 2.500) | 1.000 (1.000 to 1.000) | 0.600 (0.500 to 0.700) |",
        "| `b` | 1 | 2.500 | 1.000 | 0.250 |",
    ]


def test_a_command_prints_the_table_and_refuses_to_begin_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SimpleNamespace(build=lambda data, work: recipe(Coloured()))
    monkeypatch.setattr(command, "open_recipe", lambda name: file)
    words = ["logo", "--data", str(tmp_path), "--work", str(tmp_path), "--steps", "3"]
    words += ["--pairs", "8", "--threads", "1", "--objective", "cacr", "--objective", "sup_con"]
    run = CliRunner().invoke(command.main, words)
    assert run.exit_code == 0, run.output
    assert run.stdout.startswith("3 batches of 8 pairs each, stage 0\n\n| objective | seeds |")
    assert run.stdout.count("| `cacr` | 1 |") == run.stdout.count("| `sup_con` | 1 |") == 1
    again = CliRunner().invoke(command.main, words)
    assert again.exit_code == 1
    assert "has trainings: go on by --resume, or remove it" in again.output
    resumed = CliRunner().invoke(command.main, [*words, "--resume"])
    assert resumed.output == run.stdout  # nothing was trained
    beyond = CliRunner().invoke(command.main, [*words, "--resume", "--stage", "1"])
    assert "--stage is 1; the last of logo is 0" in beyond.output
