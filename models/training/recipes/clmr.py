"""CLMR as published: SampleCNN on raw samples, by contrast of two altered crops of one recording.

Source: Spijkervet and Burgoyne, "Contrastive Learning of Musical Representations",
arXiv:2103.09410, and the settings of the authors' code (Spijkervet/CLMR, config/config.yaml):
59 049 samples at 22 050 Hz, 48 recordings a batch, Adam at 3e-4, a temperature of 0.5, a
projection to 64 numbers. Beside them: the rate falls along a cosine, as in all trainings here;
MagnaTagATune is not here, so it learns from what `sounds` learns from.
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from models.training.recipe import Recipe
from models.training.schedule import Schedule
from models.training.sounds.encoding import Encoding
from models.training.sounds.towers import Kept, SampleCnn

SAMPLES, SAMPLE_RATE = 59_049, 22_050
APART_SECONDS = 6.0  # crops of one recording stand anywhere in it
DRAWN = 1_000
SEED = 3
PREPROCESSING: Mapping[str, object] = {
    "sample_rate": SAMPLE_RATE,
    "samples": SAMPLES,
    "fill": "repeat",
    "trim_db": 50.0,
}


def build(data: Path, work: Path) -> Recipe:
    """Make the recipe; see `Encoding`."""
    encoding = Encoding(
        name="clmr",
        description="CLMR's raw-waveform encoder of music, trained on little.",
        training_data="What the recipe `sounds` learns from.",
        preprocessing=PREPROCESSING,
        tower=SampleCnn,
        schedule=Schedule(steps=20_000, size=48, rate=3e-4, warm=10, decay=1e-6, check_steps=2_000),
        temperature=0.5,
        seed=SEED,
        drawn=DRAWN,
        floors={},
        apart=APART_SECONDS,
        complete=_kept,
    )
    return encoding.recipe(data, work)


def _kept(tower: torch.nn.Module) -> torch.nn.Module:
    assert isinstance(tower, SampleCnn)
    return Kept(tower)
