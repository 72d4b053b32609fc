"""What the recipes of encoders of recordings share: what they learn from, and are tried on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from models.training.objective import open_objective
from models.training.recipe import Recipe, Stage
from models.training.schedule import Schedule
from models.training.sounds.clips import RATE, joined
from models.training.sounds.material import music_clips, speech_clips
from models.training.sounds.recordings import APART_SECONDS, RecordingPairs
from models.training.sounds.same import SOUNDFONT, music_package, same_recording
from models.training.sounds.shelf import Later
from models.training.sounds.spoiling import references_of
from models.training.sounds.synthetic import synthetic

DRAWN_SECONDS = 6.0
PROBES, PROBE_SECONDS = 4, 0.5


def as_it_is(tower: torch.nn.Module) -> torch.nn.Module:
    """Ship a tower as it was learnt."""
    return tower


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder that is to know a recording again, as far as it is not like all others.

    Args:
        preprocessing: of the modality, in full.
        tower: makes the tower.
        schedule: how long and how fast.
        temperature: of NT-Xent.
        seed: of its weights, and of what is drawn.
        drawn: how many sounds are drawn to learn from, beside music and speech.
        apart: seconds that one crop of a recording may begin after the other.
        complete: the graph that is shipped, made of the tower.
    """

    name: str
    description: str
    training_data: str
    preprocessing: Mapping[str, object]
    tower: Callable[[], torch.nn.Module]
    schedule: Schedule
    temperature: float
    seed: int
    drawn: int
    floors: Mapping[str, float]
    apart: float = APART_SECONDS
    complete: Callable[[torch.nn.Module], torch.nn.Module] = as_it_is

    def recipe(self, data: Path, work: Path) -> Recipe:
        """Make the recipe: the music is played when it is first needed, and kept in `work`."""
        work.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(self.seed)
        return Recipe(
            name=self.name,
            description=self.description,
            modality="audio",
            licence="Apache-2.0",
            training_data=self.training_data,
            stages=[
                Stage(
                    preprocessing=self.preprocessing,
                    tower=self.tower(),
                    pairs=Later(lambda: self._pairs(data, work)),
                    schedule=self.schedule,
                )
            ],
            hand_on=lambda weights, _: weights,
            complete=self.complete,
            preprocessing=self.preprocessing,
            objective=open_objective("nt_xent").build(temperature=self.temperature),
            trials=same_recording(data, work),
            unrelated="same_recording_unrelated",
            floors=self.floors,
            probe=references_of([*synthetic(PROBES, PROBE_SECONDS, self.seed)]),
        )

    def _pairs(self, data: Path, work: Path) -> RecordingPairs:
        music = music_clips(work, music_package(data), SOUNDFONT)
        learnt, _ = speech_clips(data / "speech", work)
        drawn = synthetic(self.drawn, DRAWN_SECONDS, self.seed)
        # It is all kept at one rate; another is heard by resampling what was altered.
        samples, rate = (self.preprocessing[name] for name in ("samples", "sample_rate"))
        assert isinstance(samples, int)
        assert isinstance(rate, int)
        heard = samples if rate == RATE else round(samples * RATE / rate)
        return RecordingPairs(
            joined([music, learnt, drawn]),
            heard,
            self.seed,
            apart=self.apart,
            resampled=None if heard == samples else samples,
        )
