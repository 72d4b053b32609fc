"""What the encoders of sounds learn from, made once and kept: words, speech, music."""

import itertools
import json
import os
import random
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.sounds.fitting import trimmed
from models.training.sounds.clips import (
    RATE,
    Clips,
    Samples,
    are_kept,
    gathered,
    joined,
    load_clips,
    save_clips,
)
from models.training.sounds.flite import VOICES, Flite
from models.training.sounds.scores import notes_of, played, scores_in
from models.training.sounds.spoken import SECONDS_MAX, Word, chosen_words, speak_all

ENGLISH_WORDS, OTHER_WORDS = 4000, 400
ENGLISH_TIMES, OTHER_TIMES = 10, 6
FLITE_WORDS, FLITE_SEED = 900, 1
WORD_SAMPLES = round(SECONDS_MAX * RATE)
WORD = re.compile(r"[a-z]{3,11}")
SPEECH_TRIM_DB = 35.0
PIECES, UNHEARD_PIECES, PIECE_SECONDS, PIECE_SEED = 110, 40, 11.0, 3
PEAK = 16_000  # of kept recordings
LOUD_ENOUGH = 300  # the least peak of a piece that is heard at all


def word_list(work: Path, tokenizer: Path) -> list[str]:
    """List words in letters a to z, the commonest first: the order of a tokenizer of BERT's."""
    kept = work / "words.txt"
    if not kept.exists():
        vocabulary = json.loads(tokenizer.read_text("utf-8"))["model"]["vocab"]
        ranked = sorted(vocabulary, key=vocabulary.__getitem__)
        kept.write_text("\n".join(w for w in ranked if WORD.fullmatch(w)) + "\n", "utf-8")
    return kept.read_text("utf-8").split()


def word_clips(work: Path, candidates: Sequence[str]) -> Clips:
    """Speak the words, or read what was spoken; by Flite too, where it is installed."""
    kept = work / "words.npz"
    if not kept.exists():
        words = chosen_words(candidates, ENGLISH_WORDS, OTHER_WORDS)
        clips = speak_all(words, ENGLISH_TIMES, OTHER_TIMES, max(1, (os.cpu_count() or 2) // 2))
        np.savez(kept, samples=clips.samples, starts=clips.starts, labels=clips.labels)
    with np.load(kept) as file:
        spoken = Clips(file["samples"], file["starts"], file["labels"])
    flite = work / "flite"
    if not are_kept(flite):
        try:
            speaker = Flite()
        except OSError:  # no such library: eSpeak's voices alone
            return spoken
        save_clips(flite, _spoken_by(speaker, chosen_words(candidates, ENGLISH_WORDS, 0)))
    return joined([spoken, load_clips(flite)])


def _spoken_by(flite: Flite, words: list[Word]) -> Clips:
    """Speak some of the English words in each of Flite's voices."""
    random.Random(FLITE_SEED).shuffle(words)  # noqa: S311 - guards nothing
    found: list[tuple[int, Samples]] = []
    for word in words[:FLITE_WORDS]:
        for voice in VOICES:
            part = trimmed(flite.say(word.letters, voice), RATE, SPEECH_TRIM_DB)
            found.append((word.label, part[:WORD_SAMPLES].astype(np.int16)))
    return gathered(found)


def speech_clips(folder: Path, work: Path) -> tuple[Clips, Clips]:
    """Read the utterances of a folder: those to learn from, and one in six that is not."""
    kept = work / "speech"
    if not are_kept(kept):
        found = []
        for number, path in enumerate(sorted(folder.glob("*.ogg"))):
            samples, rate = soundfile.read(path, dtype="int16")
            assert rate == RATE, path
            part = trimmed(samples, RATE, SPEECH_TRIM_DB)
            found.append((number, (part * (PEAK / np.abs(part).max(initial=1))).astype(np.int16)))
        save_clips(kept, gathered(found))
    clips = load_clips(kept)
    out = np.array([zlib.crc32(b"%d" % label) % 6 == 0 for label in clips.labels])
    return _part(clips, ~out), _part(clips, out)


def music_clips(work: Path, package: Path, soundfont: Path, *, unheard: bool = False) -> Clips:
    """Play scores, or read what was played.

    Args:
        package: a wheel of `music21`, whose scores are played.
        unheard: the pieces that are not learnt from, of other scores.
    """
    kept = work / ("unheard" if unheard else "music")
    if not are_kept(kept):
        scores = list(scores_in(package))
        order = list(range(len(scores)))
        random.Random(PIECE_SEED).shuffle(order)  # noqa: S311 - guards nothing
        half = len(order) // 2
        some = order[half:] if unheard else order[:half]
        found: list[tuple[int, Samples]] = []
        for turn in itertools.count():
            at = some[turn % len(some)]
            notes = notes_of(scores[at])
            if len(notes) >= 20:
                sound = played(notes, soundfont, turn, PIECE_SECONDS)
                peak = int(np.abs(sound.astype(np.int32)).max(initial=0))
                if peak >= LOUD_ENOUGH:
                    found.append((at, (sound * (PEAK / peak)).astype(np.int16)))
            if len(found) == (UNHEARD_PIECES if unheard else PIECES):
                break
        save_clips(kept, gathered(found))
    return load_clips(kept)


def _part(clips: Clips, mask: NDArray[np.bool_]) -> Clips:
    return gathered((int(clips.labels[i]), clips[i]) for i in np.flatnonzero(mask).tolist())
