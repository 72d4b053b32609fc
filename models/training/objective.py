"""The port of a contrastive objective, and the catalog of its implementations.

One file of `models/training/objectives/` is one published objective. It offers `build(**settings)`
that gives an `Objective`, and `reference(a, b, labels, **settings)` that computes the same figure
by slow, plain loops over the equation; the contract test compares the two.
"""

import importlib
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Generic, Protocol, TypeVar

import torch

from models.training import objectives

Rows = TypeVar("Rows")
Labels = TypeVar("Labels")


@dataclass(frozen=True, slots=True)
class Keys(Generic[Rows, Labels]):
    """What the rows of a batch look among: unit rows of a momentum encoder.

    For the objectives that take `keys` beside a batch.

    Args:
        a, b: of the batch, (n, d).
        soft_a, soft_b: of the batch softly augmented, (n, d).
        queue_a, queue_b: of batches before, (m, d); negatives.
        queue_labels: (m,), of the rows of both queues.
    """

    a: Rows
    b: Rows
    soft_a: Rows
    soft_b: Rows
    queue_a: Rows
    queue_b: Rows
    queue_labels: Labels


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


def above_zero(name: str, value: float, usual: str) -> None:
    """Refuse a setting of an objective that is not above zero.

    Raises:
        ValueError: naming the setting, and what it usually is.
    """
    if not value > 0:
        raise ValueError(f"{name} is {value} and must be above 0; {usual}")
