"""Words in a long sound: how many are heard, and named right, at rates of false alarms, by REST.

`BENCH_DIGITS` names a folder of DIGIT_SPEAKER_NUMBER.wav (free-spoken-digit-dataset),
`BENCH_SPEECH` one of recordings of speech. Five voices are enrolled, two recordings a digit; the
sixth says 120 digits, once between pauses, in faint noise, once between what others say, with no
pause; what is false is counted in ten minutes of other speech, in which digits may occur.
"""

import base64
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from index.alarms import threshold_of_alarms
from models.training.sounds.digits import Digits, read_digits
from tests.bench.figures import Figure
from tests.server import Server
from tests.sounds import RATE, encoded

DIGITS, SPEECH = "BENCH_DIGITS", "BENCH_SPEECH"
WORDS, EACH, ASKED_TURNS = 120, 2, 10
BACKGROUND_SECONDS = 600
RATES = (6.0, 30.0, 120.0)
WINDOWS = ([1.0], [0.5, 0.8])  # seconds: as much as the encoder hears, which is usual, and less
SOFT = 0.01  # level below which a stretch is a pause
Sound = NDArray[np.float32]


def figures() -> list[Figure]:
    """Tell the share of words that are heard and named right at each rate of false alarms."""
    if DIGITS not in os.environ or SPEECH not in os.environ:
        return []
    digits = read_digits(Path(os.environ[DIGITS]), ASKED_TURNS)
    speech = _speech(Path(os.environ[SPEECH]))
    background = _item(speech[: BACKGROUND_SECONDS * RATE])
    streams = {
        "pauses": said(digits, lambda count: np.zeros(count, np.float32)),
        "speech": said(digits, Others(speech[BACKGROUND_SECONDS * RATE :])),
    }
    found: list[Figure] = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        Server(Path(scratch), "--models", "keywords", "--item-bytes-max", "100000000") as server,
        httpx.Client(base_url=server.url, timeout=300) as http,
    ):
        for way in ("nearest", "mean"):
            path = f"/v1/galleries/{way}"
            http.put(path, json={"model": "keywords", "label_score": way}).raise_for_status()
            exemplars = {"exemplars": _enrolled(digits)}
            http.post(f"{path}/exemplars", json=exemplars).raise_for_status()
            for windows in WINDOWS:
                found += _listened(http, way, windows, background, streams)
    return found


def _listened(
    http: httpx.Client, way: str, windows: list[float], background: Any, streams: dict[str, Any]
) -> list[Figure]:
    """Scan the background, then each stream, by windows of some lengths."""

    def scanned(item: Any, threshold: float) -> list[Any]:
        body = {"item": item, "threshold": threshold, "window_seconds": windows, "k": 1}
        reply = http.post(f"/v1/galleries/{way}/scan", json=body).raise_for_status()
        return list(reply.json()["found"])

    # As `scan/calibrate` finds a threshold, and of one scan for all rates.
    peaks = np.array([one["score"] for one in scanned(background, -1.0)], np.float32)
    thresholds = [threshold_of_alarms(peaks, BACKGROUND_SECONDS / 3600, one)[0] for one in RATES]
    seconds = "+".join(f"{one:g}" for one in windows)
    found = []
    for between, (asked, truth) in streams.items():
        every = scanned(asked, min(thresholds))
        for rate, threshold in zip(RATES, thresholds, strict=True):
            # What is kept above a threshold is the same, set before or after.
            right, heard = _counted([one for one in every if one["score"] >= threshold], truth)
            found.append(
                Figure(
                    what=f"in {between}, {way}, {seconds} s, {rate:g} alarms/h",
                    value=f"{right / WORDS:.2f} right",
                    baseline=f"{heard / WORDS:.2f} heard at all",
                )
            )
    return found


class Others:
    """What others say, one stretch after the other, as loud as the words; pauses stay pauses."""

    def __init__(self, speech: Sound) -> None:
        self._speech, self._at = speech, 0

    def __call__(self, count: int) -> Sound:
        """Return the next so many samples."""
        part = np.take(self._speech, range(self._at, self._at + count), mode="wrap")
        self._at += count
        return part * (0.1 / max(SOFT, float(np.sqrt(np.mean(part**2)))))


def said(
    digits: Digits, between: Callable[[int], Sound]
) -> tuple[dict[str, str], list[tuple[float, float, str]]]:
    """Let the last speaker say digits, and others between; return them with from, to and digit."""
    chance = np.random.default_rng(0)
    own = np.flatnonzero(digits.speakers == digits.speakers.max())
    parts: list[Sound] = []
    truth: list[tuple[float, float, str]] = []
    at = 0
    for one in chance.choice(own, WORDS):
        samples, rate = soundfile.read(io.BytesIO(digits.files[one]), dtype="float32")
        word = soxr.resample(samples, rate, RATE)
        word = word * (0.1 / np.sqrt(np.mean(word**2)))
        pause = between(round(RATE * chance.uniform(0.6, 1.6)))
        start = at + len(pause)
        truth.append((start / RATE, (start + len(word)) / RATE, str(digits.digits[one])))
        parts += [pause, word]
        at = start + len(word)
    whole = np.concatenate(parts) + 0.005 * chance.standard_normal(at)
    return _item(whole.clip(-1, 1).astype(np.float32)), truth


def _speech(folder: Path) -> Sound:
    parts: list[Sound] = []
    for path in sorted(folder.glob("*.ogg")):
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        parts.append(soxr.resample(samples.mean(axis=1), rate, RATE))
        if sum(map(len, parts)) >= 2 * BACKGROUND_SECONDS * RATE:
            break
    return np.concatenate(parts)


def _enrolled(digits: Digits) -> list[dict[str, Any]]:
    others = np.flatnonzero((digits.speakers != digits.speakers.max()) & (digits.turns < EACH))
    return [
        {
            "id": str(at),
            "label": str(digits.digits[at]),
            "item": {"audio": base64.b64encode(digits.files[at]).decode()},
        }
        for at in others
    ]


def _item(samples: Sound) -> dict[str, str]:
    return {"audio": base64.b64encode(encoded(samples, "FLAC")).decode()}


def _counted(found: list[dict[str, Any]], truth: list[tuple[float, float, str]]) -> tuple[int, int]:
    """Count the words of which most lies in what was found: named right, and heard at all."""
    right = heard = 0
    for start, end, digit in truth:
        over = [
            one["label"]
            for one in found
            if min(end, one["seconds"][1]) - max(start, one["seconds"][0]) > 0.5 * (end - start)
        ]
        heard += bool(over)
        right += digit in over
    return right, heard
