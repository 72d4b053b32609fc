"""What is seen of a picture, whatever its format, its colours and the way it lies."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from models.errors import ItemEmpty, ItemUndecodable, ModalityUnsupported
from models.modalities.image import build, item_of
from models.modality import Item
from tests.pictures import chunk, encoded, noise, png, tiff, turned

SIDE = 16
Pixels = NDArray[np.uint8]


def seen(content: bytes, **config: Any) -> Pixels:
    """Decode, with a square as large as the picture: nothing is resized."""
    modality = build({"size": SIDE} | config, Path())
    pixels: Pixels = modality.decode(Item("image", content)).arrays["pixels"]
    return pixels


def rows(image: Image.Image) -> Pixels:
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


SQUARE = noise(SIDE, SIDE)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("BMP", {}),
        ("WEBP", {"lossless": True}),
        *(
            ("TIFF", {"compression": c})
            for c in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")
        ),
    ],
)
def test_what_a_lossless_file_holds_is_seen(kind: str, options: dict[str, Any]) -> None:
    np.testing.assert_array_equal(seen(encoded(SQUARE, kind, **options)), rows(SQUARE))


def test_what_a_jpeg_holds_is_seen_nearly() -> None:
    smooth = noise(4, 4).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    content = encoded(smooth, "JPEG", quality=95, subsampling=0)
    assert np.abs(seen(content).astype(int) - rows(smooth)).mean() < 2


@pytest.mark.parametrize("mode", ["1", "L", "P"])
@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_grey_black_and_white_and_palettes(mode: str, kind: str) -> None:
    image = SQUARE.convert(mode)
    np.testing.assert_array_equal(seen(encoded(image, kind)), rows(image))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_it_is_seen_upright(kind: str, orientation: int) -> None:
    # EXIF 2.32, section 4.6.4: where row 0 and column 0 of what is stored are seen.
    upright = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90,
    }[orientation]
    stored = np.asarray(noise(SIDE, SIDE // 2))
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(Image.fromarray(stored), kind, exif=turned(orientation), **options)
    expected = Image.fromarray(np.ascontiguousarray(upright(stored)))
    np.testing.assert_array_equal(seen(content), seen(encoded(expected, "PNG")))


def test_a_jpeg_is_seen_upright() -> None:
    image = Image.new("RGB", (SIDE, SIDE), "black")
    image.paste("white", (0, 0, SIDE, SIDE // 2))  # stored with white above: seen at the right
    turned_right = seen(encoded(image, "JPEG", quality=95, exif=turned(6)))
    assert turned_right[:, :, :6].max() < 30
    assert turned_right[:, :, -6:].min() > 225


@pytest.mark.parametrize("ground", [[255, 255, 255], [10, 200, 30]])
def test_what_is_transparent_lies_on_the_stated_ground(ground: list[int]) -> None:
    image = noise(SIDE, SIDE, channels=4)
    colours = np.asarray(image).astype(float)
    alpha = colours[..., 3:] / 255
    expected = colours[..., :3] * alpha + np.array(ground) * (1 - alpha)
    for kind in ("PNG", "TIFF"):
        found = seen(encoded(image, kind), ground=ground).transpose(1, 2, 0)
        # Where little is visible, weighting by alpha and back loses the colour's last bits.
        assert np.abs(found - expected).max() <= 2


def test_a_palette_may_be_transparent_entry_by_entry() -> None:
    content = png(
        2, 1, b"\0\0\1", colour=3,
        extra=chunk(b"PLTE", bytes([255, 0, 0, 0, 0, 255])) + chunk(b"tRNS", bytes([255, 0])),
    )  # fmt: skip
    pixels = seen(content, fit="stretch")
    assert pixels[:, 5, 0].tolist() == [255, 0, 0]
    assert pixels[:, 5, -1].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    ("colour", "depth", "clear", "row"),
    [
        (2, 8, bytes([0, 9, 0, 8, 0, 7]), bytes([9, 8, 7, 0, 0, 0])),
        (0, 8, bytes([0, 9]), bytes([9, 0])),
        (0, 16, bytes([3, 9]), bytes([3, 9, 0, 0])),
        (0, 1, bytes([0, 1]), bytes([0b10000000])),
    ],
)
def test_one_colour_may_be_the_transparent_one(
    colour: int, depth: int, clear: bytes, row: bytes
) -> None:
    content = png(2, 1, b"\0" + row, colour=colour, depth=depth, extra=chunk(b"tRNS", clear))
    pixels = seen(content, fit="stretch", ground=[0, 255, 0])
    assert pixels[:, 5, 0].tolist() == [0, 255, 0]
    assert pixels[:, 5, -1].tolist() == [0, 0, 0]


def test_sixteen_bits_are_scaled() -> None:
    levels = [0x0000, 0x40FF, 0x8000, 0xFFFF]
    big = b"".join(level.to_bytes(2, "big") for level in levels)
    little = b"".join(level.to_bytes(2, "little") for level in levels)
    grey = Image.frombytes("I;16", (4, 1), little)
    expected = [0x00, 0x40, 0x80, 0xFF]
    files = [
        png(4, 1, b"\0" + big, colour=0, depth=16),
        encoded(grey, "TIFF"),
        encoded(grey, "TIFF", compression="tiff_lzw"),
        encoded(Image.frombytes("I;16B", (4, 1), big), "TIFF"),
        png(4, 1, b"\0" + b"".join(big[at : at + 2] * 3 for at in (0, 2, 4, 6)), depth=16),
    ]
    for content in files:
        modality = build({"size": 8, "fit": "stretch"}, Path())
        pixels = modality.decode(Item("image", content)).arrays["pixels"]
        assert pixels[0, 0, [0, -1]].tolist() == [0x00, 0xFF]
        # Resized from 4 to 8: between levels, but never beyond where clipping would have put them.
        np.testing.assert_allclose(pixels[0, 0, 2:6].mean(), np.mean(expected[1:3]), atol=12)


def test_cmyk_is_taken_as_what_it_subtracts() -> None:
    for ink, colour in (
        ((0, 0, 0, 0), [255, 255, 255]),
        ((0, 0, 0, 255), [0, 0, 0]),
        ((255, 0, 0, 0), [0, 255, 255]),
    ):
        image = Image.new("CMYK", (SIDE, SIDE), ink)
        # Pillow writes JPEGs of CMYK as Adobe does: inverted, and said so by a marker.
        for kind in ("TIFF", "JPEG"):
            assert np.abs(seen(encoded(image, kind))[:, 5, 5] - np.array(colour)).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_picture_is_seen(kind: str) -> None:
    red, blue = (Image.new("RGB", (SIDE, SIDE), name) for name in ("red", "blue"))
    content = encoded(red, kind, save_all=True, append_images=[blue], duration=100)
    assert Image.open(io.BytesIO(content)).n_frames == 2
    pixels = seen(content).astype(int)
    assert np.abs(pixels[:, 5, 5] - [255, 0, 0]).max() <= 3


def test_a_profile_is_not_applied() -> None:
    plain = encoded(SQUARE, "PNG")
    named = encoded(SQUARE, "PNG", icc_profile=b"no profile at all")
    assert named != plain
    np.testing.assert_array_equal(seen(named), seen(plain))


@pytest.mark.parametrize("kind", [2, 3])
def test_samples_of_32_bits_are_refused(kind: int) -> None:
    image = Image.new("I" if kind == 2 else "F", (4, 4))
    with pytest.raises(ItemUndecodable, match="32 bits"):
        seen(encoded(image, "TIFF"))


def test_it_is_padded_in_the_middle_and_keeps_its_proportions() -> None:
    black = encoded(Image.new("RGB", (40, 10)), "PNG")
    pixels = seen(black, ground=[1, 2, 3])
    assert (pixels[:, 6:10] == 0).all()
    for rest in (pixels[:, :6], pixels[:, 10:]):
        assert (rest == np.array([1, 2, 3])[:, None, None]).all()


def test_stretched_it_fills_the_square() -> None:
    assert (seen(encoded(Image.new("RGB", (40, 10)), "PNG"), fit="stretch") == 0).all()


def test_a_margin_stays_free() -> None:
    pixels = seen(encoded(Image.new("RGB", (9, 9)), "PNG"), margin=0.25)
    assert (pixels[:, 4:12, 4:12] == 0).all()
    assert pixels.sum(dtype=int) == 255 * 3 * (SIDE * SIDE - 64)


def marked(colour: str, size: int = SIDE) -> bytes:
    """Draw a square of a colour in the middle of nothing."""
    image = Image.new("RGBA", (size, size))
    image.paste(colour, (4, 4, size - 4, size - 4))
    return encoded(image, "PNG")


def test_a_transparent_border_is_cut_off_where_it_is_asked_for() -> None:
    assert (seen(marked("black"), trim=True) == 0).all()
    assert not (seen(marked("black")) == 0).all()


@pytest.mark.parametrize(
    ("colour", "ground"),
    [("white", 20), ("#f0f0f0", 20), ("black", 255), ("red", 255), ("#c0c0c0", 255)],
)
def test_a_mark_that_would_vanish_gets_the_other_ground(colour: str, ground: int) -> None:
    pixels = seen(marked(colour), contrast=[20, 20, 20])
    assert pixels[:, 0, 0].tolist() == [ground] * 3


def test_what_has_no_transparency_keeps_the_ground() -> None:
    white = encoded(Image.new("RGB", (40, 10), "white"), "PNG")
    assert (seen(white, contrast=[0, 0, 0]) == 255).all()


@pytest.mark.parametrize("trim", [False, True])
def test_nothing_to_see_is_said(trim: bool) -> None:
    with pytest.raises(ItemEmpty, match="transparent all over"):
        seen(encoded(Image.new("RGBA", (9, 9)), "PNG"), trim=trim)


def test_hidden_colours_do_not_bleed() -> None:
    image = Image.new("RGBA", (64, 64), (255, 0, 0, 0))  # red, and not visible
    image.paste("black", (16, 16, 48, 48))
    pixels = seen(encoded(image, "PNG"))
    assert (pixels[0] == pixels[1]).all()


def test_a_large_jpeg_is_reduced_while_it_is_decoded_and_nothing_is_seen_of_it() -> None:
    image = noise(12, 9).resize((1600, 1200), Image.Resampling.BICUBIC)
    content = encoded(image, "JPEG", quality=95)
    far = np.abs(seen(content).astype(int) - seen(encoded(image, "PNG"))).mean()
    assert far < 2


def test_the_same_pixels_come_out_on_every_machine() -> None:
    """A golden value: Pillow resizes in whole numbers."""
    pixels = seen(encoded(noise(301, 97, channels=4), "PNG"), ground=[9, 99, 199])
    assert (int(pixels.sum(dtype=int)), pixels[:, 8, ::5].tolist()) == GOLDEN


GOLDEN = (81492, [[66, 64, 68, 73], [114, 112, 111, 114], [164, 162, 161, 162]])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<svg xmlns=''/>", "SVG"),
        (b"  <?xml version='1.0'?>", "XML"),
        (b"%PDF-1.7", "PDF"),
        (b"RIFF\0\0\0\0WAVE", "no picture"),
        (b"hello", "no picture"),
    ],
)
def test_other_formats_are_named(content: bytes, words: str) -> None:
    with pytest.raises(ModalityUnsupported, match=words):
        seen(content)


def test_base64_is_read_alone_and_in_a_uri() -> None:
    assert item_of({"image": "aGVsbG8="}) == Item("image", b"hello")
    assert item_of({"image": "data:image/png;base64,aGVsbG8="}) == Item("image", b"hello")


@pytest.mark.parametrize(
    "image",
    ["aGVsbG8", "aGVs bG8=", "data:image/png,hello", "data:text/html;base64,aGVsbG8=",
     "/etc/passwd", "file:///etc/passwd", "é"],
)  # fmt: skip
def test_what_is_not_strictly_base64_is_refused(image: str) -> None:
    with pytest.raises(ItemUndecodable, match="base64"):
        item_of({"image": image})


def test_an_old_compression_of_tiff_is_refused() -> None:
    with pytest.raises(ItemUndecodable, match="compression 6"):
        seen(tiff([(256, 3, 1, 4), (257, 3, 1, 4), (259, 3, 1, 6)]))
