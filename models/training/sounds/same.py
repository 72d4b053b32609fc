"""Is it the same recording? A thousand that nothing was learnt from, asked for after mishaps."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.evaluation import recall, unrelated
from models.training.recipe import Embed
from models.training.sounds.clips import RATE, Samples
from models.training.sounds.material import music_clips, speech_clips
from models.training.sounds.spoiling import references_of, spoilt
from models.training.sounds.synthetic import synthetic

SOUNDFONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
ASKED, ASKED_SECONDS, ASKED_SEED = 1_000, 5.0, 99
SPOILT_STEP = 20  # one in so many comes back, five times, which is enough to tell a share by


def music_package(data: Path) -> Path:
    """Find the package of scores: a wheel of `music21`, which `pip download` brings."""
    return next(iter(sorted(data.glob("music21-*.whl"))), data)


def same_recording(data: Path, work: Path) -> Callable[[Embed], dict[str, float]]:
    """Return what tells the figures of an encoder; the recordings are read when it is called.

    Each recording is a reference, and one in twenty comes back five times (`spoiling.SPOILS`);
    recall at 1 among all is told of each way, and of all ways.
    """

    def figures(embed: Embed) -> dict[str, float]:
        music = music_clips(work, music_package(data), SOUNDFONT, unheard=True)
        _, speech = speech_clips(data / "speech", work)
        asked = asked_for([*music], [*speech])
        rows = embed(references_of(asked))
        back = spoilt(asked[::SPOILT_STEP], ASKED_SEED)
        return told({name: embed(files) @ rows.T for name, files in back.items()}, SPOILT_STEP)

    return figures


def told(scores: Mapping[str, NDArray[np.float32]], step: int = 1) -> dict[str, float]:
    """Tell recall at 1 by mishap and of all; row i of (n, m) scores is asked for item i * step."""
    truth = [at * step for at in range(len(next(iter(scores.values()))))]
    found = {f"{name}_r1": recall(part, truth, 1) for name, part in scores.items()}
    every = np.concatenate([*scores.values()])
    found["same_recording_r1"] = recall(every, truth * len(scores), 1)
    return found | {"same_recording_unrelated": unrelated(every, truth * len(scores))}


def asked_for(music: list[Samples], speech: list[Samples]) -> list[Samples]:
    """Cut a thousand recordings of five seconds that nothing was learnt from.

    Two of each piece of music, one of each utterance, and the rest is drawn.
    """
    length = round(ASKED_SECONDS * RATE)
    found = [one[start : start + length] for one in music for start in (0, length)]
    found += [one[:length] for one in speech]
    drawn = synthetic(ASKED - len(found), ASKED_SECONDS, ASKED_SEED)
    return [*found, *drawn]
