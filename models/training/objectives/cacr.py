"""CACR: attract what is still far, repel what is still near.

Source: Zheng et al., "Contrastive Attraction and Contrastive Repulsion for Representation
Learning", arXiv:2105.03746, equations 4 to 7: the positives of a row are weighed by how far they
are, its negatives by how near, and the weighed squared distances attract and repel.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.training.objective import above_zero


@dataclass(frozen=True, slots=True)
class Cacr:
    """Mean weighed squared distance to positives less that to negatives; no temperature of scores.

    Args:
        positive_weight: the paper's t+, how much farther positives outweigh nearer ones.
        negative_weight: the paper's t-, how much nearer negatives outweigh farther ones.
        symmetrical: whether the rows of `b` ask as well.
    """

    positive_weight: float
    negative_weight: float
    symmetrical: bool

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch; see `Objective`. Rows of one label are each other's positives."""
        owner = torch.arange(len(a), device=a.device) if labels is None else labels
        kin = owner[:, None] == owner[None, :]
        loss = self._one_way(a, b, kin)
        return (loss + self._one_way(b, a, kin)) / 2 if self.symmetrical else loss

    def _one_way(self, a: torch.Tensor, b: torch.Tensor, kin: torch.Tensor) -> torch.Tensor:
        distances = 2 - 2 * a @ b.T
        attract = (self.positive_weight * distances).masked_fill(~kin, float("-inf")).softmax(1)
        loss = (attract * distances).sum(1)
        alone = kin.all(1)
        weights = (-self.negative_weight * distances).masked_fill(
            kin & ~alone[:, None], float("-inf")
        )
        repel = weights.softmax(1).masked_fill(alone[:, None], 0.0)
        return (loss - (repel * distances).sum(1)).mean()


def build(
    *, temperature: float = 1.0, symmetrical: bool = True, negative_weight: float = 2.0
) -> Cacr:
    """Make the objective.

    Args:
        temperature: one by the paper's t+ (1.0): its weights are softmaxes of the distances too.
        negative_weight: the authors' t- on CIFAR-100 and STL-10; on CIFAR-10 it is 0.9.

    Raises:
        ValueError: the temperature is not above zero.
    """
    above_zero("temperature", temperature, "1.0 is the paper's")
    return Cacr(1 / temperature, negative_weight, symmetrical)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    temperature: float = 1.0,
    symmetrical: bool = True,
    negative_weight: float = 2.0,
) -> float:
    """Compute it as the equations read, row by row."""
    owner = labels or list(range(len(a)))

    def mean(distances: Sequence[float], weight: float) -> float:
        shares = [math.exp(weight * d) for d in distances]
        return sum(s * d for s, d in zip(shares, distances, strict=True)) / sum(shares)

    def one_way(rows: Sequence[Sequence[float]], partners: Sequence[Sequence[float]]) -> float:
        total = 0.0
        for i, row in enumerate(rows):
            distances = [
                sum((x - y) ** 2 for x, y in zip(row, partner, strict=True)) for partner in partners
            ]
            near = [d for d, o in zip(distances, owner, strict=True) if o == owner[i]]
            far = [d for d, o in zip(distances, owner, strict=True) if o != owner[i]]
            total += mean(near, 1 / temperature)
            total -= mean(far, -negative_weight) if far else 0.0
        return total / len(rows)

    return (one_way(a, b) + one_way(b, a)) / 2 if symmetrical else one_way(a, b)
