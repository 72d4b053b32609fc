"""Encoded sounds, made by code."""

import io
import struct
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

RATE = 16_000
# What is read, as libsndfile names it, and a rate and a number of channels for each.
KINDS = (
    ("WAV", "PCM_16", 8_000, 1),
    ("WAV", "PCM_U8", 11_025, 2),
    ("WAV", "PCM_24", 48_000, 1),
    ("WAV", "FLOAT", 16_000, 2),
    ("WAV", "ULAW", 8_000, 1),
    ("WAVEX", "PCM_16", 44_100, 6),
    ("FLAC", "PCM_16", 22_050, 1),
    ("FLAC", "PCM_24", 96_000, 2),
    ("OGG", "VORBIS", 44_100, 2),
    ("OGG", "OPUS", 16_000, 1),
    ("OGG", "OPUS", 48_000, 2),
    ("MP3", "MPEG_LAYER_III", 44_100, 2),
    ("MP3", "MPEG_LAYER_III", 16_000, 1),
)


def tone(seconds: float = 0.5, hertz: float = 440.0, rate: int = RATE) -> NDArray[np.float32]:
    """Make a tone that swells and dies away, of a peak of 0.5."""
    time = np.arange(round(seconds * rate)) / rate
    shape = np.sin(np.pi * time / seconds)
    made: NDArray[np.float32] = (0.5 * shape * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
    return made


def encoded(
    samples: NDArray[Any],
    kind: str = "WAV",
    subtype: str = "PCM_16",
    rate: int = RATE,
    channels: int = 1,
) -> bytes:
    """Encode samples, the same in every channel."""
    file = io.BytesIO()
    many = np.repeat(samples[:, None], channels, axis=1)
    soundfile.write(file, many, rate, subtype, format=kind)
    return file.getvalue()


def wav(
    frames: int,
    rate: int = RATE,
    channels: int = 1,
    *,
    kind: int = 1,
    bits: int = 16,
    align: int | None = None,
    body: bytes | None = None,
) -> bytes:
    """Say in a WAV's header what one likes."""
    align = channels * bits // 8 if align is None else align
    form = struct.pack("<HHIIHH", kind, channels, rate, 0, align, bits)
    samples = bytes(frames * align) if body is None else body
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", frames * align)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks + samples


def flac(frames: int, rate: int = RATE, channels: int = 1) -> bytes:
    """Say in a FLAC's description what one likes; no frame follows."""
    packed = rate << 44 | (channels - 1) << 41 | 15 << 36 | frames
    body = struct.pack(">HH", 4096, 4096) + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
    return b"fLaC\x80" + len(body).to_bytes(3, "big") + body
