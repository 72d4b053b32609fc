"""CAB-KWS: views are alike, and what is told of each is enough to tell its mean spectrum.

No negatives: it is the reconstruction that keeps all rows from being one.

Source: Dai, Jiang, Liu, Chen, Sun, Tao, "Contrastive Augmentation: An Unsupervised Learning
Approach for Keyword Spotting in Speech Technology", arXiv:2409.00356, after Luo et al., "Speech
Augmentation Based Unsupervised Learning for Keyword Spotting", arXiv:2205.14329: the weighed sum of
the mean squared error between the features of both views, and of that between each view's mean
spectrum and what is reconstructed of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import mse_loss

from models.training.objective import above_zero


@dataclass(frozen=True, slots=True)
class CabKws:
    """Mean squared errors of similarity and of reconstruction.

    Args:
        told: numbers of a mean spectrum: a row is an embedding, then what is reconstructed, then
            what was there. 0: rows are embeddings only, and nothing is reconstructed.
        weight: of each view's reconstruction beside similarity.
    """

    told: int
    weight: float

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch; see `Objective`. Labels mean nothing, as there are no negatives."""
        dim = a.shape[1] - 2 * self.told
        loss = mse_loss(a[:, :dim], b[:, :dim])
        if not self.told:
            return loss
        for rows in (a, b):
            made, truth = rows[:, dim:].chunk(2, dim=1)
            loss = loss + self.weight * mse_loss(made, truth.detach())
        return loss


def build(*, told: int = 0, weight: float = 1.0) -> CabKws:
    """Make the objective.

    Raises:
        ValueError: the weight is not above zero.
    """
    above_zero("weight", weight, "1 is usual")
    return CabKws(told, weight)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    told: int = 0,
    weight: float = 1.0,
) -> float:
    """Compute it as it reads, number by number."""
    dim = len(a[0]) - 2 * told
    squares = [
        (x - y) ** 2
        for row, partner in zip(a, b, strict=True)
        for x, y in zip(row[:dim], partner[:dim], strict=True)
    ]
    total = sum(squares) / len(squares)
    for rows in (a, b) if told else ():
        errors = [(row[dim + k] - row[dim + told + k]) ** 2 for row in rows for k in range(told)]
        total += weight * sum(errors) / len(errors)
    return total
