"""Words known by example: spoken digits, asked for in a voice that was not enrolled."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

NAME = re.compile(r"(\d)_([a-z]+)_(\d+)\.wav")
EACH = 10  # recordings of each digit of each speaker that take part

Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Digits:
    """Recordings of digits, in the order digit, speaker, number.

    Args:
        files: encoded.
        digits, speakers, turns: int64 (n,), of each.
    """

    files: list[bytes]
    digits: NDArray[np.int64]
    speakers: NDArray[np.int64]
    turns: NDArray[np.int64]


def read_digits(folder: Path, each: int = EACH) -> Digits:
    """Read `{digit}_{speaker}_{number}.wav`, the first of each digit and speaker."""
    found = []
    for path in folder.glob("*.wav"):
        match = NAME.fullmatch(path.name)
        if match and int(match[3]) < each:
            found.append((int(match[1]), match[2], int(match[3]), path))
    found.sort()
    speakers = sorted({speaker for _, speaker, _, _ in found})
    return Digits(
        [path.read_bytes() for *_, path in found],
        np.array([digit for digit, *_ in found]),
        np.array([speakers.index(speaker) for _, speaker, _, _ in found]),
        np.array([turn for _, _, turn, _ in found]),
    )


def across_speakers(scores: Scores, asked: Digits) -> Mapping[str, float]:
    """Tell how many are named right, by what was enrolled of other speakers; no draw is made.

    One shot: one recording of each digit by one other speaker is enrolled; every other speaker and
    every turn is tried. Five shots: one recording of each digit by each of the other speakers,
    which are five; the nearest counts, or (`5-shot-mean`) the mean score, which ranks as the
    mean of unit rows does, before it is brought to unit length. A tie counts against.

    Args:
        scores: (n, n), higher is nearer.
    """
    speakers, turns = np.unique(asked.speakers), np.unique(asked.turns)
    one, five, mean = [], [], []
    for speaker in speakers:
        queries = np.flatnonzero(asked.speakers == speaker)
        truth = asked.digits[queries]
        for turn in turns:
            found = []
            for other in speakers[speakers != speaker]:
                mask = (asked.speakers == other) & (asked.turns == turn)
                enrolled = np.flatnonzero(mask)[np.argsort(asked.digits[mask])]
                found.append(scores[np.ix_(queries, enrolled)])
            one += [_right(part, truth) for part in found]
            five.append(_right(np.max(found, axis=0), truth))
            mean.append(_right(np.mean(found, axis=0), truth))
    names = ("1-shot", "5-shot", "5-shot-mean")
    return dict(zip(names, (float(np.mean(x)) for x in (one, five, mean)), strict=True))


def _right(scores: NDArray[np.floating], truth: NDArray[np.int64]) -> float:
    own = scores[np.arange(len(truth)), truth]
    return float(((scores >= own[:, None]).sum(1) == 1).mean())


def unrelated_words(scores: Scores, asked: Digits) -> float:
    """Tell the score that one in a hundred pairs of two digits by two speakers exceeds."""
    other = asked.digits[:, None] != asked.digits[None, :]
    stranger = asked.speakers[:, None] != asked.speakers[None, :]
    return float(np.quantile(scores[other & stranger], 0.99))
