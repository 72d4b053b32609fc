"""InfoNCE over the batch, in one direction or both.

Source: van den Oord, Li, Vinyals, "Representation Learning with Contrastive Predictive Coding",
arXiv:1807.03748, equation 4; both directions as in Radford et al., "Learning Transferable Visual
Models From Natural Language Supervision", arXiv:2103.00020, figure 3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from models.training.objective import above_zero


@dataclass(frozen=True, slots=True)
class InfoNce:
    """Each row must find its partner among all partners of the batch.

    Args:
        temperature: divides the scores; the smaller, the more the hardest negatives weigh.
        symmetrical: whether the partners must find the rows as well, at half weight each.
    """

    temperature: float
    symmetrical: bool

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch; see `Objective`."""
        logits = a @ b.T / self.temperature
        if labels is not None:
            kin = (labels[:, None] == labels[None, :]) & ~torch.eye(
                len(labels), dtype=torch.bool, device=labels.device
            )
            logits = logits.masked_fill(kin, float("-inf"))
        target = torch.arange(len(a), device=a.device)
        loss = cross_entropy(logits, target)
        return (loss + cross_entropy(logits.T, target)) / 2 if self.symmetrical else loss


def build(*, temperature: float = 0.05, symmetrical: bool = True) -> InfoNce:
    """Make the objective.

    Raises:
        ValueError: the temperature is not above zero.
    """
    above_zero("temperature", temperature, "0.05 is usual")
    return InfoNce(temperature, symmetrical)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    temperature: float = 0.05,
    symmetrical: bool = True,
) -> float:
    """Compute it as the equation reads: minus the mean log share of the positive among all."""

    def one_way(rows: Sequence[Sequence[float]], partners: Sequence[Sequence[float]]) -> float:
        total = 0.0
        for i, row in enumerate(rows):
            shares = {
                j: math.exp(sum(x * y for x, y in zip(row, partner, strict=True)) / temperature)
                for j, partner in enumerate(partners)
                if i == j or labels is None or labels[i] != labels[j]
            }
            total -= math.log(shares[i] / sum(shares.values()))
        return total / len(rows)

    return (one_way(a, b) + one_way(b, a)) / 2 if symmetrical else one_way(a, b)
