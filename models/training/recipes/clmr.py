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

from models.training.objective import open_objective
from models.training.recipe import Recipe, Stage
from models.training.schedule import Schedule
from models.training.sounds.clips import RATE, joined
from models.training.sounds.material import music_clips, speech_clips
from models.training.sounds.recordings import RecordingPairs
from models.training.sounds.same import SOUNDFONT, music_package, same_recording
from models.training.sounds.shelf import Later
from models.training.sounds.spoiling import references_of
from models.training.sounds.synthetic import synthetic
from models.training.sounds.towers import Kept, SampleCnn

SAMPLES, SAMPLE_RATE = 59_049, 22_050
APART_SECONDS = 6.0  # crops of one recording stand anywhere in it
DRAWN, DRAWN_SECONDS = 1_000, 6.0
SEED = 3
PREPROCESSING: Mapping[str, object] = {
    "sample_rate": SAMPLE_RATE,
    "samples": SAMPLES,
    "fill": "repeat",
    "trim_db": 50.0,
}


def build(data: Path, work: Path) -> Recipe:
    """Make the recipe: the music is played when it is first needed, and kept in `work`."""
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)

    def pairs() -> RecordingPairs:
        music = music_clips(work, music_package(data), SOUNDFONT)
        learnt, _ = speech_clips(data / "speech", work)
        recordings = joined([music, learnt, synthetic(DRAWN, DRAWN_SECONDS, SEED)])
        heard = round(SAMPLES * RATE / SAMPLE_RATE)
        return RecordingPairs(recordings, heard, SEED, apart=APART_SECONDS, resampled=SAMPLES)

    tower = SampleCnn()
    return Recipe(
        name="clmr",
        description="CLMR's raw-waveform encoder of music, trained on little.",
        modality="audio",
        licence="Apache-2.0",
        training_data="What the recipe `sounds` learns from.",
        stages=[
            Stage(
                preprocessing=PREPROCESSING,
                tower=tower,
                pairs=Later(pairs),
                schedule=Schedule(
                    steps=20_000, size=48, rate=3e-4, warm=100, decay=1e-6, check_steps=2_000
                ),
            )
        ],
        hand_on=lambda weights, _: weights,
        complete=_kept,
        preprocessing=PREPROCESSING,
        objective=open_objective("nt_xent").build(temperature=0.5),
        trials=same_recording(data, work),
        unrelated="same_recording_unrelated",
        floors={},
        probe=references_of([*synthetic(4, 0.5, SEED)]),
    )


def _kept(tower: torch.nn.Module) -> torch.nn.Module:
    assert isinstance(tower, SampleCnn)
    return Kept(tower)
