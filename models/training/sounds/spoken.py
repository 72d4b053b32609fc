"""Which words are spoken, in which languages and voices, by several processes."""

import multiprocessing
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.sounds.fitting import trimmed
from models.training.sounds.clips import RATE, Clips, Samples, gathered
from models.training.sounds.espeak import Speaker

# Accents of English: a word is one class in all of them.
ENGLISH = (
    "en-us", "en-us", "en-us", "en", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan",
    "en-us-nyc", "en-029",
)  # fmt: skip
# Others read the same letters in their own way, which makes words of other sounds.
OTHERS = ("de", "fr", "es", "it", "nl", "pl", "pt", "sv", "fi", "tr", "ro", "cs", "hu", "id")
VARIANTS = (
    "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5",
    "Alex", "Alicia", "Andrea", "Andy", "Annie", "Denis", "Diogo", "Gene", "Henrique", "Hugo",
    "Jacky", "Lee", "Marco", "Mario", "Michael", "Mike", "adam", "anika", "antonio", "belinda",
    "benjamin", "boris", "caleb", "david", "ed", "edward", "gustave", "iven", "john", "linda",
    "klatt", "klatt2", "klatt3", "klatt4", "klatt6", "marcelo", "max", "michel", "miguel",
    "norbert", "pablo", "paul", "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph",
    "travis", "victor", "zac", "aunty", "grandma", "grandpa",
)  # fmt: skip
# Asked for on the development set, and so never learnt; nor what sounds like one of them.
DIGITS = "zero one two three four five six seven eight nine".split()  # noqa: SIM905
TRIM_DB, SECONDS_MAX = 40.0, 1.3


@dataclass(frozen=True, slots=True)
class Word:
    """What is spoken: letters, as a language reads them; `language` None is English."""

    letters: str
    language: str | None
    label: int


def chosen_words(candidates: Sequence[str], english: int, other: int) -> list[Word]:
    """Choose words that differ in sound, the first of the candidates for English.

    Args:
        candidates: words in letters a to z, the commonest first.
        english: how many are spoken in English.
        other: how many in each other language.
    """
    speaker = Speaker()
    taken = {speaker.phonemes(digit, "en-us") for digit in DIGITS}
    words: list[Word] = []
    for language, count in [(None, english), *((name, other) for name in OTHERS)]:
        # Each of the other languages reads words that the one before did not.
        start = 0 if language is None else OTHERS.index(language) * other
        wanted = len(words) + count
        for letters in candidates[start:]:
            if len(words) == wanted:
                break
            sound = speaker.phonemes(letters, language or "en-us")
            if sound in taken or any(digit in letters for digit in DIGITS):
                continue
            taken.add(sound)
            words.append(Word(letters, language, len(words)))
    return words


@cache
def _speaker() -> Speaker:
    return Speaker()


def spoken(word: Word, times: int) -> Iterator[Samples]:
    """Speak a word in voices, at speeds and pitches that are drawn, trimmed as in serving."""
    draw = random.Random(f"{word.language}/{word.letters}")  # noqa: S311 - guards nothing
    for _ in range(times):
        language = word.language or draw.choice(ENGLISH)
        sound = _speaker().say(
            word.letters,
            f"{language}+{draw.choice(VARIANTS)}",
            speed=round(draw.triangular(90, 320, 165)),
            pitch=draw.randint(5, 95),
            spread=draw.randint(10, 90),
        )
        part: Samples = trimmed(sound, RATE, TRIM_DB)[: round(SECONDS_MAX * RATE)].astype(np.int16)
        if len(part):
            yield part


def _spoken(task: tuple[Word, int]) -> list[tuple[int, Samples]]:
    word, times = task
    return [(word.label, sound) for sound in spoken(word, times)]


def speak_all(words: Sequence[Word], english: int, other: int, processes: int) -> Clips:
    """Speak all words, the English ones oftener, in the order of the words."""
    tasks = [(word, english if word.language is None else other) for word in words]
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        parts = pool.imap(_spoken, tasks, chunksize=50)
        return gathered(pair for part in parts for pair in part)
