"""The reader itself, on words that are drawn here; where the extra is installed."""

import io
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image, ImageDraw, ImageFont

from models.errors import InputError
from models.pictures.grams import plain
from models.pictures.photo import photographed
from tests.pictures import encoded

pytest.importorskip("rapidocr", reason="the ocr extra is not installed")

from models.pictures.ocr import Reader

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # a foreign library's own


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(threads=1)


def word(text: str, size: int = 60, colour: str = "black", ground: object = "white") -> Image.Image:
    image = Image.new("RGBA", (round(size * 0.75 * len(text)) + size, 2 * size), ground)  # type: ignore[arg-type]
    font = ImageFont.load_default(size=size)
    ImageDraw.Draw(image).text((size // 2, size // 3), text, fill=colour, font=font)
    return image


def test_a_word_is_read_as_drawn_and_as_in_a_photo(reader: Reader) -> None:
    drawn = encoded(word("ACME Bolts"), "PNG")
    assert plain(reader(drawn)).replace(" ", "") == "acmebolts"
    assert "acme" in plain(reader(photographed(drawn, seed=1)))
    assert "torch" not in sys.modules or "rapidocr.inference_engine.pytorch" not in sys.modules


def test_white_letters_on_nothing_are_read(reader: Reader) -> None:
    assert plain(reader(encoded(word("WHITE", colour="white", ground=(0, 0, 0, 0)), "PNG"))) == (
        "white"
    )


def test_where_nothing_stands_nothing_is_read(reader: Reader) -> None:
    assert reader(encoded(Image.new("RGB", (300, 200), "grey"), "PNG")) == ""
    assert reader(encoded(Image.new("RGBA", (300, 200)), "PNG")) == ""


def test_small_print_beside_a_name_is_left_out(reader: Reader) -> None:
    image = Image.new("RGB", (600, 300), "white")
    image.paste(word("BIGNAME", 90).convert("RGB"), (0, 0))
    image.paste(word("small print", 20).convert("RGB"), (40, 230))
    assert plain(reader(encoded(image, "PNG"))) == "bigname"


def test_it_is_safe_from_several_threads(reader: Reader) -> None:
    words = ["ALPHA", "BRAVO", "DELTA"] * 2
    files = [encoded(word(one), "PNG") for one in words]
    with ThreadPoolExecutor(3) as pool:
        assert [plain(one).upper() for one in pool.map(reader, files)] == words


def test_what_is_no_picture_is_the_items_fault(reader: Reader) -> None:
    buffer = io.BytesIO()
    word("TORN").save(buffer, "PNG")
    for content in (b"no picture", buffer.getvalue()[:60]):
        with pytest.raises(InputError):
            reader(content)
