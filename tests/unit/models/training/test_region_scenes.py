"""Scenes that the proposer learns from, and the figures that tell how well it did."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.marks.atlas import SIDE, Atlas, Mark  # noqa: E402
from models.training.regions.again import Again, varied  # noqa: E402
from models.training.regions.clutter import KINDS, clutter  # noqa: E402
from models.training.regions.figures import Found, figures, grid, iou, suppressed  # noqa: E402
from models.training.regions.placing import Placed, lay  # noqa: E402
from models.training.regions.scenes import Scene, Scenes  # noqa: E402


def atlas(count: int) -> Atlas:
    """Make opaque marks of noise, each of a different proportion."""
    draw = np.random.default_rng(0)
    pixels = draw.integers(0, 256, (count, 4, SIDE, SIDE), dtype=np.uint8)
    pixels[:, 3] = 255
    return Atlas.of([Mark(f"b{i}", "made", 0.5 + i / count) for i in range(count)], pixels)


def photos(count: int, side: int = 96) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, 3, side, side), dtype=np.uint8)


def scenes(side: int, seed: int = 3) -> Scenes:
    ground = torch.from_numpy(photos(3))
    return Scenes(atlas(5), clutter(6, photos(2), 0), ground, side, {"made": 1.0}, seed)


@pytest.mark.parametrize("seed", range(20))
def test_a_mark_is_where_its_box_says(seed: int) -> None:
    placed = Placed(np.random.default_rng(seed), torch.zeros(3, 128, 96))
    lay(placed, [torch.ones(1, 4, 64, 64)], 0, 1.7, is_mark=True)
    (box,) = placed.marks
    ys, xs = (placed.scene[0] > 0.3).nonzero(as_tuple=True)
    assert box == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert 0 <= box[0] < box[2] <= 96
    assert 0 <= box[1] < box[3] <= 128


def test_clutter_gets_no_box_and_hides_no_mark() -> None:
    placed = Placed(np.random.default_rng(0), torch.zeros(3, 128, 128))
    lay(placed, [torch.ones(1, 4, 64, 64)], 0, 1.0, is_mark=True)
    for _ in range(40):
        lay(
            placed,
            [torch.ones(1, 4, 64, 64) * torch.tensor([0, 0, 0, 1.0])[:, None, None]],
            0,
            1.0,
            is_mark=False,
        )
    (x0, y0, x1, y1) = (int(side) for side in placed.marks[0])
    assert len(placed.marks) == 1
    assert placed.scene[:, y0:y1, x0:x1].mean() > 0.05  # forty took corners at most


def test_a_mark_that_nobody_would_see_is_left_out() -> None:
    placed = Placed(np.random.default_rng(0), torch.ones(3, 128, 128))
    lay(placed, [torch.ones(1, 4, 64, 64)], 0, 1.0, is_mark=True)
    assert placed.marks == []


def test_the_same_step_draws_the_same_scenes() -> None:
    first, second = (scenes(128).draw(4, 6) for _ in range(2))
    assert torch.equal(first.pixels, second.pixels)
    assert torch.equal(first.boxes, second.boxes)
    assert not torch.equal(first.pixels, scenes(128).draw(5, 6).pixels)
    assert first.pixels.dtype == torch.uint8
    assert (first.boxes[:, :2] >= 0).all()
    assert (first.boxes[:, 2:] <= 128).all()
    assert (first.boxes[:, 2:] > first.boxes[:, :2]).all()
    assert set(first.rows.tolist()) <= set(range(6))


def test_training_goes_on_as_it_would_have() -> None:
    def draws() -> Again:
        return Again(scenes(64), scenes(128), turn=20)

    steady = draws()
    seen = [steady.draw(step, 4) for step in range(40)]
    resumed = draws().draw(30, 4)
    assert torch.equal(seen[30].pixels, resumed.pixels)
    assert {scene.pixels.shape for scene in seen} == {(4, 3, 64, 64), (1, 3, 128, 128)}


@pytest.mark.parametrize("seed", range(8))
def test_boxes_follow_a_mirrored_scene(seed: int) -> None:
    pixels = torch.full((1, 3, 32, 32), 50, dtype=torch.uint8)
    pixels[:, :, 4:9, 20:30] = 200
    scene = Scene(pixels, torch.tensor([[20.0, 4.0, 30.0, 9.0]]), torch.tensor([0]))
    found = varied(np.random.default_rng(seed), scene)
    x0, y0, x1, y1 = (int(side) for side in found.boxes[0])
    inside = found.pixels[0, :, y0:y1, x0:x1]
    assert len(inside.unique()) == 1
    assert (found.pixels == inside[0, 0, 0]).sum() == inside.numel()


def test_every_kind_of_clutter_is_seen() -> None:
    drawn = clutter(120, photos(2), 5)
    assert {mark.source for mark in drawn.marks} == {kind.__name__.strip("_") for kind in KINDS}
    seen = drawn.look(range(120))
    assert seen.shape == (120, 4, SIDE, SIDE)
    assert (seen[:, 3].amax((1, 2)) > 0.05).all()  # there is something to see


def test_figures_of_what_is_known() -> None:
    boxes = torch.tensor([[0.0, 0, 16, 16], [20, 20, 60, 60], [100, 0, 120, 100]])
    scene = Scene(torch.zeros(2, 3, 128, 128, dtype=torch.uint8), boxes, torch.tensor([0, 0, 1]))
    astray = [64.0, 64, 128, 128]

    def propose(pixels: "torch.Tensor") -> list[Found]:
        first = np.array([astray] * 8 + [[0, 0, 16, 16], [20, 20, 60, 60]], np.float32)
        second = np.array([[0, 0, 20, 100]], np.float32)
        return [
            Found(first, np.linspace(1, 0.1, 10, dtype=np.float32)),
            Found(second, np.array([0.5], np.float32)),
        ]

    told = figures(propose, [scene])
    assert told["recall_8"] == 0
    assert told["recall_16"] == pytest.approx(2 / 3)
    assert told["recall_16_upto_0.125"] == 1
    assert told["recall_from_0.2"] == pytest.approx(1 / 3)  # the two have scores of 0.2 and 0.1
    assert told["false_from_0.5"] == pytest.approx((6 + 1) / 2)
    assert told["scenes"] == 2
    assert told["marks"] == 3


def test_boxes_that_stand_on_a_better_one_are_dropped() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]], np.float32)
    assert suppressed(Found(boxes, np.array([0.9, 0.8, 0.7], np.float32))).scores.tolist() == [
        pytest.approx(0.9),
        pytest.approx(0.7),
    ]
    assert iou(boxes, boxes)[0].tolist() == pytest.approx([1, 0.9, 0])


def test_the_grid_covers_the_picture() -> None:
    (found,) = grid(torch.zeros(1, 3, 100, 100, dtype=torch.uint8))
    covered = np.zeros((100, 100), bool)
    for x0, y0, x1, y1 in found.boxes.round().astype(int):
        covered[y0:y1, x0:x1] = True
    assert covered.all()
    assert len(np.unique(found.boxes, axis=0)) == len(found.boxes)
