"""Any bytes give features or an `InputError`: no other exception, no warning, no endless work."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import InputError
from models.modalities.image import build
from models.modality import Item
from tests.pictures import sound

SIDE = 16
CONTRASTED = build(
    {"size": SIDE, "trim": True, "contrast": [0, 0, 0], "pixels_max": 1_000_000}, Path()
)
SOUND = sound()
TELLING = [b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\0\0", b"\x10\0\0\0", b"\xff\xda"]


def check(content: bytes) -> None:
    try:
        features = CONTRASTED.decode(Item("image", content))
    except InputError as error:
        assert str(error)
        return
    pixels = features.arrays["pixels"]
    assert pixels.shape == (3, SIDE, SIDE)
    assert pixels.dtype == np.uint8
    assert features.cost == SIDE * SIDE


def test_the_files_that_are_changed_below_are_sound() -> None:
    for content in SOUND:
        CONTRASTED.decode(Item("image", content))


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes(content: bytes) -> None:
    check(content)


@given(st.sampled_from(SOUND), st.binary(max_size=64))
@settings(max_examples=100, deadline=None)
def test_any_bytes_behind_a_sound_beginning(content: bytes, rest: bytes) -> None:
    for length in (2, 4, 8, 16, 30):
        check(content[:length] + rest)


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """Change a sound file: bytes of its head or anywhere, numbers that tell, its end."""
    content = bytearray(draw(st.sampled_from(SOUND)))
    for _ in range(draw(st.integers(1, 6))):
        reach = draw(st.sampled_from([64, 256, len(content)]))
        at = draw(st.integers(0, max(0, min(reach, len(content)) - 1)))
        match draw(st.integers(0, 4)):
            case 0:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                told = draw(st.sampled_from(TELLING))
                content[at : at + len(told)] = told
            case 2:
                del content[at:]
            case 3:
                content[at:at] = draw(st.binary(max_size=16))
            case 4:
                del content[at : at + draw(st.integers(1, 64))]
    return bytes(content)


@given(changed())
@settings(max_examples=600, deadline=None)
def test_changed_files(content: bytes) -> None:
    check(content)
