"""The first line of print: found among others, of one height, cut on the right."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.modalities.image import ImageConfig
from models.modality import Item, open_modality
from models.pictures.line import BASE, SMALL_LETTER, Strip, first_band, lined, split_level

STRIP = Strip(height=32, width=128)
LEVEL = 40


def page(*tops: int, size: int = 10, width: int = 300, height: int = 100) -> Image.Image:
    """Draw lines of small letters, bars of a size, every fourth of which goes on above."""
    grey = np.full((height, width, 3), 220, np.uint8)
    for top in tops:
        for number, left in enumerate(range(4, width - size, size)):
            above = size // 2 if number % 4 == 0 else 0
            grey[top - above : top + size, left : left + size // 2] = LEVEL
    return Image.fromarray(grey)


def test_the_first_of_several_lines_is_found_to_the_row() -> None:
    grey = np.asarray(page(20, 45, 70).convert("L"))
    top, bottom = first_band(grey)
    assert abs(top - 20) <= 1
    assert abs(bottom - 30) <= 1


def test_remains_of_a_line_above_are_not_taken_for_one() -> None:
    image = np.array(page(30))
    image[0:2, :] = LEVEL
    assert abs(first_band(image[..., 0])[0] - 30) <= 1


@pytest.mark.parametrize("size", [8, 16, 24])
def test_small_letters_have_one_height_and_stand_on_one_base(size: int) -> None:
    strip = lined(page(40, size=size, width=600, height=140), STRIP)
    assert strip is not None
    assert strip.shape == (3, 32, 128)
    rows = np.flatnonzero((strip[0] < 130).mean(1) > 0.25)
    assert abs(rows[-1] + 1 - BASE * 32) <= 2
    assert abs(len(rows) - SMALL_LETTER * 32) <= 2.5


def test_beside_a_short_line_there_is_paper() -> None:
    strip = lined(page(20, width=60, height=40), STRIP)
    assert strip is not None
    assert (strip[:, :, 100:] == 220).all()


def test_what_is_transparent_all_over_shows_nothing_and_the_rest_lies_on_its_ground() -> None:
    image = page(20).convert("RGBA")
    opaque = lined(image, STRIP)
    assert opaque is not None
    np.testing.assert_array_equal(opaque, lined(page(20), STRIP))
    image.putalpha(0)
    assert lined(image, STRIP) is None


def test_a_turned_picture_is_turned_back() -> None:
    upright, turned = lined(page(20), STRIP), page(20).transpose(Image.Transpose.ROTATE_180)
    np.testing.assert_array_equal(lined(turned, STRIP, orientation=3), upright)


@pytest.mark.parametrize("shape", [(1, 1), (3, 400), (400, 3)])
def test_a_picture_without_ink_is_a_strip_of_paper(shape: tuple[int, int]) -> None:
    strip = lined(Image.new("RGB", shape, (9, 9, 9)), STRIP)
    assert strip is not None
    assert strip.shape == (3, 32, 128)
    assert (strip == 9).all()


def test_ink_and_paper_are_parted_between_their_levels() -> None:
    assert LEVEL < split_level(np.asarray(page(20).convert("L"))) <= 220


def test_the_image_modality_takes_a_width_for_lines_only() -> None:
    config = {"size": 32, "width": 128, "fit": "line"}
    modality = open_modality("image", config, Path())
    assert modality.cost_max == 32 * 128
    assert modality.collate([])["pixels"].shape == (0, 3, 32, 128)
    with pytest.raises(ValueError, match="width is needed for lines of print"):
        ImageConfig(size=32, fit="line")
    with pytest.raises(ValueError, match="width is needed for lines of print"):
        ImageConfig(size=32, width=64)


def test_a_picture_goes_through_the_modality_as_through_the_strip() -> None:
    file = io.BytesIO()
    page(20).save(file, "png")
    config = {"size": 32, "width": 128, "fit": "line"}
    modality = open_modality("image", config, Path())
    pixels = modality.decode(Item("image", file.getvalue())).arrays["pixels"]
    np.testing.assert_array_equal(pixels, lined(page(20), STRIP))
