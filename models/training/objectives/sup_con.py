"""SupCon: every view of one's label is a positive, each against all other views.

Source: Khosla et al., "Supervised Contrastive Learning", arXiv:2004.11362, equation 2 (the sum over
positives outside the logarithm).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.training.objective import above_zero


@dataclass(frozen=True, slots=True)
class SupCon:
    """The mean log share of each positive among all other views of the batch.

    Args:
        temperature: divides the scores.
        symmetrical: whether the rows of `b` ask as well, as in the paper.
    """

    temperature: float
    symmetrical: bool

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch; see `Objective`. Rows of one label are each other's positives."""
        count = len(a)
        views = torch.cat([a, b])
        owner = torch.arange(count, device=a.device) if labels is None else labels
        owner = owner.repeat(2)
        itself = torch.eye(2 * count, dtype=torch.bool, device=a.device)
        logits = (views @ views.T / self.temperature).masked_fill(itself, float("-inf"))
        shares = logits.log_softmax(1).masked_fill(itself, 0.0)
        positive = (owner[:, None] == owner[None, :]) & ~itself
        means = (shares * positive).sum(1) / positive.sum(1)
        return -(means if self.symmetrical else means[:count]).mean()


def build(*, temperature: float = 0.1, symmetrical: bool = True) -> SupCon:
    """Make the objective.

    Raises:
        ValueError: the temperature is not above zero.
    """
    above_zero("temperature", temperature, "0.1 is the paper's")
    return SupCon(temperature, symmetrical)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    temperature: float = 0.1,
    symmetrical: bool = True,
) -> float:
    """Compute it as the equation reads, view by view."""
    count = len(a)
    views, owner = [*a, *b], [*(labels or range(count))] * 2
    total, asking = 0.0, 2 * count if symmetrical else count
    for i in range(asking):
        shares = {
            k: math.exp(sum(x * y for x, y in zip(views[i], view, strict=True)) / temperature)
            for k, view in enumerate(views)
            if k != i
        }
        positives = [k for k in shares if owner[k] == owner[i]]
        whole = sum(shares.values())
        total -= sum(math.log(shares[p] / whole) for p in positives) / len(positives)
    return total / asking
