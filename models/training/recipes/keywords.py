"""The keyword encoder: from one spoken example to the same word in a voice it never heard."""

import io
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import soundfile
import torch

from models.training.objective import open_objective
from models.training.recipe import Embed, Recipe, Stage
from models.training.schedule import Schedule
from models.training.sounds.clips import RATE
from models.training.sounds.digits import across_speakers, read_digits, unrelated_words
from models.training.sounds.found import FoundPairs
from models.training.sounds.material import speech_clips, word_clips, word_list
from models.training.sounds.shelf import Later
from models.training.sounds.spoken import Word, spoken
from models.training.sounds.towers import KeywordTower
from models.training.sounds.words import WordPairs

TOKENIZER = Path("models/bundles/minilm/tokenizer.json")
SEED = 1
STEPS, PAIRS = (3_000, 2_000), 1_024
PROBE_WORDS = ("yes", "no", "seven", "window", "coffee", "tomorrow")
# Below these, MFCC and dynamic time warping do as well.
FLOORS: Mapping[str, float] = {"digits_1-shot": 0.6, "digits_5-shot": 0.77}
PREPROCESSING: Mapping[str, object] = {
    "sample_rate": RATE,
    "samples": RATE,
    "fill": "silence",
    "trim_db": 35.0,
}


def build(data: Path, work: Path) -> Recipe:
    """Make the recipe: the words are spoken the first time, and kept in `work`."""
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(SEED)

    @cache
    def pairs() -> WordPairs:
        learnt, _ = speech_clips(data / "speech", work)
        return WordPairs(word_clips(work, word_list(work, TOKENIZER)), learnt, RATE, SEED)

    found = FoundPairs(pairs, KeywordTower())

    def figures(embed: Embed) -> dict[str, float]:
        digits = read_digits(data / "spoken_digits" / "recordings")
        rows = embed(digits.files)
        scores = rows @ rows.T
        found = {f"digits_{name}": value for name, value in across_speakers(scores, digits).items()}
        return found | {"digits_unrelated": unrelated_words(scores, digits)}

    return Recipe(
        name="keywords",
        description="Finds a spoken word by one example of it, in other voices.",
        modality="audio",
        licence="Apache-2.0",
        training_data=(
            "74 000 words spoken by eSpeak NG in fifteen languages and some sixty voices, and "
            "by Flite's voices slt, rms, awb and kal16; the words are those of the vocabulary of "
            "BERT, less the ten digits and what sounds like them. Unlabelled: 515 of the 619 "
            "utterances of Picovoice/speech-to-intent-benchmark (Apache-2.0)."
        ),
        stages=[
            Stage(
                preprocessing=PREPROCESSING,
                tower=KeywordTower(),
                pairs=Later(pairs),
                schedule=Schedule(
                    steps=STEPS[0], size=PAIRS, rate=2e-3, warm=200, check_steps=1_000
                ),
            ),
            Stage(
                preprocessing=PREPROCESSING,
                tower=KeywordTower(),
                pairs=found,
                schedule=Schedule(
                    steps=STEPS[1], size=PAIRS, rate=1e-3, warm=100, check_steps=1_000
                ),
            ),
        ],
        hand_on=found.begun_from,
        complete=lambda tower: tower,
        preprocessing=PREPROCESSING,
        objective=open_objective("sup_con").build(temperature=0.1),
        trials=figures,
        unrelated="digits_unrelated",
        floors=FLOORS,
        probe=_probe(),
    )


def _probe() -> list[bytes]:
    """Speak a few words, and encode them in several ways."""
    kinds = (("WAV", "PCM_16", RATE), ("FLAC", "PCM_16", RATE), ("WAV", "ULAW", RATE // 2))
    found = []
    for at, letters in enumerate(PROBE_WORDS):
        kind, subtype, rate = kinds[at % len(kinds)]
        file = io.BytesIO()
        (sound,) = spoken(Word(letters, None, at), 1)
        soundfile.write(file, sound[:: RATE // rate], rate, subtype, format=kind)
        found.append(file.getvalue())
    return found
