"""The same recording again: under noise, in a room, through a codec, faster, slower.

Apart from what is done in training (`altering`): in NumPy, through the real codecs of libsndfile
and the resampler of serving, so that no shortcut is shared.
"""

import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from models.training.sounds.clips import RATE, Samples

Sound = NDArray[np.float64]
Spoil = Callable[[Sound, np.random.Generator], bytes]
NOISE_DB = 10.0
REVERBERATION_SECONDS = 0.6
FASTER = 1.05
ROOM_TAPS = RATE // 2


def _wav(sound: Sound) -> bytes:
    return _encoded(sound, "WAV", "PCM_16")


def _encoded(sound: Sound, kind: str, subtype: str, compression: float | None = None) -> bytes:
    file = io.BytesIO()
    peak = np.abs(sound).max(initial=1e-9)
    loud = (sound / max(1.0, peak)).astype(np.float32)
    settings = {} if compression is None else {"compression_level": compression}
    with soundfile.SoundFile(file, "w", RATE, 1, subtype, format=kind, **settings) as out:
        for start in range(0, len(loud), RATE):
            out.write(loud[start : start + RATE])
    return file.getvalue()


def _noisy(sound: Sound, draw: np.random.Generator) -> bytes:
    noise = draw.standard_normal(len(sound))
    if draw.random() < 0.5:  # pink, by the root of the frequency
        spectrum = np.fft.rfft(noise)
        noise = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), n=len(sound))
    gain = np.sqrt((sound**2).mean() / (noise**2).mean()) * 10 ** (-NOISE_DB / 20)
    return _wav(sound + gain * noise)


def _in_a_room(sound: Sound, draw: np.random.Generator) -> bytes:
    at = np.arange(ROOM_TAPS) / RATE
    room = draw.standard_normal(ROOM_TAPS) * 10 ** (-3 * at / REVERBERATION_SECONDS)
    room *= 1 / np.sqrt((room**2).sum())
    room[0] += 1.0
    size = 1 << (len(sound) + ROOM_TAPS).bit_length()
    wet = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(room, size), size)
    return _wav(wet[: len(sound)])


def _coded(sound: Sound, draw: np.random.Generator) -> bytes:
    if draw.random() < 0.5:
        return _encoded(sound, "MP3", "MPEG_LAYER_III", 0.9)
    return _encoded(sound, "OGG", "OPUS", 0.975)  # 12 kbit/s


def _at(speed: float) -> Spoil:
    def spoil(sound: Sound, draw: np.random.Generator) -> bytes:
        return _wav(np.asarray(soxr.resample(sound, RATE * speed, RATE)))

    return spoil


SPOILS: Mapping[str, Spoil] = {
    "noise": _noisy,
    "room": _in_a_room,
    "codec": _coded,
    "faster": _at(FASTER),
    "slower": _at(1 / FASTER),
}


def references_of(recordings: Sequence[Samples]) -> list[bytes]:
    """Encode recordings as they are."""
    return [_wav(one / 32_768) for one in recordings]


def spoilt(recordings: Sequence[Samples], seed: int) -> Mapping[str, list[bytes]]:
    """Encode recordings as they come back, by what happened to them."""
    return {
        name: [
            spoil(one / 32_768, np.random.default_rng([seed, number, at]))
            for at, one in enumerate(recordings)
        ]
        for number, (name, spoil) in enumerate(SPOILS.items())
    }
