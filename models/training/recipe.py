"""The port of a recipe, and the catalog of its implementations.

One file of `models/training/recipes/` makes one encoder. It offers `build(data, work)`, that reads
what is trained on from `data`, keeps what is derived from it in `work`, and gives a `Recipe`:
data, modality, tower, objective, schedule and acceptance.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from models.modality import Item
from models.training import recipes
from models.training.objective import Objective
from models.training.schedule import Schedule

Weights = dict[str, torch.Tensor]
Encoded = bytes | Item
"""An encoded file, alone or with what it reads."""
Embed = Callable[[Sequence[Encoded]], NDArray[np.float32]]
"""Encoded items to unit rows, float32 (n, dim), through the preprocessing of serving."""


def as_item(modality: str, one: Encoded) -> Item:
    """Make an item of an encoded file."""
    return one if isinstance(one, Item) else Item(modality, one)


@dataclass(frozen=True, slots=True)
class Pair:
    """A batch: row i of both is one item, in two views.

    Args:
        first, second: what the tower takes, (n, ...).
        labels: int64 (n,); rows of one label are never each other's negatives.
    """

    first: torch.Tensor
    second: torch.Tensor
    labels: torch.Tensor


class Pairs(Protocol):
    """Draws batches; the same step gives the same batch."""

    def draw(self, step: int, size: int) -> Pair:
        """Draw the batch of a step, of about `size` pairs."""
        ...


@runtime_checkable
class Movable(Protocol):
    """Pairs that can be drawn on a GPU, where they are learnt from."""

    def to(self, device: torch.device) -> Pairs:
        """Draw there; the same step gives the same batch on the same kind of device."""
        ...


def drawn_on(pairs: Pairs, device: torch.device) -> Pairs:
    """Draw pairs on a GPU, if they can be drawn there."""
    return pairs.to(device) if device.type != "cpu" and isinstance(pairs, Movable) else pairs


@dataclass(frozen=True, slots=True)
class Stage:
    """One part of a training; the next starts from its weights.

    Args:
        preprocessing: configuration of the modality, in full; the same in training and in serving.
        tower: the graph to be trained: what the modality makes, to unit rows.
        pairs: what it learns from.
        schedule: how long and how fast.
        lose: its loss on what `pairs` draws, where that is more than the objective on two views.
    """

    preprocessing: Mapping[str, object]
    tower: torch.nn.Module
    pairs: Any
    schedule: Schedule
    lose: Callable[[torch.nn.Module, Any], torch.Tensor] | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that makes one encoder.

    Args:
        name: of the bundle.
        description: one sentence on what the encoder is for.
        modality: what it reads.
        training_data: what it learnt from, for the model card.
        stages: from the first to that whose tower is shipped.
        hand_on: the weights of one stage, fitted to the tower of the next.
        complete: the graph that is shipped, made of the last stage's tower.
        preprocessing: of what is shipped: the last stage's, and what `complete` adds to it.
        objective: what is to be reached.
        trials: figures of an encoder on data that it did not learn from, by name.
        unrelated: the name of the figure that is the 99 % quantile of the score of unrelated
            pairs: the threshold of open-set answers until a gallery is calibrated.
        floors: what the figures must reach for the encoder to be published.
        probe: a few encoded items, to know the encoder by.
        meets: the bundle in whose space the rows lie; it is looked for beside the bundle to be.
    """

    name: str
    description: str
    modality: str
    licence: str
    training_data: str
    stages: Sequence[Stage]
    hand_on: Callable[[Weights, torch.nn.Module], Weights]
    complete: Callable[[torch.nn.Module], torch.nn.Module]
    preprocessing: Mapping[str, object]
    objective: Objective
    trials: Callable[[Embed], Mapping[str, float]]
    unrelated: str
    floors: Mapping[str, float]
    probe: Sequence[Encoded]
    meets: str | None = None


class RecipeFile(Protocol):
    """A module of `models/training/recipes/`."""

    def build(self, data: Path, work: Path) -> Recipe:
        """Make the recipe."""
        ...


def recipe_names() -> list[str]:
    """List the recipes there are."""
    return sorted(module.name for module in pkgutil.iter_modules(recipes.__path__))


def open_recipe(name: str) -> RecipeFile:
    """Import one recipe's file by name.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in recipe_names():
        raise ValueError(f"recipe {name!r} is not one of {', '.join(recipe_names())}")
    return cast(RecipeFile, importlib.import_module(f"{recipes.__name__}.{name}"))
