"""The encoder of sounds and music: the same recording, whatever was done to it."""

from collections.abc import Mapping
from pathlib import Path

import torch

from models.training.objective import open_objective
from models.training.recipe import Recipe, Stage
from models.training.schedule import Schedule
from models.training.sounds.clips import RATE, joined
from models.training.sounds.material import PIECES, music_clips, speech_clips
from models.training.sounds.recordings import RecordingPairs
from models.training.sounds.same import SOUNDFONT, music_package, same_recording
from models.training.sounds.shelf import Later
from models.training.sounds.spoiling import references_of
from models.training.sounds.synthetic import synthetic
from models.training.sounds.towers import SoundTower

SECONDS = 4
DRAWN, DRAWN_SECONDS = 3_000, 6.0
PROBES, PROBE_SECONDS = 4, 0.5
TEMPERATURE = 0.1  # 0.5, CLMR's, tells single recordings apart less well
SEED = 2
FLOORS: Mapping[str, float] = {"same_recording_r1": 0.9}
PREPROCESSING: Mapping[str, object] = {
    "sample_rate": RATE,
    "samples": SECONDS * RATE,
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
        drawn = synthetic(DRAWN, DRAWN_SECONDS, SEED)
        return RecordingPairs(joined([music, learnt, drawn]), SECONDS * RATE, SEED)

    return Recipe(
        name="sounds",
        description="Knows a recording again under noise, reverberation, codecs and other speeds.",
        modality="audio",
        licence="Apache-2.0",
        training_data=(
            f"{PIECES} excerpts of scores of the package music21, played by FluidSynth with the "
            "sound font TimGM6mb (GPL-2; not shipped); 515 of the 619 utterances of "
            f"Picovoice/speech-to-intent-benchmark (Apache-2.0); {DRAWN} sounds drawn by this "
            "recipe."
        ),
        stages=[
            Stage(
                preprocessing=PREPROCESSING,
                tower=SoundTower(),
                pairs=Later(pairs),
                schedule=Schedule(steps=6_000, size=256, rate=2e-3, warm=200, check_steps=1_000),
            )
        ],
        hand_on=lambda weights, _: weights,
        complete=lambda tower: tower,
        preprocessing=PREPROCESSING,
        objective=open_objective("nt_xent").build(temperature=TEMPERATURE),
        trials=same_recording(data, work),
        unrelated="same_recording_unrelated",
        floors=FLOORS,
        probe=references_of([*synthetic(PROBES, PROBE_SECONDS, SEED)]),
    )
