"""The mark in a clean picture: without its ground, and without the name below or beside it."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from models.modality import Item, open_modality
from models.pictures.emblem import SIDE_MAX, emblem_box

Box = tuple[int, int, int, int]


def drawn(size: tuple[int, int], *boxes: Box, ground: str | None = None) -> Image.Image:
    """Draw boxes, by their first and last pixels, on a ground or on nothing."""
    image = Image.new("RGB", size, ground) if ground else Image.new("RGBA", size)
    pen = ImageDraw.Draw(image)
    for left, top, right, bottom in boxes:
        pen.rectangle((left, top, right - 1, bottom - 1), fill="red")
    return image


MARK = (60, 20, 140, 100)
LETTERS = [(x, 110, x + 8, 130) for x in range(40, 160, 12)]


@pytest.mark.parametrize("ground", [None, "white", "black", "#336"])
def test_a_name_below_or_above_is_left_out(ground: str | None) -> None:
    assert emblem_box(drawn((200, 150), MARK, *LETTERS, ground=ground)) == MARK
    above = [(left, 2, right, 14) for left, _, right, _ in LETTERS]
    assert emblem_box(drawn((200, 150), MARK, *above, ground=ground)) == MARK


def test_a_name_beside_is_left_out() -> None:
    letters = [(x, 40, x + 12, 80) for x in range(170, 320, 18)]
    assert emblem_box(drawn((340, 150), MARK, *letters)) == MARK


@pytest.mark.parametrize(
    "boxes",
    [
        [(20, 20, 100, 60), (20, 70, 100, 108)],  # two parts of a kind
        [(20, 20, 100, 50), (20, 60, 100, 80), (20, 90, 100, 110)],
        [(x, 20, x + 20, 90) for x in range(20, 180, 26)],  # letters of one height
        [(20, 20, 60, 90), *((x, 40, x + 20, 90) for x in range(66, 180, 26))],  # a capital
    ],
)
def test_what_is_one_mark_stays_whole(boxes: list[Box]) -> None:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    whole = (min(lefts), min(tops), max(rights), max(bottoms))
    assert emblem_box(drawn((200, 130), *boxes)) == whole


def test_a_photo_stays_whole() -> None:
    pixels = np.random.default_rng(0).integers(256, size=(90, 120, 3)).astype(np.uint8)
    assert emblem_box(Image.fromarray(pixels)) == (0, 0, 120, 90)
    slope = np.add.outer(np.arange(90), np.arange(120)).astype(np.uint8)
    assert emblem_box(Image.fromarray(np.stack([slope] * 3, 2))) == (0, 0, 120, 90)


def test_of_one_colour_it_stays_whole_and_of_nothing_there_is_nothing() -> None:
    assert emblem_box(Image.new("RGB", (30, 20), "red")) == (0, 0, 30, 20)
    assert emblem_box(Image.new("RGBA", (30, 20), "red")) == (0, 0, 30, 20)
    assert emblem_box(Image.new("RGBA", (30, 20))) is None


def test_a_large_picture_is_looked_at_small_to_the_pixel_of_that() -> None:
    factor = 8
    size = (200 * factor, 150 * factor)
    assert max(size) > SIDE_MAX
    boxes = [tuple(factor * side for side in box) for box in (MARK, *LETTERS)]
    found = emblem_box(drawn(size, *boxes))  # type: ignore[arg-type]
    assert found is not None
    assert np.abs(np.array(found) - np.array(boxes[0])).max() <= factor


def pixels_of(image: Image.Image, **exif: int) -> np.ndarray:
    buffer = io.BytesIO()
    tags = Image.Exif()
    tags[0x0112] = exif.get("orientation", 1)
    image.save(buffer, "png", exif=tags)
    modality = open_modality("image", {"size": 16, "fit": "stretch", "emblem": True}, Path())
    return modality.decode(Item("image", buffer.getvalue())).arrays["pixels"]


def test_serving_embeds_the_mark_alone_whichever_way_the_file_lies() -> None:
    image = drawn((200, 150), MARK, *LETTERS, ground="white")
    expected = pixels_of(image.crop(MARK))
    assert (pixels_of(image) == expected).all()
    lying = image.transpose(Image.Transpose.ROTATE_90)
    assert (pixels_of(lying, orientation=6) == expected).all()
