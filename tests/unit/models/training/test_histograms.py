"""Histograms in the graph beside those that are counted, and the directions fitted to rows."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.histograms import Histograms, Joined, principal  # noqa: E402


def pictures(count: int, side: int = 64) -> "torch.Tensor":
    draw = np.random.default_rng(0)
    coarse = draw.integers(256, size=(count, 3, side // 8, side // 8)).astype(np.uint8)
    return torch.from_numpy(coarse.repeat(8, 2).repeat(8, 3))


def test_rows_are_of_length_one_and_the_same_in_the_negative() -> None:
    describe = Histograms()
    views = pictures(5)
    rows = describe(views)
    assert rows.shape == (5, 7 * 7 * 36)
    assert torch.allclose(rows.norm(dim=1), torch.ones(5), atol=1e-5)
    assert torch.allclose(rows, describe(255 - views), atol=1e-5)


def test_each_direction_falls_into_its_bin() -> None:
    """A ramp that climbs at an angle has all its energy in the bins that are nearest to it."""
    axis = torch.arange(64.0)
    for step, bin_ in ((0, 0), (1, 1), (3, 3), (4, 4), (8, 8)):
        turn = torch.tensor(step * torch.pi / 9)
        ramp = turn.cos() * axis[None, :] + turn.sin() * axis[:, None]
        steep = ((ramp - ramp.min()) * 2.5).round()
        view = steep.expand(1, 3, 64, 64).clamp(0, 255).to(torch.uint8)
        energy = Histograms()(view).view(4, 9, 7, 7).sum((0, 2, 3))
        assert energy.argmax().item() == bin_


def test_principal_directions_are_those_of_the_covariance() -> None:
    draw = torch.Generator().manual_seed(0)
    scales = torch.tensor([5.0, 3.0, 0.1, 0.1])
    rows = torch.randn(4000, 4, generator=draw, dtype=torch.float64) * scales + 7
    plain = principal(rows, dim=2, power=0.0)
    assert plain.axes[:, 1].abs().argmax() == 0
    assert plain.axes[:, 0].abs().argmax() == 1
    assert torch.allclose(plain.axes.T @ plain.axes, torch.eye(2, dtype=torch.float64), atol=1e-8)
    white = principal(rows, dim=2, power=0.5)
    seen = (rows - white.mean) @ white.axes
    assert torch.allclose(seen.T @ seen / 4000, torch.eye(2, dtype=torch.float64), atol=1e-8)


class Constant(torch.nn.Module):
    """A tower that gives the first axis."""

    def forward(self, pixels: "torch.Tensor") -> "torch.Tensor":
        return torch.nn.functional.one_hot(torch.zeros(len(pixels), dtype=torch.int64), 4).float()


def test_both_parts_have_their_share_of_the_score() -> None:
    views = pictures(30)
    rows = Histograms()(views)
    directions = principal(rows, dim=6, power=0.3)
    joined = Joined(Constant(), directions, share=0.25)(views)
    assert joined.shape == (30, 10)
    parts = directions(rows)
    assert torch.allclose(joined @ joined.T, 0.75 + 0.25 * parts @ parts.T, atol=1e-5)
