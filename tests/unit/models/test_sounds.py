"""Sounds to samples: every format the same, resampled, trimmed, levelled, cut to the window."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from numpy.typing import NDArray

from models.errors import ItemEmpty, ItemTooLarge, ModalityUnsupported
from models.modalities.audio import build
from models.modality import Item
from models.sounds.fitting import levelled, trimmed, windowed
from tests.sounds import KINDS, RATE, encoded, tone

SAMPLES = 12_000


def samples_of(content: bytes, **config: object) -> NDArray[np.int16]:
    modality = build({"sample_rate": RATE, "samples": SAMPLES} | config, Path())
    made: NDArray[np.int16] = modality.decode(Item("audio", content)).arrays["samples"]
    return made


def alike(a: NDArray[np.int16], b: NDArray[np.int16]) -> float:
    """Tell the highest correlation of two sounds, up to a shift."""
    x, y = (one.astype(np.float64) / np.linalg.norm(one.astype(np.float64)) for one in (a, b))
    return float(np.abs(np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(y).conj())).max())


@pytest.mark.parametrize(("kind", "subtype", "rate", "channels"), KINDS)
def test_every_format_rate_and_number_of_channels_sounds_the_same(
    kind: str, subtype: str, rate: int, channels: int
) -> None:
    plain = samples_of(encoded(tone()))
    found = samples_of(encoded(tone(rate=rate), kind, subtype, rate, channels))
    assert (found.dtype, found.shape) == (np.int16, (SAMPLES,))
    assert alike(found, plain) > 0.99
    heard = found.astype(np.float64)
    # 23 dB below the largest sample, where it sounds: the level of all.
    length = np.ptp(np.flatnonzero(np.abs(heard) > 0)) + 1
    level = 10 * np.log10((heard**2).sum() / length / 32_767**2)
    assert level == pytest.approx(-23, abs=0.5)


def test_it_is_soxr_that_resamples() -> None:
    sound = tone(rate=44_100)
    found = samples_of(encoded(sound, "WAV", "FLOAT", 44_100), trim_db=120.0)
    same = soxr.resample(trimmed(sound, 44_100, 120.0), 44_100, RATE)
    np.testing.assert_array_equal(
        found, levelled(windowed(same.astype(np.float32), SAMPLES, "silence"), len(same))
    )


def test_channels_are_averaged() -> None:
    left, right = tone(hertz=300), tone(hertz=900)
    file = io.BytesIO()
    soundfile.write(file, np.stack([left, right], 1), RATE, "FLOAT", format="WAV")
    both = encoded(((left + right) / 2).astype(np.float32), "WAV", "FLOAT")
    np.testing.assert_allclose(samples_of(file.getvalue()), samples_of(both), atol=1)


def test_loudness_does_not_matter() -> None:
    sound = tone()
    soft = samples_of(encoded(sound * 0.01, "WAV", "FLOAT"))
    np.testing.assert_allclose(soft, samples_of(encoded(sound, "WAV", "FLOAT")), atol=1)


def test_silence_is_cut_off_by_the_rule() -> None:
    frame = RATE // 100
    sound = np.zeros(50 * frame)
    sound[20 * frame : 30 * frame] = 1.0
    sound[15 * frame : 16 * frame] = 0.02  # 34 dB softer
    found = trimmed(sound, RATE, 30.0)
    np.testing.assert_array_equal(found, sound[17 * frame : 33 * frame])
    np.testing.assert_array_equal(trimmed(sound, RATE, 40.0), sound[12 * frame : 33 * frame])
    assert len(trimmed(np.zeros(1000), RATE, 40.0)) == len(trimmed(np.zeros(0), RATE, 40.0)) == 0


def test_a_window_takes_the_middle_or_is_filled() -> None:
    sound = np.arange(1, 6, dtype=np.float32)
    assert windowed(sound, 3, "silence").tolist() == [2, 3, 4]
    assert windowed(sound, 8, "silence").tolist() == [0, 1, 2, 3, 4, 5, 0, 0]
    assert windowed(sound, 8, "repeat").tolist() == [1, 2, 3, 4, 5, 1, 2, 3]


def test_what_is_longer_than_the_window_is_told_or_refused() -> None:
    modality = build({"sample_rate": RATE, "samples": SAMPLES}, Path())
    long, short = (Item("audio", encoded(tone(s), "FLAC")) for s in (2.0, 0.5))
    assert modality.decode(long).truncated
    assert not modality.decode(short).truncated
    assert modality.decode(long).cost == modality.decode(short).cost == SAMPLES
    with pytest.raises(ItemTooLarge, match=r"this encoder hears 0\.75"):
        modality.decode(long, truncate=False)
    # The middle: a tone is heard again in a part of itself.
    middle = tone(2.0)[RATE - SAMPLES // 2 : RATE + SAMPLES // 2]
    assert alike(samples_of(long.content), samples_of(encoded(middle))) > 0.999  # type: ignore[arg-type]


def test_nothing_to_hear_is_told() -> None:
    for sound in (np.zeros(4000, np.float32), np.full(4000, 1e-6, np.float32)):
        with pytest.raises(ItemEmpty, match="silent all over"):
            samples_of(encoded(sound, "WAV", "FLOAT"))


def test_other_kinds_are_named() -> None:
    for content, words in (
        (b"FORM\0\0\0\0AIFF", "AIFF"),
        (b"\0\0\0\x20ftypM4A ", "MPEG-4"),
        (b"\x1aE\xdf\xa3", "Matroska"),
        (b"RIFF\0\0\0\0AVI ", "no sound that is read here"),
    ):
        with pytest.raises(ModalityUnsupported, match=words):
            samples_of(content + bytes(40))
