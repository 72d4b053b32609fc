"""The port of a contrastive objective, and the catalog of its implementations.

One file of `models/training/objectives/` is one published objective. It offers `build(**settings)`
that gives an `Objective`, and `reference(a, b, labels, **settings)` that computes the same figure
by slow, plain loops over the equation; the contract test compares the two.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType
from typing import Protocol

import torch

from models.training import objectives


class Objective(Protocol):
    """A differentiable scalar of paired embeddings; lower is better."""

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch.

        Args:
            a: unit rows (n, d).
            b: unit rows (n, d); row i is the positive of row i of `a`.
            labels: int64 (n,); rows of one label are never each other's negatives.
        """
        ...


class Reference(Protocol):
    """The same objective, written for the eye."""

    def __call__(
        self,
        a: Sequence[Sequence[float]],
        b: Sequence[Sequence[float]],
        labels: Sequence[int] | None = None,
    ) -> float:
        """Score one batch by loops."""
        ...


def objective_names() -> list[str]:
    """List the objectives there are."""
    return sorted(module.name for module in pkgutil.iter_modules(objectives.__path__))


def open_objective(name: str) -> ModuleType:
    """Import one objective's file by name.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in objective_names():
        raise ValueError(f"objective {name!r} is not one of {', '.join(objective_names())}")
    return importlib.import_module(f"models.training.objectives.{name}")
