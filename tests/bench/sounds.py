"""Sounds: how much faster than real time they are embedded, and batch-indexed; five shots by REST.

Each of decoding and the bare forward pass is timed on one core; the seconds of a small folder are
taken off the batch-index: start, model, and end. Words are asked for where `BENCH_DIGITS` names
a folder of DIGIT_SPEAKER_NUMBER.wav (free-spoken-digit-dataset).
"""

import base64
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from models.modality import Cut, Item
from models.onnx_encoder import OnnxEncoder
from models.training.sounds.digits import Digits, read_digits
from tests.bench.figures import Figure, seconds_of
from tests.server import Server
from tests.sounds import RATE, encoded

BUNDLES = Path("models/bundles")
NAMES = ("keywords", "sounds")
FEW, MANY, ROUNDS, BATCH = 64, 2112, 3, 32
REAL_TIME = 200
DIGITS = "BENCH_DIGITS"
TURNS = 5  # recordings of each digit and speaker that take part


def figures() -> list[Figure]:
    """Measure each encoder of sounds alone, a batch-index, a scan, and words by REST."""
    found = []
    for name in NAMES:
        found += _alone(name)
    found += _index()
    if DIGITS in os.environ:
        found += _words(read_digits(Path(os.environ[DIGITS]), TURNS))
    return found


def noise(seconds: float, seed: int) -> bytes:
    """Make a WAV of noise that swells and dies away some times."""
    time = np.arange(round(seconds * RATE)) / RATE
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * time * (1 + seed % 5))
    made = 0.2 * swell * np.random.default_rng(seed).standard_normal(len(time))
    return encoded(made.clip(-1, 1).astype(np.float32))


def _alone(name: str) -> list[Figure]:
    """Measure one thread: decoding and forward pass of sounds as long as the window, and a scan."""
    encoder = OnnxEncoder.open(BUNDLES / name, provider="cpu", threads=1)
    assert encoder.windows is not None
    seconds = encoder.windows.seconds
    items = [Item("audio", noise(seconds, at)) for at in range(BATCH)]
    features = [encoder.decode(item) for item in items]
    decode = min(seconds_of(lambda: [encoder.decode(item) for item in items]) for _ in range(5))
    one = min(seconds_of(lambda: [encoder.forward([x]) for x in features]) for _ in range(5))
    many = min(seconds_of(lambda: encoder.forward(features)) for _ in range(5))
    hour = Item("audio", noise(60.0, 1))
    cut = seconds_of(
        lambda: list(encoder.windows.of(hour, Cut(), seconds_max=99, windows_max=999))  # type: ignore[union-attr]
    )
    whole = BATCH * seconds
    figures = [
        Figure(
            what=f"{name}: {label}, one core",
            value=f"{whole / spent:.0f}x",
            baseline="real time",
            target=f">= {REAL_TIME}x",
            met=whole / spent >= REAL_TIME,
        )
        for label, spent in (("graph, one by one", one), (f"graph, {BATCH} at once", many),
                             (f"wav and graph, {BATCH} at once", decode + many))
    ]  # fmt: skip
    return [*figures, Figure(f"{name}: a minute cut into windows", f"{60 / cut:.0f}x", "real time")]


def _index() -> list[Figure]:
    """Measure files to rows on disk, by the clock, and by CPU time, where others work beside."""
    encoder = OnnxEncoder.open(BUNDLES / "keywords", provider="cpu", threads=1)
    with tempfile.TemporaryDirectory() as scratch:
        few, many = (_folder(Path(scratch) / str(count), count) for count in (FEW, MANY))
        items = [Item("audio", path.read_bytes()) for path in sorted(few.rglob("*.wav"))]
        features = [encoder.decode(item) for item in items]
        builds, decodes, forwards = [], [], []
        for at in range(ROUNDS):
            decodes.append(seconds_of(lambda: [encoder.decode(item) for item in items]) / FEW)
            forwards.append(
                seconds_of(
                    lambda: [encoder.forward(features[i : i + BATCH]) for i in range(0, FEW, BATCH)]
                )
                / FEW
            )
            builds.append([_built(one, Path(scratch) / f"data{at}") for one in (few, many)])
    start, whole = np.array(builds).min(axis=0)  # each by the clock, and by CPU time
    ours, work = (whole - start) / (MANY - FEW)
    slower = max(min(decodes), min(forwards))
    bare = min(decodes) + min(forwards)
    by_clock = Figure(
        what="batch-index of words, keywords",
        value=f"{1 / ours:.0f}/s",
        baseline=f"dec {1 / min(decodes):.0f} fwd {1 / min(forwards):.0f}",
        ratio=slower / ours,
        target=">= 0.9",
        met=slower / ours >= 0.9,
    )
    by_work = Figure(
        what="batch-index of words, CPU of one",
        value=f"{1000 * work:.2f} ms",
        baseline=f"bare {1000 * bare:.2f} ms",
        ratio=bare / work,
    )
    return [by_clock, by_work]


def _folder(folder: Path, count: int) -> Path:
    for at in range(count):
        place = folder / f"word{at % 10}" / f"{at:05}.wav"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(noise(0.6, at))
    return folder


def _built(source: Path, data: Path) -> tuple[float, float]:
    """Time `semblance gallery build` into a data folder, by the clock and by CPU time."""
    environment = {**os.environ, "SEMBLANCE_DATA_DIR": str(data), "SEMBLANCE_SAMPLES": "0"}
    command = [sys.executable, "-m", "service", "gallery", "build", f"g{source.name}", str(source)]
    command += ["--model", "keywords"]
    before = os.times()
    seconds = seconds_of(
        lambda: subprocess.run(command, env=environment, check=True, capture_output=True)
    )
    after = os.times()
    work = after.children_user - before.children_user
    return seconds, work + after.children_system - before.children_system


def _words(digits: Digits) -> list[Figure]:
    """Enrol five voices and ask with the sixth, by calls to a server."""
    right = {"nearest": 0, "mean": 0}
    asked = 0
    items = [{"audio": base64.b64encode(one).decode()} for one in digits.files]
    with (
        tempfile.TemporaryDirectory() as scratch,
        Server(Path(scratch), "--models", "keywords") as server,
        httpx.Client(base_url=server.url, timeout=300) as http,
    ):
        for speaker in np.unique(digits.speakers):
            queries = np.flatnonzero(digits.speakers == speaker)
            for turn in np.unique(digits.turns):
                path = f"/v1/galleries/g{speaker}-{turn}"
                http.put(path, json={"model": "keywords"}).raise_for_status()
                enrolled = np.flatnonzero((digits.speakers != speaker) & (digits.turns == turn))
                exemplars = [
                    {"id": str(at), "label": str(digits.digits[at]), "item": items[at]}
                    for at in enrolled
                ]
                body: dict[str, Any] = {"exemplars": exemplars}
                http.post(f"{path}/exemplars", json=body).raise_for_status()
                for way in right:
                    body = {"queries": [items[at] for at in queries], "k": 1, "label_score": way}
                    reply = http.post(f"{path}/identify", json=body).raise_for_status().json()
                    right[way] += sum(
                        one["hits"][0]["label"] == str(digits.digits[at])
                        for one, at in zip(reply["results"], queries, strict=True)
                    )
                asked += len(queries)
    return [
        Figure(
            what=f"digits by REST, 5-shot, {way}",
            value=f"{count / asked:.3f}",
            baseline=f"{asked} asked",
            target=">= .88" if way == "mean" else "",
            met=count / asked >= 0.88 if way == "mean" else None,
        )
        for way, count in right.items()
    ]
