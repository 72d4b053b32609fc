"""MoCo: a row must find its key, of a momentum encoder, among the keys of batches before.

Source: He et al., "Momentum Contrast for Unsupervised Visual Representation Learning",
arXiv:1911.05722, equation 1, temperature 0.07. Both views ask, and without a queue the keys are
those of the batch, as in Chen, Xie, He, arXiv:2104.02057 (MoCo v3).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.training.keyed import found_among, own_keys
from models.training.objective import Keys, above_zero

Plain = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class MoCo:
    """One positive key against the queue; nothing is learnt through keys.

    Args:
        temperature: divides the scores.
        symmetrical: whether the rows of `b` ask as well.
    """

    temperature: float
    symmetrical: bool

    def __call__(
        self,
        a: torch.Tensor,
        b: torch.Tensor,
        labels: torch.Tensor | None = None,
        keys: Keys[torch.Tensor, torch.Tensor] | None = None,
    ) -> torch.Tensor:
        """Score one batch; see `Objective`. Without keys, the batch is its own."""
        owner = torch.arange(len(a), device=a.device) if labels is None else labels
        own = keys or own_keys(a, b, owner)

        def one_way(
            rows: torch.Tensor, partners: torch.Tensor, queue: torch.Tensor
        ) -> torch.Tensor:
            partners, queue = partners.detach(), queue.detach()
            return found_among(rows, partners, queue, owner, own.queue_labels, self.temperature)

        loss = one_way(a, own.b, own.queue_b)
        if not self.symmetrical:
            return loss
        return (loss + one_way(b, own.a, own.queue_a)) / 2


def build(*, temperature: float = 0.07, symmetrical: bool = True) -> MoCo:
    """Make the objective.

    Raises:
        ValueError: the temperature is not above zero.
    """
    above_zero("temperature", temperature, "0.07 is the paper's")
    return MoCo(temperature, symmetrical)


def reference(
    a: Plain,
    b: Plain,
    labels: Sequence[int] | None = None,
    keys: Keys[Plain, Sequence[int]] | None = None,
    *,
    temperature: float = 0.07,
    symmetrical: bool = True,
) -> float:
    """Compute it as the equation reads, row by row."""
    owner = list(range(len(a))) if labels is None else list(labels)
    own = keys or Keys(a, b, a, b, [], [], [])

    def share(x: Sequence[float], y: Sequence[float]) -> float:
        return math.exp(sum(p * q for p, q in zip(x, y, strict=True)) / temperature)

    def one_way(rows: Plain, partners: Plain, queue: Plain) -> float:
        total = 0.0
        among = [*zip(partners, owner, strict=True), *zip(queue, own.queue_labels, strict=True)]
        for i, row in enumerate(rows):
            positive = share(row, partners[i])
            negatives = [share(row, key) for key, of in among if of != owner[i]]
            total -= math.log(positive / (positive + sum(negatives)))
        return total / len(rows)

    loss = one_way(a, own.b, own.queue_b)
    return (loss + one_way(b, own.a, own.queue_a)) / 2 if symmetrical else loss
