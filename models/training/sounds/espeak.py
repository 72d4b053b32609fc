"""Words spoken by eSpeak NG, in its own process, without a sound card.

eSpeak makes its sounds by formants, so that a voice is a few numbers, and there are as many as one
likes. The library is loaded by name, or from `ESPEAK_LIBRARY`; its voices lie where it was built to
look for them, or in `ESPEAK_DATA_PATH`.
"""

import ctypes
import os

import numpy as np
import soxr

from models.training.sounds.clips import RATE, Samples

LIBRARY = "libespeak-ng.so.1"
SYNCHRONOUS, UTF8, IPA = 2, 1, 2  # espeak_ng's speak_lib.h
SPEED, PITCH, RANGE = 1, 3, 4
STRESS = (0x2C8, 0x2CC, 0x2D0, 0x20)  # two marks of stress, length, and blanks


class EspeakMissing(Exception):
    """eSpeak NG is not installed, or speaks no such language."""


class Speaker:
    """eSpeak NG; one per process, as the library has one state."""

    def __init__(self) -> None:
        name = os.environ.get("ESPEAK_LIBRARY", LIBRARY)
        try:
            self._library = ctypes.CDLL(name)
        except OSError as error:
            raise EspeakMissing(f"{error}; install espeak-ng, or set ESPEAK_LIBRARY") from None
        folder = os.environ.get("ESPEAK_DATA_PATH")
        rate = self._library.espeak_Initialize(
            SYNCHRONOUS, 0, folder.encode() if folder else None, 0
        )
        if rate <= 0:
            raise EspeakMissing("eSpeak NG finds no voices; set ESPEAK_DATA_PATH to their folder")
        self._rate = rate
        self._heard: list[Samples] = []
        kind = ctypes.CFUNCTYPE(
            ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
        )
        # Kept, as the library keeps no reference of its own.
        self._callback = kind(self._hear)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def say(self, text: str, voice: str, *, speed: int, pitch: int, spread: int) -> Samples:
        """Speak a text, int16 at `RATE`.

        Args:
            voice: a language, and after `+` a variant: `en-us+f2`.
            speed: words a minute.
            pitch, spread: of 0 to 99.

        Raises:
            EspeakMissing: there is no such voice.
        """
        self._choose(voice)
        for number, value in ((SPEED, speed), (PITCH, pitch), (RANGE, spread)):
            self._library.espeak_SetParameter(number, value, 0)
        self._heard.clear()
        words = text.encode()
        self._library.espeak_Synth(words, len(words) + 1, 0, 0, 0, UTF8, None, None)
        self._library.espeak_Synchronize()
        if not self._heard:
            return np.zeros(0, np.int16)
        return np.asarray(soxr.resample(np.concatenate(self._heard), self._rate, RATE), np.int16)

    def phonemes(self, text: str, language: str) -> str:
        """Tell how a text is spoken, in the letters of the IPA, without stress."""
        self._choose(language)
        start = ctypes.c_char_p(text.encode())
        told = self._library.espeak_TextToPhonemes(ctypes.byref(start), UTF8, IPA)
        return str(told.decode()).translate(dict.fromkeys(STRESS))

    def _choose(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise EspeakMissing(f"eSpeak NG has no voice {voice!r}")

    def _hear(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int) -> int:
        if samples and count > 0:
            self._heard.append(np.ctypeslib.as_array(samples, shape=(count,)).copy())
        return 0
