"""Pictures that were made to do harm: refused by what their headers say, with words that help."""

import io
import re
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path
from time import monotonic

import pytest
from PIL import Image

from models.errors import InputError, ItemEmpty, ItemTooLarge, ItemUndecodable
from models.modalities.image import build
from models.modality import Features, Item
from tests.pace import PACE
from tests.pictures import chunk, encoded, noise, png, tiff

ROW = bytes(1 + 3 * 8)
RUN_LENGTH, PLAIN = 1, 0


def decode(content: bytes, **config: int) -> Features:
    return build({"size": 16} | config, Path()).decode(Item("image", content))


def bmp(width: int, height: int, compression: int = PLAIN, pixels: bytes = b"") -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, compression, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 54 + 1024) + head + bytes(1024) + pixels


def gif(
    width: int, height: int, before: bytes = b"", frame: tuple[int, ...] = (0, 0, 1, 1)
) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)
    return head + before + b"\x2c" + struct.pack("<HHHHB", *frame, 0) + b"\2\2\x44\1\0;"


def webp(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + bytes(4) + canvas
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def jpeg_of(width: int, height: int) -> bytes:
    """Say that a small JPEG is large."""
    content = bytearray(encoded(noise(8, 8), "JPEG"))
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def strips(count: int, rows: int = 1) -> list[tuple[int, int, int, int]]:
    return [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
            (273, 4, count, 200), (278, 4, 1, rows)]  # fmt: skip


TILED = [(256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1)]


@pytest.mark.parametrize(
    "content",
    [
        png(30_000, 30_000, b""),
        png(1, 2**31 - 1, b""),
        jpeg_of(65_000, 65_000),
        webp(16_383, 16_383),
        webp(1 << 24, 1 << 24),
        gif(65_535, 65_535),
        gif(1, 1, frame=(0, 0, 65_535, 65_535)),
        bmp(2**31 - 1, 2**31 - 1),
        bmp(60_000, -60_000),
        tiff([(256, 4, 1, 2**32 - 1), (257, 4, 1, 2**32 - 1)]),
    ],
    ids=lambda content: repr(content[:4]),
)
def test_giants_are_refused_by_their_header_with_the_limit_and_a_remedy(content: bytes) -> None:
    tracemalloc.start()
    started = monotonic()
    with pytest.raises(ItemTooLarge, match=r"\d+ x \d+ pixels .* limit is 25000000.*smaller"):
        decode(content)
    assert monotonic() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (png(8, 8, ROW * 8, extra=chunk(b"abCd", b"") * 70_000), "more than 65536 chunks"),
        (gif(5, 5, before=b"\x21\xfe" + b"\1a" * 20_000 + b"\0"), "blocks before its first"),
        (bmp(5000, 5000, RUN_LENGTH, bytes(2 << 20)), "run-length"),
        (tiff(strips(20_000), bytes(100_000)), "more than 16384 strips"),
        (tiff(strips(1000)), "more bytes than it has"),
        (tiff([*strips(1), (259, 3, 1, 1)]), "tag 259 twice"),
        (tiff([*TILED, (322, 4, 1, 1 << 20), (323, 4, 1, 1 << 20), (324, 4, 1, 8)]), "tiles are"),
        (tiff([*TILED, (322, 4, 1, 16), (323, 4, 1, 16), (324, 4, 9, 8)], bytes(99)), "more tiles"),
        (b"\x89PNG\r\n\x1a\n", "no header"),
        (png(0, 5, b""), "0 x 5"),
        (b"\xff\xd8\xff\xe0\0\1", "cut off"),
        (b"\xff\xd8\xff" + b"\xff\xe0\0\2" * 5000, "more than 4096 segments"),
        (b"\xff\xd8\xff\xc3\0\x0b", "lossless"),
        (b"GIF89a" + bytes(7) + b";", "no frame"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "three kinds"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_what_makes_decoders_slow_or_large_is_refused(content: bytes, words: str) -> None:
    started = monotonic()
    with pytest.raises(ItemUndecodable, match=words):
        decode(content)
    assert monotonic() - started < 2


def test_a_progressive_jpeg_of_many_scans_is_refused() -> None:
    content = encoded(Image.new("RGB", (5000, 5000)), "JPEG", progressive=True)
    scan = content[content.rindex(b"\xff\xda") : -2]
    decode(content)
    with pytest.raises(ItemUndecodable, match=r"scans of 5000 x 5000 pixels"):
        decode(content[:-2] + scan * 20 + content[-2:])


BOMB = zlib.compress(bytes(64 << 20))


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"a\0\0" + BOMB),
        chunk(b"iTXt", b"a\0\1\0\0\0" + BOMB),
        chunk(b"iCCP", b"a\0\0" + BOMB),
        chunk(b"eXIf", b"II*\0\x08\0\0\0\xff\xff" + bytes(100)),
    ],
    ids=["zTXt", "iTXt", "iCCP", "eXIf"],
)
def test_what_makes_no_pixels_is_never_inflated(extra: bytes) -> None:
    tracemalloc.start()
    features = decode(png(8, 8, ROW * 8, extra=extra))
    assert tracemalloc.get_traced_memory()[1] < 4 << 20
    tracemalloc.stop()
    assert not features.arrays["pixels"].any()


def test_pixels_that_inflate_beyond_the_header_are_left_alone() -> None:
    assert not decode(png(8, 8, bytes(64 << 20))).arrays["pixels"].any()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(kind: str, share: float) -> None:
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    content = encoded(noise(200, 100), kind, **options)
    with pytest.raises(ItemUndecodable, match=f"begin as {kind} .* save the picture again"):
        decode(content[: int(share * len(content))])


def test_damage_to_the_header_of_a_png_is_seen() -> None:
    content = bytearray(encoded(noise(), "PNG"))
    content[19] ^= 1  # the width
    with pytest.raises(ItemUndecodable, match="checksum of its IHDR"):
        decode(bytes(content))


def test_bytes_are_limited_and_counted_before_anything_else() -> None:
    with pytest.raises(ItemTooLarge, match="10 bytes and the limit is 9"):
        decode(b"0123456789", item_bytes_max=9)
    with pytest.raises(ItemEmpty, match="no bytes"):
        decode(b"")


def test_pixels_are_limited_where_it_is_set() -> None:
    content = encoded(noise(60, 40), "PNG")
    decode(content, pixels_max=2400)
    with pytest.raises(ItemTooLarge, match="60 x 40 pixels and the limit is 2399"):
        decode(content, pixels_max=2399)


def test_a_jpeg_that_is_reduced_while_decoded_may_be_larger() -> None:
    content = encoded(noise(160, 120), "JPEG")
    decode(content, pixels_max=4800)
    with pytest.raises(ItemTooLarge):
        decode(content, pixels_max=4799)
    with pytest.raises(ItemTooLarge):
        decode(encoded(noise(160, 120), "JPEG", progressive=True), pixels_max=19_199)


SAYS_NOTHING = """
import logging, sys, warnings
logging.basicConfig(level=logging.DEBUG)
from pathlib import Path
from models.modalities.image import build
from models.modality import Item
from models.errors import InputError
modality = build({"size": 16}, Path())
for content in sys.stdin.buffer.read().split(b"--next--"):
    try:
        modality.decode(Item("image", content))
    except InputError:
        pass
"""


def test_decoders_say_nothing_of_single_files() -> None:
    """Neither Pillow by warnings and logs, nor libtiff straight to standard error."""
    fax = bytearray(encoded(noise(64, 64).convert("1"), "TIFF", compression="group4"))
    fax[20:60] = bytes(range(40))
    deflated = encoded(noise(), "TIFF", compression="tiff_adobe_deflate")
    apng = encoded(noise(), "PNG", save_all=True, append_images=[noise(seed=1)])
    contents = [bytes(fax), deflated.replace(b"x\x9c", b"x\x9d"), apng[:400], apng]
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", SAYS_NOTHING],
        input=b"--next--".join(contents),
        capture_output=True,
        timeout=60 * PACE,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert (done.stdout, done.stderr) == (b"", b"")


def test_large_pictures_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    from models.pictures import reading

    held: list[bool] = []
    eight_bits = reading.eight_bits

    def watched(image: Image.Image) -> Image.Image:
        held.append(reading._turn.locked())
        return eight_bits(image)

    monkeypatch.setattr(reading, "eight_bits", watched)
    decode(encoded(Image.new("1", (2000, 2001)), "PNG"))
    decode(encoded(Image.new("1", (2000, 2000)), "PNG"))
    assert held == [True, False]
    assert not reading._turn.locked()


def test_words_of_decoders_are_short() -> None:
    with pytest.raises(InputError) as caught:
        decode(b"BM" + bytes(2000))
    assert len(str(caught.value)) < 400
    assert not re.search(r"0x[0-9a-f]{6}|BytesIO", str(caught.value))


def test_the_bytes_that_were_sent_are_not_kept() -> None:
    content = encoded(noise(), "PNG")
    before = sys.getrefcount(content)
    features = decode(content)
    assert sys.getrefcount(content) == before
    assert io.BytesIO(content).read() == content
    assert features.cost == 16 * 16
