"""Batches of real readings: each beside its name, and the names that are nearest to that one."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.texts.characters import romanised
from models.training.evaluation import Rows
from models.training.records.confusions import RATE_MAX, edited
from models.training.records.pairs import NamePairs, padded, unseen
from models.training.records.pool import Pool
from models.training.records.readings import Reading

NEAREST = 15  # of each name, that its reading is told from
REAL = 0.7  # of the readings of names that were printed; the others are drawn
KEPT = 4  # readings a batch for one name that is only to stay where it is
WINDOW = 6  # batches of names of about one length, of which one is drawn
ROWS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """Readings, and the rows that they are to meet.

    Args:
        texts: characters of the readings, and after them of names as they are filed, (n, length).
        rows: where names are, unit rows (m, d), each name once.
        truth: for each reading, the place of its name's row.
        stay: for each name as it is filed, the place of its row.
    """

    texts: torch.Tensor
    rows: torch.Tensor
    truth: torch.Tensor
    stay: torch.Tensor


class PrintedPairs:
    """Draws readings of names, real ones of those that were printed; the same step, the same batch.

    Args:
        readings: of lines; of names that are kept for trials, none is learnt from.
        drawn: names that are drawn beside those that were printed.
    """

    def __init__(self, pool: Pool, readings: Sequence[Reading], drawn: int, seed: int) -> None:
        self.pairs, self.seed = NamePairs(pool, seed), seed
        self.read: dict[str, list[str]] = {}
        for reading in readings:
            text = of_name(reading)
            if text and not unseen(reading.name):
                self.read.setdefault(romanised(reading.name), []).append(text)
        draw = random.Random(seed)  # noqa: S311 - seeded draws of a training
        names = {romanised(reading.name): reading.name for reading in readings}
        names = {key: name for key, name in names.items() if key in self.read}
        names |= {romanised(name): name for name in self.pairs.names(drawn, draw)}
        self.names = sorted(names.values(), key=lambda name: len(romanised(name)))
        self.rows: Rows = np.zeros((0, 0), np.float32)
        self.nearest: NDArray[np.int64] = np.zeros((0, 0), np.int64)

    def place(self, tower: torch.nn.Module) -> None:
        """Set where the names are, and which are nearest to each, by a tower that has learnt."""
        parts = [self.names[i : i + ROWS_AT_ONCE] for i in range(0, len(self.names), ROWS_AT_ONCE)]
        with torch.inference_mode():
            self.rows = np.concatenate([tower(padded(part)).numpy() for part in parts])
        found = []
        for start in range(0, len(self.rows), ROWS_AT_ONCE):
            scores = self.rows[start : start + ROWS_AT_ONCE] @ self.rows.T
            own = np.arange(len(scores))
            scores[own, start + own] = -np.inf
            found.append(np.argpartition(-scores, NEAREST, axis=1)[:, :NEAREST])
        self.nearest = np.concatenate(found)

    def draw(self, step: int, size: int) -> ReadBatch:
        """Draw a batch of names about as long as each other, so that little is filled up."""
        draw = random.Random(f"{self.seed} {step}")  # noqa: S311 - seeded draws of a training
        window = min(len(self.names), WINDOW * size)
        first = draw.randrange(len(self.names) - window + 1)
        asked = np.array([first + place for place in draw.sample(range(window), size)])
        kept = asked[: size // KEPT]
        columns, found = np.unique(
            np.concatenate([asked, self.nearest[asked].ravel()]), return_inverse=True
        )
        texts = [self._reading(self.names[i], draw) for i in asked]
        places = torch.from_numpy(found.reshape(-1)[:size])
        return ReadBatch(
            texts=padded([*texts, *(self.names[i] for i in kept)]),
            rows=torch.from_numpy(self.rows[columns]),
            truth=places,
            stay=places[: len(kept)],
        )

    def _reading(self, name: str, draw: random.Random) -> str:
        real = self.read.get(romanised(name))
        if real and draw.random() < REAL:
            return draw.choice(real)
        return self.pairs.read(name, draw)


def of_name(reading: Reading) -> str | None:
    """Cut what was read of the name out of what was read of its line; None of what is no reading.

    What stands where the name ends in the alignment of fewest edits ends its reading, as where a
    list is parted by what was found to be a name.
    """
    end, found = len(reading.name), ""
    place = 0
    for was, got in edited(reading.name + reading.rest, reading.read):
        if place >= end and (reading.rest or was):
            break
        share = 1.0 if place + len(was) <= end else (end - place) / len(was)
        found += got[: round(share * len(got))]
        place += len(was)
    wrong = sum(max(len(was), len(got)) for was, got in edited(reading.name, found) if was != got)
    return found if romanised(found) and wrong <= RATE_MAX * len(reading.name) else None
