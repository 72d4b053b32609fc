"""What every objective keeps, over every file of `models/training/objectives/`."""

from collections.abc import Mapping
from inspect import signature
from pathlib import Path

import pytest

import models.training.objectives

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.objective import objective_names, open_objective  # noqa: E402

NAMES = objective_names()
SETTINGS: list[Mapping[str, object]] = [{}, {"temperature": 1.0}, {"symmetrical": False}]


def pair(seed: int, rows: int = 7, dim: int = 5) -> tuple["torch.Tensor", "torch.Tensor"]:
    draw = torch.Generator().manual_seed(seed)
    a, b = (torch.randn(rows, dim, dtype=torch.float64, generator=draw) for _ in range(2))
    return torch.nn.functional.normalize(a, dim=1), torch.nn.functional.normalize(b, dim=1)


def test_every_file_is_found() -> None:
    folder = Path(models.training.objectives.__path__[0])
    assert sorted(path.stem for path in folder.glob("[!_]*.py")) == NAMES != []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("labels", [None, [0, 1, 2, 3, 4, 5, 6], [0, 1, 0, 2, 1, 0, 3]])
@pytest.mark.parametrize("seed", range(5))
def test_it_is_its_own_slow_reference(
    name: str, settings: Mapping[str, object], labels: list[int] | None, seed: int
) -> None:
    module = open_objective(name)
    settings = {k: v for k, v in settings.items() if k in signature(module.build).parameters}
    a, b = pair(seed)
    found = module.build(**settings)(a, b, None if labels is None else torch.tensor(labels))
    expected = module.reference(a.tolist(), b.tolist(), labels, **settings)
    assert found.item() == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("labels", [None, [0, 1, 0, 2, 1, 0, 3], [0] * 7])
@pytest.mark.parametrize("same", [True, False])
def test_its_gradient_is_finite(name: str, labels: list[int] | None, same: bool) -> None:
    a, b = (rows.clone().requires_grad_() for rows in pair(0))
    if same:  # identical rows, and the extreme scores that they give
        b = a.detach().clone().requires_grad_()
    objective = open_objective(name).build()
    objective(a, b, None if labels is None else torch.tensor(labels)).backward()
    assert torch.isfinite(a.grad).all()
    assert torch.isfinite(b.grad).all()


@pytest.mark.parametrize("name", NAMES)
def test_its_gradient_draws_partners_together(name: str) -> None:
    a, b = pair(3)
    a.requires_grad_()
    objective = open_objective(name).build()
    before = objective(a, b)
    before.backward()
    after = objective(torch.nn.functional.normalize(a - 0.01 * a.grad, dim=1), b)
    assert after < before
    assert objective(b, b) < before


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_the_pairs_does_not_matter(name: str) -> None:
    a, b = pair(4)
    turn = torch.tensor([3, 0, 6, 1, 5, 2, 4])
    objective = open_objective(name).build()
    assert objective(a[turn], b[turn]).item() == pytest.approx(objective(a, b).item(), rel=1e-12)


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(ValueError, match="'hinge' is not one of"):
        open_objective("hinge")


def test_a_temperature_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        open_objective("info_nce").build(temperature=0.0)
