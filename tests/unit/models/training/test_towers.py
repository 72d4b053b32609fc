"""The visual tower: blind to polarity where it should be, unit rows, pictures of other sizes."""

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.towers import EDGES, Edges, Tower, fitted_to  # noqa: E402

COLOURS = 3  # and local contrast: the channels before those of the edges


def pictures(seed: int, side: int = 32) -> "torch.Tensor":
    draw = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (4, 3, side, side), dtype=torch.uint8, generator=draw)


def test_edges_are_the_same_in_the_negative() -> None:
    positive = pictures(0)
    one, two = Edges()(positive), Edges()(255 - positive)
    assert one.shape == (4, EDGES, 32, 32)
    assert torch.allclose(one[:, COLOURS + 1 :], two[:, COLOURS + 1 :], atol=1e-4)
    assert torch.allclose(one[:, : COLOURS + 1], -two[:, : COLOURS + 1], atol=1e-4)


def test_edges_turn_with_the_picture() -> None:
    """A quarter turn swaps across and down: cos 2t changes its sign, strength and cos 4t do not."""
    upright = pictures(1)
    one, two = Edges()(upright), Edges()(upright.transpose(2, 3)).transpose(2, 3)
    strength, cos2, sin2, cos4, sin4 = one[:, COLOURS + 1 :].unbind(1)
    turned = two[:, COLOURS + 1 :].unbind(1)
    for expected, found in zip((strength, -cos2, sin2, cos4, -sin4), turned, strict=True):
        assert torch.allclose(expected, found, atol=1e-4)


def test_an_upright_edge_is_told_as_such() -> None:
    step = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    step[..., 16:] = 255
    strength, cos2, sin2, cos4, _ = Edges()(step)[0, COLOURS + 1 :, 10, 16]
    assert strength > 1
    assert cos2.item() == pytest.approx(strength.item(), rel=1e-2)
    assert cos4.item() == pytest.approx(strength.item(), rel=1e-2)
    assert sin2.item() == pytest.approx(0, abs=1e-3)


def test_rows_have_length_one_and_do_not_depend_on_their_neighbours() -> None:
    tower = Tower(32, widths=(8, 8, 8), dim=16).eval()
    batch = pictures(2)
    rows = tower(batch)
    assert torch.allclose(rows.norm(dim=1), torch.ones(4), atol=1e-5)
    assert torch.allclose(tower(batch[1:2]), rows[1:2], atol=1e-5)


def test_weights_fit_pictures_of_another_size() -> None:
    """On maps that are the same everywhere, a resampled head computes what it did."""
    small, large = (Tower(side, widths=(8, 8, 8), channels=8, dim=16) for side in (32, 64))
    large.load_state_dict(fitted_to(small.state_dict(), large))
    level = torch.rand(2, 8, 1, 1)
    one = small.head(level.expand(-1, -1, 2, 2))
    two = large.head(level.expand(-1, -1, 4, 4))
    assert torch.allclose(one, two, atol=1e-5)
    weights = small.state_dict()
    assert fitted_to(weights, small) is weights
