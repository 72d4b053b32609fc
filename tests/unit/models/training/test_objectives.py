"""What the objectives come to where it can be told by hand."""

import math

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.objective import open_objective  # noqa: E402

APART = torch.eye(2, dtype=torch.float64)  # two items, each view like the other, at right angles
SAME = torch.ones(2, 1, dtype=torch.float64)


def score(name: str, rows: "torch.Tensor", labels: list[int] | None = None, **how: float) -> float:
    objective = open_objective(name).build(**how)
    return objective(rows, rows, None if labels is None else torch.tensor(labels)).item()


def test_nt_xent_weighs_the_partner_against_both_views_of_the_other() -> None:
    expected = -math.log(math.e / (math.e + 2))
    assert score("nt_xent", APART, temperature=1.0) == pytest.approx(expected)


def test_sup_con_of_one_label_spreads_over_all_other_views() -> None:
    assert score("sup_con", SAME, [7, 7]) == pytest.approx(math.log(3))


def test_the_multi_view_loss_leaves_the_positive_out_of_its_denominator() -> None:
    assert score("multi_view", APART) == pytest.approx(math.log(2) - 1 / 0.1)
    assert score("multi_view", SAME, [7, 7]) == pytest.approx(-1 / 0.1)


def test_mochi_without_mixing_is_info_nce_and_mixing_makes_it_harder() -> None:
    draw = torch.Generator().manual_seed(0)
    a, b = (
        torch.nn.functional.normalize(torch.randn(6, 4, generator=draw, dtype=torch.float64), dim=1)
        for _ in range(2)
    )
    mochi, info = open_objective("mochi"), open_objective("info_nce")
    plain = mochi.build(mixed=0, harder=0)(a, b)
    assert plain.item() == pytest.approx(info.build(temperature=0.2)(a, b).item())
    assert mochi.build(mixed=8, harder=0)(a, b) > plain
    assert mochi.build(mixed=8, harder=8)(a, b) > mochi.build(mixed=8, harder=0)(a, b)


def test_cacr_attracts_nothing_that_is_there_and_repels_by_the_squared_distance() -> None:
    assert score("cacr", APART) == pytest.approx(-2)
    assert score("cacr", SAME, [7, 7]) == pytest.approx(0)
