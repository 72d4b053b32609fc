"""The text tower fitted once, and kept beside what else a recipe draws once."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from models.pictures.grams import Grams
from models.training.loop import fit
from models.training.names.pairs import NamePairs, found_first, parted, tried
from models.training.names.tower import NameTower
from models.training.objective import Objective
from models.training.recipe import Pair
from models.training.schedule import Schedule

SCHEDULE = Schedule(
    steps=500, size=512, rate=3e-3, warm=50, decay=0.01, averaged=0.99, check_steps=100
)
SEED = 3


def fitted(names: Sequence[str], grams: Grams, objective: Objective, folder: Path) -> NameTower:
    """Learn to know names by their readings, or take up what was learnt in `folder` before.

    The log tells the share of 2 000 readings whose own name, of 2 000 that were not learnt from,
    is the nearest: `held_names_r1`.
    """
    learnt, unseen = parted(names)
    trial = tried(unseen, grams)
    torch.manual_seed(SEED)
    tower = NameTower(grams.buckets)

    def lose(tower: nn.Module, pair: Pair) -> torch.Tensor:
        return objective(tower(pair.first), tower(pair.second), pair.labels)

    mean = fit(
        tower,
        NamePairs(learnt, grams, SEED),
        lose,
        SCHEDULE,
        folder,
        evaluate=lambda mean: {"held_names_r1": found_first(mean, trial)},
        resume=True,
    )
    assert isinstance(mean, NameTower)
    return mean
