"""What the encoders of names are tried on: names that are not learnt from, as they were read."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.texts.characters import romanised
from models.training.evaluation import Rows
from models.training.records.pairs import NamePairs, unseen
from models.training.records.pool import Pool
from models.training.records.readings import FILE, kept
from models.training.records.variants import near

DRAWN, DRAWN_SEED = 1000, 11
NEAR_SEED, DISTRACTORS = 12, 2000
BESIDE, CROWD = 40, 8000  # of legible lines: so that names, and not print, are what is hard


@dataclass(frozen=True, slots=True)
class NameTrial:
    """Names that are asked for by readings of them.

    Args:
        names: each once.
        readings: what is asked.
        truth: for each reading, the place of its name.
        crops: for each reading, the encoded picture that was read, where there are any.
    """

    names: Sequence[str]
    readings: Sequence[str]
    truth: Sequence[int]
    crops: Sequence[bytes] = ()


def found_first(scores: Rows, trial: NameTrial) -> float:
    """Tell the share of readings whose own name scores best; of a tie of n, each has one n-th."""
    own = scores[np.arange(len(trial.truth)), list(trial.truth)]
    best = scores.max(1)
    return float(((own >= best) / (scores >= best[:, None]).sum(1)).mean())


def found_among(scores: Sequence[Rows], trial: NameTrial, k: int) -> float:
    """Tell the share of readings whose own name is among the k best by any of several scores."""
    rows, truth = np.arange(len(trial.truth)), list(trial.truth)
    found = [(some > some[rows, truth][:, None]).sum(1) < k for some in scores]
    return float(np.logical_or.reduce(found).mean())


def drawn(pool: Pool) -> NameTrial:
    """Draw unseen names, half of them nearly the same as the others, and a reading of each."""
    pairs = NamePairs(pool, DRAWN_SEED, tried=True)
    draw = random.Random(DRAWN_SEED)  # noqa: S311 - a seeded trial
    names = pairs.names(DRAWN, draw)
    return listed(names, [pairs.read(name, draw) for name in names])


def tesseract(
    pool: Pool, work: Path, *, beside: int = 1, others: int = DISTRACTORS
) -> NameTrial | None:
    """Take the unseen names that Tesseract has read, among names near them and many others.

    Nothing, where nothing was read.

    Args:
        beside: names to each that was read, which differ from it by a letter, a digit or a word.
        others: names that have nothing to do with them.
    """
    if not (work / FILE).exists():
        return None
    read = [r for r in kept(work) if not r.rest and unseen(r.name) and romanised(r.read)]
    draw = random.Random(NEAR_SEED)  # noqa: S311 - a seeded trial
    close = [near(one.name, draw.choice(read).name, draw) for _ in range(beside) for one in read]
    crowd = NamePairs(pool, NEAR_SEED, tried=True).names(others, draw)
    return listed([one.name for one in read], [one.read for one in read], [*close, *crowd])


def directories(
    data: Path, field: str = "tesseract_name", *, others: Sequence[str] = ()
) -> NameTrial | None:
    """Take the entries of two Paris directories: whose name was read as what, and their crops."""
    folder = data / "records" / "directories"
    if not folder.exists():
        return None
    with (folder / "entries.jsonl").open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    crops = [(folder / entry["crop"]).read_bytes() for entry in entries]
    names = [entry["name"] for entry in entries]
    return listed(names, [entry[field] for entry in entries], others, crops)


def listed(
    names: Sequence[str],
    readings: Sequence[str],
    others: Sequence[str] = (),
    crops: Sequence[bytes] = (),
) -> NameTrial:
    """List names once each, those that are asked for first, by how they are written."""
    place: dict[str, int] = {}
    for name in names:
        place.setdefault(romanised(name), len(place))
    first = {place[romanised(name)]: name for name in reversed(names)}
    known = {romanised(name): name for name in others if romanised(name)}
    more = [name for key, name in known.items() if key not in place]
    return NameTrial(
        [*(first[i] for i in range(len(place))), *more],
        readings,
        [place[romanised(name)] for name in names],
        crops,
    )
