"""Words in a long sound: how many are heard, and named right, at rates of false alarms, by REST.

`BENCH_DIGITS` names a folder of DIGIT_SPEAKER_NUMBER.wav (free-spoken-digit-dataset),
`BENCH_SPEECH` one of recordings of speech. Five voices are enrolled, two recordings a digit; the
sixth says 120 digits in faint noise; what is false is counted in ten minutes of the speech, in
which digits may occur.
"""

import base64
import io
import os
import tempfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from models.training.sounds.digits import Digits, read_digits
from tests.bench.figures import Figure
from tests.server import Server
from tests.sounds import RATE, encoded

DIGITS, SPEECH = "BENCH_DIGITS", "BENCH_SPEECH"
WORDS, EACH, ASKED_TURNS = 120, 2, 10
BACKGROUND_SECONDS = 600
RATES = (6.0, 30.0, 120.0)
Sound = NDArray[np.float32]


def figures() -> list[Figure]:
    """Tell the share of words that are heard and named right at each rate of false alarms."""
    if DIGITS not in os.environ or SPEECH not in os.environ:
        return []
    digits = read_digits(Path(os.environ[DIGITS]), ASKED_TURNS)
    asked, truth = said(digits)
    background = _item(_speech(Path(os.environ[SPEECH])))
    found = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        Server(Path(scratch), "--models", "keywords", "--item-bytes-max", "100000000") as server,
        httpx.Client(base_url=server.url, timeout=300) as http,
    ):
        for way in ("nearest", "mean"):
            path = f"/v1/galleries/{way}"
            body: dict[str, Any] = {"model": "keywords", "label_score": way}
            http.put(path, json=body).raise_for_status()
            exemplars = {"exemplars": _enrolled(digits)}
            http.post(f"{path}/exemplars", json=exemplars).raise_for_status()
            for rate in RATES:
                body = {"background": [background], "false_alarms_per_hour": rate}
                http.post(f"{path}/scan/calibrate", json=body).raise_for_status()
                reply = http.post(f"{path}/scan", json={"item": asked}).raise_for_status().json()
                right, heard = _counted(reply["found"], truth)
                found.append(
                    Figure(
                        what=f"words heard, {way}, {rate:g} false alarms/h",
                        value=f"{right / WORDS:.2f} right",
                        baseline=f"{heard / WORDS:.2f} heard at all",
                    )
                )
    return found


def said(digits: Digits) -> tuple[dict[str, str], list[tuple[float, float, str]]]:
    """Let the last speaker say digits between pauses; return them with from, to and digit."""
    chance = np.random.default_rng(0)
    own = np.flatnonzero(digits.speakers == digits.speakers.max())
    parts: list[Sound] = []
    truth: list[tuple[float, float, str]] = []
    at = 0
    for one in chance.choice(own, WORDS):
        samples, rate = soundfile.read(io.BytesIO(digits.files[one]), dtype="float32")
        word = soxr.resample(samples, rate, RATE)
        word = word * (0.1 / np.sqrt(np.mean(word**2)))
        pause = np.zeros(round(RATE * chance.uniform(0.6, 1.6)), np.float32)
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
        if sum(map(len, parts)) >= BACKGROUND_SECONDS * RATE:
            break
    return np.concatenate(parts)[: BACKGROUND_SECONDS * RATE]


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
