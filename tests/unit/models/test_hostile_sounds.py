"""Sounds that were made to do harm: refused by what their headers say, with words that help."""

import random
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path
from time import monotonic

import numpy as np
import pytest

from models.errors import InputError, ItemEmpty, ItemTooLarge, ItemUndecodable
from models.modalities.audio import build
from models.modality import Features, Item
from tests.pace import PACE
from tests.sounds import KINDS, RATE, encoded, flac, tone, wav

MUTATIONS = 120


def decode(content: bytes, **config: object) -> Features:
    modality = build({"sample_rate": RATE, "samples": 4_000} | config, Path())
    return modality.decode(Item("audio", content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (wav(100, channels=9), "9 channels"),
        (wav(100, channels=0), "0 channels"),
        (wav(100, rate=1), "rate is 1 Hz"),
        (wav(100, rate=2**31), "rate is 2147483648 Hz"),
        (wav(100, kind=2, bits=4), "method 2 in 4 bits"),
        (wav(100, align=1), "frame of it is told to have 1 bytes"),
        (b"RIFF\4\0\0\0WAVE" + b"JUNK\0\0\0\0" * 5000, "more than 4096 chunks"),
        (wav(100)[:30], "damaged or cut off"),
        (b"RIFF\4\0\0\0WAVEdata\4\0\0\0abcd", "before their format"),
        (flac(0), "does not tell how long"),
        (flac(1000), "damaged or cut off"),
        (b"fLaC" + b"\4\0\0\0" * 2000, "begin with its description"),
        (b"OggS" + bytes(24) + b"Speex   " + bytes(80), "neither Vorbis nor Opus"),
        (b"ID3\4\0\0\x7f\x7f\x7f\x7f" + bytes(100), "no frames of it"),
        (b"\xff\xfb" + bytes(4000), "no frames of it"),
    ],
)
def test_a_header_that_lies_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(ItemUndecodable, match=words):
        decode(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (flac(2**36 - 1), r"seconds and the limit is 300"),
        (flac(RATE * 200, channels=8), None),
        (wav(RATE * 3, body=bytes(RATE * 6)), None),
    ],
)
def test_what_is_too_long_by_its_header_is_not_decoded(content: bytes, words: str | None) -> None:
    config = {} if words else {"seconds_max": 250.0, "samples_max": 2 * RATE}
    tracemalloc.start()
    with pytest.raises(ItemTooLarge, match=words or "limit is 32000 in all"):
        decode(content, **config)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(content) + 1_000_000


def test_a_sound_that_goes_on_behind_its_header_is_stopped() -> None:
    """An Ogg whose last page is said to end early, and goes on."""
    content = bytearray(encoded(tone(3.0), "OGG", "VORBIS"))
    at = content.rfind(b"OggS")
    content[at + 6 : at + 14] = struct.pack("<q", 100)
    with pytest.raises(InputError):
        decode(bytes(content), seconds_max=1.0)


def test_numbers_that_are_none_are_refused() -> None:
    sound = tone()
    for bad in (np.nan, np.inf):
        sound[100] = bad
        with pytest.raises(ItemUndecodable, match="no numbers"):
            decode(encoded(sound, "WAV", "FLOAT"))


def test_a_file_without_samples_is_empty() -> None:
    with pytest.raises(ItemEmpty, match="no samples"):
        decode(wav(0))


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(ItemTooLarge, match="the limit is 100"):
        decode(encoded(tone()), item_bytes_max=100)


def test_what_stands_around_the_samples_is_not_handed_on() -> None:
    """Texts, pictures and cues are thrown away; the sound stays."""
    plain = encoded(tone())
    noted = plain[:12] + b"LIST" + struct.pack("<I", 2**20) + bytes(2**20) + plain[12:]
    expected = decode(plain).arrays["samples"]
    np.testing.assert_array_equal(decode(noted).arrays["samples"], expected)
    mp3 = encoded(tone(), "MP3", "MPEG_LAYER_III")
    tagged = b"ID3\4\0\0" + bytes([0, 0, 8, 0]) + b"\xff\xfb" * 512 + mp3 + b"TAG" + bytes(125)
    np.testing.assert_array_equal(decode(tagged).arrays["samples"], decode(mp3).arrays["samples"])


def test_any_damage_is_an_input_error_soon() -> None:
    draw = random.Random(7)
    files = [encoded(tone(rate=rate), *rest, rate, n) for *rest, rate, n in KINDS]
    slowest = 0.0
    for _ in range(MUTATIONS):
        content = bytearray(draw.choice(files))
        for _ in range(draw.randint(1, 6)):
            reach = min(len(content), draw.choice([48, 200, len(content)]))
            content[draw.randrange(reach)] = draw.randrange(256)
        if draw.random() < 0.2:
            del content[draw.randrange(len(content)) :]
        began = monotonic()
        with suppress(InputError):
            decode(bytes(content))
        slowest = max(slowest, monotonic() - began)
    assert slowest < 0.5 * PACE
