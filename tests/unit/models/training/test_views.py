"""Views of marks: seeded, upright, never mirrored, and telling the mark that they show."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.marks.atlas import SIDE, Atlas, Mark  # noqa: E402
from models.training.views.chance import Chance  # noqa: E402
from models.training.views.geometry import Looks, place, sample, turned  # noqa: E402
from models.training.views.lockups import lockup  # noqa: E402
from models.training.views.pairs import MarkPairs, held_out  # noqa: E402
from models.training.views.pictures import clean, photo  # noqa: E402
from models.training.views.relief import blur, figure, slopes  # noqa: E402

MADE = {
    torch.arange, torch.eye, torch.linspace, torch.ones, torch.rand, torch.randint, torch.randn,
    torch.randperm, torch.tensor, torch.zeros,
}  # fmt: skip
STILL = Looks(turn=0, tilt=0, shear=0, bend=0, crop=(0, 0))
PHOTOS = torch.randint(0, 256, (3, 3, 80, 80), dtype=torch.uint8)

GROUNDS = torch.arange(3 * 80 * 80).remainder(251).to(torch.uint8).view(1, 3, 80, 80)
# The mean level of each view of a batch.
FIRST = [178.68, 129.64, 91.39, 173.92, 168.6, 143.37, 179.85, 114.88]
SECOND = [125.17, 83.59, 84.61, 64.41, 95.17, 164.43, 161.73, 134.5]


def flags(count: int, side: int = 32) -> "torch.Tensor":
    """Draw marks that differ from their mirror images: an L in black, one pixel row each longer."""
    marks = torch.zeros(count, 4, side, side)
    marks[:, 3, :, : side // 4] = 1
    for row in range(count):
        marks[row, 3, side - side // 4 - row :] = 1
    return marks


def test_a_still_camera_shows_the_mark_as_it_is() -> None:
    marks = torch.rand(5, 4, 32, 32)
    aspects = torch.tensor([0.5, 1.0, 2.0, 3.0, 1.0])
    shown = sample(marks, place(Chance(0, 5), aspects, STILL, 32))
    assert torch.allclose(shown, marks, atol=1e-4)


def test_a_margin_leaves_so_much_free() -> None:
    looks = Looks(turn=0, tilt=0, shear=0, bend=0, crop=(0.5, 0.5))
    shown = sample(torch.ones(1, 1, 32, 32), place(Chance(0, 1), torch.ones(1), looks, 32))
    inside = (shown[0, 0] > 0.5).nonzero()
    assert inside.amin(0).tolist() == [8, 8]
    assert inside.amax(0).tolist() == [23, 23]


def test_however_it_is_turned_the_middle_stays_in_the_middle_and_the_mark_in_the_picture() -> None:
    looks = Looks(turn=0.5, tilt=0.1, shear=0.1, bend=0, crop=(0, 0))
    places = place(Chance(1, 64), torch.full((64,), 2.0), looks, 33)
    assert places[:, 16, 16].abs().max() < 0.6
    disc = (torch.linspace(-1, 1, 64)[:, None].hypot(torch.linspace(-1, 1, 64)) < 1).float()
    shown = sample(disc.expand(64, 1, 64, 64), places)
    assert shown.mean((1, 2, 3)).min() > 0.45  # a disc that fills its square covers 0.785 of it


@pytest.mark.parametrize("show", ["clean", "photo"])
def test_the_same_seed_draws_the_same_view(show: str) -> None:
    marks, aspects = flags(4), torch.ones(4)

    def draw(seed: int) -> "torch.Tensor":
        if show == "clean":
            return clean(Chance(seed, 4), marks, aspects, 32)
        return photo(Chance(seed, 4), marks, aspects, PHOTOS, 32)

    assert draw(3).dtype == torch.uint8
    assert draw(3).shape == (4, 3, 32, 32)
    assert torch.equal(draw(3), draw(3))
    assert not torch.equal(draw(3), draw(4))


def test_no_view_is_mirrored() -> None:
    """A clean view resembles the mark more than its mirror image; of mirrored ones half would."""
    marks = flags(1).expand(200, -1, -1, -1)
    views = clean(Chance(0, 200), marks, torch.ones(200), 32).float().mean(1)
    around = views - views.mean((1, 2), keepdim=True)
    shape = marks[0, 3] - marks[0, 3].mean()
    upright = (around * shape).sum((1, 2)).abs()
    mirrored = (around * shape.flip(1)).sum((1, 2)).abs()
    assert (upright > mirrored).float().mean() > 0.97


def test_blurring_keeps_the_mean_of_what_is_far_from_the_edges_and_flattens() -> None:
    point = torch.zeros(1, 1, 33, 33)
    point[0, 0, 16, 16] = 1.0
    once = blur(point, 1)
    assert once.sum().item() == pytest.approx(1.0)
    assert once[0, 0, 15:18, 15:18].tolist() == [
        [0.0625, 0.125, 0.0625],
        [0.125, 0.25, 0.125],
        [0.0625, 0.125, 0.0625],
    ]


def test_a_mark_of_one_colour_is_its_own_figure_and_of_two_is_parted() -> None:
    alpha = torch.zeros(8, 1, 16, 16)
    alpha[:, :, 2:14, 2:14] = 1
    assert torch.equal(figure(Chance(0, 8), torch.zeros(8, 3, 16, 16), alpha), alpha)
    colours = torch.zeros(8, 3, 16, 16)
    colours[:, :, 2:14, 2:8] = 1
    parts = figure(Chance(0, 8), colours, alpha)[:, 0, 8]
    plain = (parts[:, 4] == 1) & (parts[:, 12] == 1)
    assert (plain | ((parts[:, 4] - parts[:, 12]).abs() == 1)).all()
    assert not plain.all()


def test_a_plateau_has_no_slope_and_its_sides_fall_opposite_ways() -> None:
    height = torch.zeros(1, 1, 32, 32)
    height[..., 8:24, 8:24] = 1
    across, down = slopes(Chance(0, 1), height)[0]
    assert across[16, 16].item() == pytest.approx(0, abs=1e-5)
    assert across[16, 8] > 0.1 > -0.1 > across[16, 23]
    assert torch.allclose(across, down.T, atol=1e-5)


def test_a_lockup_holds_mark_and_name_apart() -> None:
    mark, name = torch.zeros(40, 4, 32, 32), torch.zeros(40, 4, 32, 32)
    mark[:, [0, 3]] = 1
    name[:, [1, 3]] = 1
    both, aspects = lockup(Chance(0, 40), mark, torch.ones(40), name, torch.full((40,), 4.0))
    red, green = both[:, 0] > 0.5, both[:, 1] > 0.5
    assert not (red & green).any()
    assert (red.sum((1, 2)) > 100).all()
    assert (green.sum((1, 2)) > 10).all()
    assert (aspects > 0.3).all()


def atlas() -> Atlas:
    draw = np.random.default_rng(0)
    marks = [Mark(f"brand{i // 2}", "one" if i % 2 else "two", 1.0) for i in range(20)]
    pixels = np.zeros((20, 4, SIDE, SIDE), np.uint8)
    for brand in range(10):
        coarse = draw.random((SIDE // 16, SIDE // 16)) < 0.5
        pixels[2 * brand : 2 * brand + 2, 3] = 255 * np.kron(coarse, np.ones((16, 16)))
    return Atlas.of(marks, pixels)


def test_a_batch_has_the_shares_asked_for_and_the_labels_of_its_brands() -> None:
    pairs = MarkPairs(atlas(), PHOTOS, 32, {"one": 0.25, "two": 0.75}, seed=1)
    batch = pairs.draw(step=5, size=12)
    assert batch.first.shape == batch.second.shape == (12, 3, 32, 32)
    assert len(batch.labels) == 12
    again = pairs.draw(step=5, size=12)
    assert torch.equal(batch.second, again.second)
    assert not torch.equal(batch.second, pairs.draw(step=6, size=12).second)


def test_kin_are_the_marks_of_one_brand_that_look_alike() -> None:
    made = atlas()
    kin = MarkPairs(made, PHOTOS, 32, {"one": 1.0}, seed=1).kin
    assert kin == {i: [i - i % 2, i - i % 2 + 1] for i in range(20)}
    pixels = made.shelves[0].copy()
    pixels[1] = pixels[1, :, ::-1, ::-1]
    other = MarkPairs(Atlas.of(made.marks, pixels), PHOTOS, 32, {"one": 1.0}, seed=1).kin
    assert 0 not in other
    assert 2 in other


def test_a_tenth_of_the_brands_is_held_out_whatever_else_there_is() -> None:
    held = [held_out(f"brand {i}") for i in range(5000)]
    assert 400 < sum(held) < 600
    assert held == [held_out(f"brand {i}") for i in range(5000)]


class Placed(torch.overrides.TorchFunctionMode):
    """Fails where a tensor is made without saying on which device."""

    made = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        kwargs = kwargs or {}
        if func in MADE:
            self.made += 1
            assert "device" in kwargs, f"{func.__name__} makes a tensor on no named device"
        return func(*args, **kwargs)


def test_a_batch_is_made_where_it_is_asked_for_and_of_held_marks_is_the_same() -> None:
    shares = {"one": 0.5, "two": 0.5}
    plain = MarkPairs(atlas(), PHOTOS, 32, shares, seed=1, turns=0.5)
    held = plain.to(torch.device("cpu"))
    with Placed() as placed:
        batch = held.draw(step=2, size=20)
    assert placed.made > 50
    expected = plain.draw(step=2, size=20)
    assert torch.equal(batch.first, expected.first)
    assert torch.equal(batch.second, expected.second)
    assert torch.equal(batch.labels, expected.labels)


def test_a_seed_draws_on_the_processor_what_it_always_drew() -> None:
    """Means as the first version drew them; rounding may differ by machine."""
    batch = MarkPairs(atlas(), GROUNDS, 32, {"one": 0.5, "two": 0.5}, seed=1).draw(2, 8)
    for views, levels in ((batch.first, FIRST), (batch.second, SECOND)):
        assert views.float().mean((1, 2, 3)).tolist() == pytest.approx(levels, abs=0.2)


def test_a_mark_has_eight_turns_of_which_one_is_itself() -> None:
    mark = torch.arange(16.0).view(1, 1, 4, 4).expand(8, 1, 4, 4)
    which = torch.tensor([[n & 1, n & 2, n & 4] for n in range(8)]).bool()
    marks, aspects = turned(mark, torch.full((8,), 2.0), which)
    assert len({tuple(one.flatten().tolist()) for one in marks}) == 8
    assert torch.equal(marks[0], mark[0])
    assert torch.equal(marks[3], mark[0].rot90(2, (1, 2)))
    assert aspects.tolist() == [2.0] * 4 + [0.5] * 4


def test_names_are_never_turned() -> None:
    made = atlas()
    marks = tuple(Mark(m.brand, "word", m.aspect) for m in made.marks)
    lettered = Atlas(marks, made.shelves, made.places)
    batches = [
        MarkPairs(lettered, PHOTOS, 32, {"word": 1.0}, seed=1, turns=share) for share in (0.5, 0.9)
    ]
    first, second = (pairs.draw(0, 12) for pairs in batches)
    assert torch.equal(first.first, second.first)
