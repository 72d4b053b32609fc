"""Verdicts on photos of car badges, by a threshold from the marks themselves or from photos drawn.

A gallery of 387 clean marks is asked with 544 photos: with the own mark in it, and without. Needs
the train extra, and `LOGOS_DATA` as the benchmark `logos` does.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from index.calibration import conformal_threshold
from models.onnx_encoder import OnnxEncoder
from models.pictures.photo import photographed
from models.training import trials
from models.training.evaluation import strangers
from models.training.publishing import bundle_embed
from tests.bench.figures import Figure
from tests.bench.logos import BUNDLE, DATA

ON_REQUEST = True  # it needs data that does not come with the repository
RATES = (0.01, 0.05, 0.1)
Rows = NDArray[np.float32]


def figures() -> list[Figure]:
    """Measure how often a stranger is accepted, and one who is enrolled named, in each way."""
    encoder = OnnxEncoder.open(BUNDLE, provider="cpu", threads=1)
    embed = bundle_embed(encoder)
    _, trial = trials.vehicles(Path(DATA) / "vehicles")
    marks = embed(trial.references)
    drawn = embed([photographed(one, seed=at) for at, one in enumerate(trial.references)])
    others, own = _scores(marks, embed(trial.queries), np.array(trial.truth))
    each = np.arange(len(marks))
    evidence = {
        "photos drawn of the marks": _scores(marks, drawn, each)[0],
        "the marks themselves": _scores(marks, marks, each)[0],
        "the photos asked, for comparison": others,
    }
    default = encoder.manifest.unrelated_score_q99
    assert default is not None
    found = [_figure("uncalibrated", default, None, others, own)]
    for rate in RATES:
        for name, impostors in evidence.items():
            threshold, _ = conformal_threshold(impostors, rate)
            found.append(_figure(f"{rate:.2f} by {name}", threshold, rate, others, own))
    return found


def _scores(marks: Rows, asked: Rows, own: NDArray[np.intp]) -> tuple[Rows, Rows]:
    """Return the best score among other marks, and that of the own, (n,) each."""
    scores = asked @ marks.T
    return strangers(scores, own).max(axis=1), scores[np.arange(len(asked)), own]


def _figure(what: str, threshold: float, rate: float | None, others: Rows, own: Rows) -> Figure:
    accepted = float(np.mean(others >= threshold))
    named = float(np.mean((own >= threshold) & (own >= others)))
    return Figure(
        what=what,
        value=f"{named:.3f} named",
        baseline=f"{accepted:.3f} strangers at {threshold:.2f}",
        ratio=None if rate is None else accepted / rate,
    )
