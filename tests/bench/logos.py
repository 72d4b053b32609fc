"""Logos: figures of the bundle `logo` beside those of what is not learnt, and what a picture costs.

Keypoints are matched pair by pair, for some minutes.

Needs the train extra, and the data that the recipe `logo` reads: `LOGOS_DATA` names its folder, and
`LOGOS_WORK` where the recipe keeps what it draws once.
"""

import io
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter

import numpy as np
from PIL import Image

from models.modality import Item, open_modality
from models.onnx_encoder import OnnxEncoder
from models.training.baselines import baseline
from models.training.evaluation import recall, verification
from models.training.keypoints import scores_by_keypoints
from models.training.publishing import bundle_embed
from models.training.recipe import open_recipe
from models.training.recipes.logo import SIDES
from models.training.trials import kept_trials
from tests.bench.figures import Figure, in_turn

BUNDLE = Path("models/bundles/logo")
DATA = Path(os.environ.get("LOGOS_DATA", "../shared/data"))
WORK = Path(os.environ.get("LOGOS_WORK", ".cache/training"))
TARGETS = {
    "vehicles34_r1": 0.85,
    "vehicles387_r1": 0.75,
    "held_printed_auc": 0.92,
    "held_seen_auc": 0.92,
}
KEYPOINTS = ("orb", "sift")
MATCHED = ("vehicles34", "held_printed")  # what they are tried on: others take hours
ON_REQUEST = True  # it needs data that does not come with the repository
MS_MAX = 5.0
ROUNDS = 200


def figures() -> list[Figure]:
    """Measure the shipped bundle, histograms of gradients and a perceptual hash alike."""
    encoder = OnnxEncoder.open(BUNDLE, provider="cpu", threads=1)
    trials = open_recipe("logo").build(DATA, WORK).trials
    modality = open_modality("image", encoder.manifest.preprocessing, BUNDLE)
    ours = trials(bundle_embed(encoder))
    hog, phash = (trials(baseline(name, modality)) for name in ("hog", "phash"))
    found = [
        Figure(
            what=name,
            value=f"{value:.3f}",
            baseline=f"HOG {hog[name]:.3f} pHash {phash[name]:.3f}",
            ratio=value / hog[name],
            target=f">= {TARGETS[name]}" if name in TARGETS else "",
            met=value >= TARGETS[name] if name in TARGETS else None,
        )
        for name, value in ours.items()
    ]
    return [*found, *_by_keypoints(encoder, ours), *_costs(encoder)]


def _by_keypoints(encoder: OnnxEncoder, ours: Mapping[str, float]) -> Iterator[Figure]:
    """Match the same pictures by keypoints."""
    trials = kept_trials(DATA, WORK, SIDES[-1])
    for name in MATCHED:
        for way in KEYPOINTS:
            trial, started = trials[name], perf_counter()
            scores = scores_by_keypoints(way, trial, encoder.manifest.preprocessing)
            each = (perf_counter() - started) / scores.size
            for measure, value in (
                ("r1", recall(scores, trial.truth, 1)),
                ("r5", recall(scores, trial.truth, 5)),
                ("auc", verification(scores, trial.truth)),
            ):
                yield Figure(
                    what=f"{name}_{measure}, {way.upper()} + RANSAC",
                    value=f"{value:.3f}",
                    baseline=f"{1e3 * each:.1f} ms a pair",
                    ratio=ours[f"{name}_{measure}"] / value,
                )


def _costs(encoder: OnnxEncoder) -> list[Figure]:
    """Time a picture of 256 x 256 pixels on one core: its decoding, and its embedding."""
    pixels = np.random.default_rng(0).integers(256, size=(256, 256, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "jpeg")
    item = Item("image", buffer.getvalue())
    features = encoder.decode(item)
    forward, decode, _ = in_turn(
        lambda: encoder.forward([features]), lambda: encoder.decode(item), ROUNDS
    )
    return [
        Figure(
            what="embedding a picture, one core",
            value=f"{forward * 1e3:.2f} ms",
            baseline=f"decoding it {decode * 1e3:.2f} ms",
            target=f"<= {MS_MAX} ms",
            met=forward * 1e3 <= MS_MAX,
        )
    ]
