"""The loop: what was stopped and resumed ends where an unbroken training does."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.loop import LOG, train  # noqa: E402
from models.training.objective import open_objective  # noqa: E402
from models.training.recipe import Pair  # noqa: E402
from models.training.schedule import Schedule  # noqa: E402


class Noisy:
    """Pairs of points, the second near to the first."""

    def draw(self, step: int, size: int) -> Pair:
        generator = torch.Generator().manual_seed(step)
        points = torch.randn(size, 6, generator=generator)
        near = points + 0.1 * torch.randn(size, 6, generator=generator)
        return Pair(points, near, torch.arange(size))


class Linear(torch.nn.Module):
    """The smallest tower."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = torch.nn.Linear(6, 3)

    def forward(self, points: "torch.Tensor") -> "torch.Tensor":
        return torch.nn.functional.normalize(self.layer(points), dim=1)


def trained(
    folder: Path, steps: int, *, resume: bool = False, until: int = 12, workers: int = 1
) -> dict[str, list[float]]:
    schedule = Schedule(steps=steps, size=8, rate=0.05, warm=3, report_steps=2, check_steps=3)
    mean = train(
        Linear(),
        Noisy(),
        open_objective("info_nce").build(),
        schedule,
        folder,
        evaluate=lambda tower: {"figure": 0.5},
        resume=resume,
        stop=until,
        workers=workers,
    )
    return {name: weights.flatten().tolist() for name, weights in mean.state_dict().items()}


def test_a_training_resumed_ends_where_an_unbroken_one_does(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", 12)
    trained(tmp_path / "broken", 12, until=6)
    resumed = trained(tmp_path / "broken", 12, resume=True)
    assert resumed == {name: pytest.approx(values, rel=1e-6) for name, values in whole.items()}
    assert trained(tmp_path / "broken", 12, resume=True) == resumed


@pytest.mark.parametrize("workers", [0, 2])
def test_whoever_draws_the_batches_they_come_in_their_order(tmp_path: Path, workers: int) -> None:
    one = trained(tmp_path / "one", 12)
    assert trained(tmp_path / "other", 12, workers=workers) == one


def test_a_training_is_over_with_the_minutes_of_its_schedule(tmp_path: Path) -> None:
    schedule = Schedule(steps=10**9, size=8, report_steps=10, check_steps=10**9, minutes=0.01)
    objective = open_objective("info_nce").build()
    train(Linear(), Noisy(), objective, schedule, tmp_path, evaluate=lambda _: {"figure": 0.5})
    last = json.loads((tmp_path / LOG).read_text().splitlines()[-1])
    assert last["figure"] == 0.5
    assert 0 < last["step"] < 10**6


def test_the_log_tells_the_loss_the_speed_and_the_figures(tmp_path: Path) -> None:
    trained(tmp_path, 12)
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    told = [line for line in lines if "loss" in line]
    assert [line["step"] for line in told] == [2, 4, 6, 8, 10, 12]
    assert all(line["pairs_per_second"] > 0 for line in told)
    assert told[-1]["loss"] < told[0]["loss"]
    checks = [line for line in lines if "figure" in line]
    assert [line["step"] for line in checks] == [3, 6, 9, 12]


def test_the_rate_falls_by_the_clock_where_that_is_ahead() -> None:
    schedule = Schedule(steps=110, rate=1.0, warm=10, minutes=2.0)
    assert schedule.rate_at(5, 1.9) == schedule.rate_at(5)
    assert schedule.rate_at(10, 1.0) == pytest.approx(0.5)
    assert schedule.rate_at(60, 0.1) == pytest.approx(schedule.rate_at(60))
    assert schedule.rate_at(20, 2.0) == pytest.approx(0.0)


def test_the_rate_rises_and_falls() -> None:
    schedule = Schedule(steps=110, rate=1.0, warm=10)
    rates = [schedule.rate_at(step) for step in range(110)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert rates[10] == 1.0
    assert sorted(rates[10:], reverse=True) == rates[10:]
    assert rates[109] < 1e-3
