"""Batches of the clones' encoder: two views of a problem's solutions, in any language."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from models.training.clones.solutions import Solution
from models.training.clones.views import Ids

SAME = 0.3  # of the pairs, the share of one solution in two views
HIDDEN = (0.0, 0.0, 0.05, 0.15)  # of a view's tokens, the share that is masked
LATE = (
    0.1  # of the views, the share whose beginning is cut off: a part of a function, a header gone
)


@dataclass(frozen=True, slots=True)
class Views:
    """A batch: row i of the first half and of the second are of one problem.

    Args:
        ids: int64 (2 n, t), padded with 0.
        lengths: int64 (2 n,).
        labels: int64 (n,), of the problems.
    """

    ids: torch.Tensor
    lengths: torch.Tensor
    labels: torch.Tensor


class ProblemPairs:
    """Draws batches; the same step gives the same batch.

    Args:
        views: of each solution.
        mask_id: stands for a token that is hidden.
    """

    def __init__(
        self, solutions: Sequence[Solution], views: Sequence[Sequence[Ids]], mask_id: int, seed: int
    ) -> None:
        self.views, self.mask_id, self.seed = views, mask_id, seed
        self.own: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(solutions):
            self.own[one.problem].append(place)
        self.problems = sorted(self.own)

    def draw(self, step: int, size: int) -> Views:
        """Draw a batch of `size` pairs; a problem of many solutions gives two."""
        draw = random.Random(f"{self.seed} {step}")  # noqa: S311 - seeded draws of a training
        pairs: list[tuple[int, int, int]] = []
        for number in draw.sample(range(len(self.problems)), min(size, len(self.problems))):
            own = self.own[self.problems[number]]
            count = 2 if len(own) > 3 else 1
            pairs += [(number, *self._pair(own, draw)) for _ in range(count)]
        pairs = pairs[:size]
        places = [pair[1] for pair in pairs] + [pair[2] for pair in pairs]
        rows = [self._view(place, draw) for place in places]
        lengths = torch.tensor([len(row) for row in rows])
        ids = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
        for row, view in zip(ids, rows, strict=True):
            row[: len(view)] = torch.from_numpy(view.astype(np.int64))
        return Views(ids, lengths, torch.tensor([pair[0] for pair in pairs]))

    def _pair(self, own: Sequence[int], draw: random.Random) -> tuple[int, int]:
        if len(own) == 1 or draw.random() < SAME:
            place = draw.choice(own)
            return place, place
        first, second = draw.sample(own, 2)
        return first, second

    def _view(self, place: int, draw: random.Random) -> Ids:
        view = draw.choice(self.views[place])
        if draw.random() < LATE and len(view) > 60:
            start = draw.randrange(1, len(view) // 3)
            view = np.concatenate([view[:1], view[start:]])
        hidden = draw.choice(HIDDEN)
        if hidden:
            noise = np.random.default_rng(draw.randrange(1 << 32)).random(len(view)) < hidden
            noise[0] = False
            view = np.where(noise, np.uint16(self.mask_id), view)
        return view
