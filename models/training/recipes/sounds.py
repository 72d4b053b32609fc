"""The encoder of sounds and music: the same recording, whatever was done to it."""

from collections.abc import Mapping
from pathlib import Path

from models.training.recipe import Recipe
from models.training.schedule import Schedule
from models.training.sounds.clips import RATE
from models.training.sounds.encoding import Encoding
from models.training.sounds.material import PIECES
from models.training.sounds.towers import SoundTower

SECONDS = 4
DRAWN = 3_000
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
    """Make the recipe; see `Encoding`."""
    encoding = Encoding(
        name="sounds",
        description="Knows a recording again under noise, reverberation, codecs and other speeds.",
        training_data=(
            f"{PIECES} excerpts of scores of the package music21, played by FluidSynth with the "
            "sound font TimGM6mb (GPL-2; not shipped); 515 of the 619 utterances of "
            f"Picovoice/speech-to-intent-benchmark (Apache-2.0); {DRAWN} sounds drawn by this "
            "recipe."
        ),
        preprocessing=PREPROCESSING,
        tower=SoundTower,
        schedule=Schedule(steps=6_000, size=256, rate=2e-3, warm=200, check_steps=1_000),
        temperature=TEMPERATURE,
        seed=SEED,
        drawn=DRAWN,
        floors=FLOORS,
    )
    return encoding.recipe(data, work)
