"""NT-Xent: each view must find the other view of its item among all views of the batch.

Source: Chen, Kornblith, Norouzi, Hinton, "A Simple Framework for Contrastive Learning of Visual
Representations" (SimCLR), arXiv:2002.05709, equation 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from models.training.objective import above_zero


@dataclass(frozen=True, slots=True)
class NtXent:
    """Negatives are the other 2(n - 1) views of the batch, of both sides.

    Args:
        temperature: divides the scores.
        symmetrical: whether the rows of `b` ask as well, as in the paper.
    """

    temperature: float
    symmetrical: bool

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch; see `Objective`."""
        count = len(a)
        views = torch.cat([a, b])
        owner = torch.arange(count, device=a.device) if labels is None else labels
        owner = owner.repeat(2)
        index = torch.arange(2 * count, device=a.device)
        partner = index.roll(count)
        kin = owner[:, None] == owner[None, :]
        kin[index, partner] = False
        logits = (views @ views.T / self.temperature).masked_fill(kin, float("-inf"))
        asking = 2 * count if self.symmetrical else count
        return cross_entropy(logits[:asking], partner[:asking])


def build(*, temperature: float = 0.5, symmetrical: bool = True) -> NtXent:
    """Make the objective; 0.5 is the authors' on small pictures (CIFAR-10), 0.1 on ImageNet.

    Raises:
        ValueError: the temperature is not above zero.
    """
    above_zero("temperature", temperature, "0.5 is the paper's")
    return NtXent(temperature, symmetrical)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    temperature: float = 0.5,
    symmetrical: bool = True,
) -> float:
    """Compute it as the equation reads, view by view."""
    count = len(a)
    views = [*a, *b]
    total, asking = 0.0, 2 * count if symmetrical else count
    for i in range(asking):
        partner = (i + count) % (2 * count)
        shares = {}
        for k, view in enumerate(views):
            same = (
                i % count == k % count if labels is None else labels[i % count] == labels[k % count]
            )
            if k == partner or not same:
                score = sum(x * y for x, y in zip(views[i], view, strict=True))
                shares[k] = math.exp(score / temperature)
        total -= math.log(shares[partner] / sum(shares.values()))
    return total / asking
