"""Words spoken by Flite's voices, which were made of recordings of four people.

They are fewer than eSpeak's, and nearer to people. Debian's `libflite1` has them.
"""

import ctypes
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soxr

from models.training.sounds.clips import RATE, Samples

VOICES = ("slt", "rms", "awb", "kal16")


class _Wave(ctypes.Structure):
    """`cst_wave` of Flite's cst_wave.h."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("rate", ctypes.c_int),
        ("count", ctypes.c_int),
        ("channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class Flite:
    """Flite with its voices of English; one per process."""

    def __init__(self) -> None:
        folder = Path(os.environ.get("FLITE_LIBRARIES", ""))

        def load(name: str) -> ctypes.CDLL:
            return ctypes.CDLL(str(folder / f"lib{name}.so.1"), mode=ctypes.RTLD_GLOBAL)

        self._library = load("flite")
        self._library.flite_init()
        for name in ("flite_usenglish", "flite_cmulex"):
            load(name)
        self._library.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
        self._library.flite_text_to_wave.argtypes = (ctypes.c_char_p, ctypes.c_void_p)
        self._library.delete_wave.argtypes = (ctypes.c_void_p,)
        self._voices: Mapping[str, int] = {name: self._voice(load, name) for name in VOICES}

    @staticmethod
    def _voice(load: "type[ctypes.CDLL] | object", name: str) -> int:
        register = getattr(load(f"flite_cmu_us_{name}"), f"register_cmu_us_{name}")  # type: ignore[operator]
        register.restype = ctypes.c_void_p
        return int(register(None))

    def say(self, text: str, voice: str) -> Samples:
        """Speak a text in one of `VOICES`, int16 at `RATE`."""
        wave = self._library.flite_text_to_wave(text.encode(), self._voices[voice])
        told = wave.contents
        samples = np.ctypeslib.as_array(told.samples, shape=(told.count,)).copy()
        rate = int(told.rate)
        self._library.delete_wave(wave)
        return np.asarray(soxr.resample(samples, rate, RATE), np.int16)
