"""Where regions of a picture lie, whatever its shape, its size and the way it is turned."""

import io

import numpy as np
import pytest
from PIL import Image

from models.errors import BundleUnsupported, InputError, ItemTooLarge
from models.modality import Array, Item
from models.region import Region, apart, covered, open_regions, overlap
from models.regions.image import WORKING_SIDE, PictureRegions
from tests.pictures import encoded, noise, turned

SIDE = 256


class Net:
    """Proposes what it is told, and keeps what it was shown."""

    def __init__(self, *boxes: tuple[float, float, float, float]) -> None:
        self.boxes = np.array(boxes or [(0, 0, 0, 0)], np.float32)
        self.shown: Array = np.empty(0)

    def __call__(self, pixels: Array) -> tuple[Array, Array]:
        self.shown = pixels
        falling = np.linspace(0.9, 0.5, len(self.boxes), dtype=np.float32)
        return self.boxes[np.newaxis], falling[np.newaxis]


def regions(net: Net, picture: bytes, most: int = 10) -> list[Region]:
    return PictureRegions(net, side=SIDE, pixels_max=10_000_000).of(Item("image", picture), most)


def opened(region: Region) -> Image.Image:
    assert isinstance(region.item.content, bytes)
    return Image.open(io.BytesIO(region.item.content))


@pytest.mark.parametrize(("width", "height"), [(400, 200), (200, 400), (3000, 1500), (300, 300)])
def test_a_box_lies_where_the_square_showed_it(width: int, height: int) -> None:
    picture = Image.new("RGB", (width, height), "white")
    left, top = width // 2, height // 4
    picture.paste("red", (left, top, left + width // 4, top + height // 2))
    net = Net()
    regions(net, encoded(picture, "PNG"))
    red = (net.shown[0, 0] > 200) & (net.shown[0, 1] < 60)
    y, x = np.nonzero(red)
    box = (x.min() / SIDE, y.min() / SIDE, (x.max() + 1) / SIDE, (y.max() + 1) / SIDE)
    found, whole = regions(Net(box), encoded(picture, "PNG"))
    pixel = 1.5 * max(width, height) / SIDE
    np.testing.assert_allclose(found.low, (left, top), atol=pixel)
    np.testing.assert_allclose(found.high, (left + width // 4, top + height // 2), atol=pixel)
    assert (whole.low, whole.high, whole.likelihood) == ((0, 0), (width, height), 0)
    share = np.mean(np.asarray(opened(found)) == (255, 0, 0))
    assert share > 0.7  # what is cut is the box and its margin


def test_a_turned_picture_is_looked_at_and_told_upright() -> None:
    for orientation in range(1, 9):
        stored = noise(300, 200)
        picture = encoded(stored, "PNG", exif=turned(orientation))
        found, whole = regions(Net((0, 0.25, 0.5, 0.5)), picture)
        upright = (300, 200) if orientation < 5 else (200, 300)
        assert whole.high == upright
        assert all(0 <= low < high for low, high in zip(found.low, found.high, strict=True))
        assert max(found.high) <= 300


def test_what_is_the_same_thing_or_nothing_is_left_out() -> None:
    box = (0.2, 0.2, 0.6, 0.6)
    net = Net(
        box, (0.21, 0.2, 0.6, 0.6), (0.7, 0.7, 0.9, 0.9), (0.5, 0.5, 0.501, 0.9), (1, 1, 0, 0)
    )
    found = regions(net, encoded(noise(300, 300), "PNG"))
    assert [round(region.likelihood, 1) for region in found] == [0.9, 0.7, 0.0]
    assert len(regions(net, encoded(noise(300, 300), "PNG"), most=2)) == 2
    assert apart(np.empty((0, 4)), np.empty(0), 0.5) == []


def test_a_large_picture_is_cut_at_the_working_size() -> None:
    found, whole = regions(Net((0.25, 0.25, 0.75, 0.75)), encoded(noise(2560, 2560), "JPEG"))
    assert whole.high == (2560, 2560)
    assert found.high[0] - found.low[0] == pytest.approx(1280, abs=2)
    assert max(opened(found).size) <= WORKING_SIDE * 0.6


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ItemTooLarge):
        regions(Net(), encoded(Image.new("1", (4000, 4000)), "PNG"))
    for bad in (b"", b"not a picture", encoded(noise(), "PNG")[:60]):
        with pytest.raises(InputError):
            regions(Net(), bad)
    with pytest.raises(InputError):
        PictureRegions(Net(), side=SIDE, pixels_max=100).of(Item("text", "a"), 5)
    with pytest.raises(BundleUnsupported, match="no regions"):
        open_regions("text", Net(), SIDE, {})


def test_overlap_and_cover_of_boxes_and_of_seconds() -> None:
    nothing = Item("audio", b"")
    one, other = (Region((low,), (low + 2,), nothing, 1.0) for low in (0.0, 1.0))
    inner = Region((0.5,), (1.0,), nothing, 1.0)
    assert overlap(one, other) == pytest.approx(1 / 3)
    assert (covered(one, inner), covered(one, other)) == (1.0, 0.5)
    assert overlap(one, Region((5.0,), (6.0,), nothing, 1.0)) == 0
