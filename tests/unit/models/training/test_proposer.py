"""The proposer of regions: its loss against the equations, its graph against the contract."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
onnxruntime = pytest.importorskip("onnxruntime")

from models.modality import Item  # noqa: E402
from models.onnx_encoder import OnnxEncoder  # noqa: E402
from models.training.regions.export import add_regions, export_regions  # noqa: E402
from models.training.regions.loss import centre_loss, reference  # noqa: E402
from models.training.regions.net import PROPOSALS, SIDE, Proposals, Proposer  # noqa: E402
from tests.picture_bundle import write_picture_bundle  # noqa: E402
from tests.pictures import encoded, noise  # noqa: E402


@pytest.mark.parametrize("seed", range(4))
def test_the_loss_is_its_own_slow_reference(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    maps = torch.randn(3, 5, 8, 8, generator=draw, dtype=torch.float64)
    low = torch.rand(5, 2, generator=draw, dtype=torch.float64) * 40
    size = 1 + torch.rand(5, 2, generator=draw, dtype=torch.float64) * 50
    boxes = torch.cat([low, low + size], 1).clamp(max=64)
    rows = torch.tensor([0, 0, 0, 2, 2])
    found = centre_loss(maps, boxes, rows).item()
    assert found == pytest.approx(reference(maps.tolist(), boxes.tolist(), rows.tolist()), rel=1e-9)


def test_the_loss_of_empty_scenes_is_of_their_background_alone() -> None:
    maps = torch.randn(2, 5, 4, 4, dtype=torch.float64).requires_grad_()
    nothing = torch.zeros(0, 4, dtype=torch.float64), torch.zeros(0, dtype=torch.int64)
    loss = centre_loss(maps, *nothing)
    loss.backward()
    assert loss.item() == pytest.approx(reference(maps.tolist(), [], []), rel=1e-9)
    assert maps.grad[:, 0].min() > 0  # every logit falls
    assert maps.grad[:, 1:].abs().max() == 0


def maps_of(box: tuple[float, float, float, float]) -> "torch.Tensor":
    """Draw the maps of one certain mark."""
    x0, y0, x1, y1 = (side / 8 for side in box)
    maps = torch.full((1, 5, 32, 32), -9.0)
    middle = (x0 + x1) / 2, (y0 + y1) / 2
    column, row = (int(at) for at in middle)
    place = [middle[0] - column, middle[1] - row]
    size = [np.log(x1 - x0), np.log(y1 - y0)]
    maps[0, :, row, column] = torch.tensor([6.0, *place, *size])
    maps[0, 0, row, column + 1] = 4.0  # a neighbour, that the peak hides
    return maps


class Fixed(torch.nn.Module):
    """A net that has made up its mind."""

    def __init__(self, maps: "torch.Tensor") -> None:
        super().__init__()
        self.maps = maps

    def forward(self, pixels: "torch.Tensor") -> "torch.Tensor":
        return self.maps.expand(len(pixels), -1, -1, -1)


def test_what_the_loss_asks_for_is_what_the_graph_reads() -> None:
    box = (40.0, 60.0, 133.0, 90.0)
    maps = maps_of(box)
    boxes, scores = Proposals(Fixed(maps))(torch.zeros(1, 3, SIDE, SIDE, dtype=torch.uint8))
    assert (boxes[0, 0] * SIDE).tolist() == pytest.approx(box, abs=1e-3)
    assert scores[0, 0].item() == pytest.approx(torch.tensor(6.0).sigmoid().item())
    assert scores[0, 1] < 0.01
    maps[0, 0, :, 10:12] = maps[0, 0, 9, 10]  # without its neighbour, only the focal term is left
    right = centre_loss(maps, torch.tensor([box]), torch.tensor([0])).item()
    wrong = centre_loss(maps, torch.tensor([box]) + 6.0, torch.tensor([0])).item()
    assert right < wrong


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Proposer, Path]:
    torch.manual_seed(0)
    net = Proposer().eval()
    with torch.no_grad():
        net.head[-1].weight.mul_(3)  # scores that differ
    path = tmp_path_factory.mktemp("regions") / "regions.onnx"
    export_regions(net, path)
    return net, path


def test_the_file_keeps_the_contract(exported: tuple[Proposer, Path]) -> None:
    net, path = exported
    assert path.stat().st_size <= 3_000_000
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (entry,), exits = session.get_inputs(), session.get_outputs()
    assert (entry.name, entry.type, entry.shape[1:]) == ("pixels", "tensor(uint8)", [3, SIDE, SIDE])
    assert [(out.name, out.type) for out in exits] == [
        ("boxes", "tensor(float)"),
        ("scores", "tensor(float)"),
    ]
    draw = np.random.default_rng(0)
    for count in (1, 3):
        pixels = draw.integers(0, 256, (count, 3, SIDE, SIDE), dtype=np.uint8)
        boxes, scores = session.run(None, {"pixels": pixels})
        assert boxes.shape == (count, PROPOSALS, 4)
        assert scores.shape == (count, PROPOSALS)
        assert boxes.min() >= 0
        assert boxes.max() <= 1
        assert (boxes[..., :2] <= boxes[..., 2:]).all()
        assert scores.min() >= 0
        assert scores.max() <= 1
        assert (np.diff(scores, axis=1) <= 0).all()
        with torch.no_grad():
            _, expected = Proposals(net)(torch.from_numpy(pixels))
        assert np.abs(scores - expected.numpy()).max() < 2e-3  # its weights are float16


def test_a_picture_is_proposed_for_alone(exported: tuple[Proposer, Path]) -> None:
    session = onnxruntime.InferenceSession(exported[1], providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, SIDE, SIDE), dtype=np.uint8)
    both = session.run(None, {"pixels": pixels})[1]
    alone = session.run(None, {"pixels": pixels[1:]})[1]
    assert np.abs(both[1:] - alone).max() < 1e-5


def test_it_learns_to_find_a_bright_square() -> None:
    torch.manual_seed(0)
    net = Proposer((8, 8, 8, 8))
    optimiser = torch.optim.Adam(net.parameters(), 1e-2)
    draw = np.random.default_rng(0)

    def scene() -> tuple["torch.Tensor", "torch.Tensor"]:
        pixels, boxes = torch.full((4, 3, 64, 64), 40, dtype=torch.uint8), []
        for picture in pixels:
            x, y = (int(at) for at in draw.integers(0, 40, 2))
            picture[:, y : y + 20, x : x + 20] = 220
            boxes.append((x, y, x + 20, y + 20))
        return pixels, torch.tensor(boxes, dtype=torch.float32)

    for _ in range(50):
        pixels, boxes = scene()
        loss = centre_loss(net(pixels), boxes, torch.arange(4))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    pixels, boxes = scene()
    found = Proposals(net.eval(), 4)(pixels)[0][:, 0] * 64
    assert (found - boxes).abs().mean() < 4


def test_a_bundle_gets_regions_and_keeps_its_space(tmp_path: Path) -> None:
    folder = write_picture_bundle(tmp_path)
    before = OnnxEncoder.open(folder, threads=1)
    assert before.regions is None
    export_regions(Proposer(), tmp_path / "regions.onnx")
    for _ in range(2):  # a second one takes the place of the first
        add_regions(folder, tmp_path / "regions.onnx")
    after = OnnxEncoder.open(folder, threads=1)
    assert after.space == before.space
    assert after.regions is not None
    *found, whole = after.regions.of(Item("image", encoded(noise(300, 200), "PNG")), 8)
    assert whole.high == (300, 200)
    assert len(found) <= 7
