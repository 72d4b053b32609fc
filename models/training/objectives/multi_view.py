"""The multi-view loss of one-shot logo identification: the positive stays out of the denominator.

Source: "Contrastive Multi-View Textual-Visual Encoding: Towards One Hundred Thousand-Scale One-Shot
Logo Identification": crop and reference are two views of a brand, and each is weighed against the
views of other brands only, temperature 0.1. Leaving the positive out decouples the two terms (Yeh
et al., "Decoupled Contrastive Learning", arXiv:2110.06848, equation 6).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.training.objective import above_zero


@dataclass(frozen=True, slots=True)
class MultiView:
    """Log-sum of the negatives' scores less the positive's, over the views of both sides.

    Args:
        temperature: divides the scores.
        symmetrical: whether the rows of `b` ask as well, as in the paper.
    """

    temperature: float
    symmetrical: bool

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch; see `Objective`. A row without any negative only seeks its partner."""
        count = len(a)
        views = torch.cat([a, b])
        owner = torch.arange(count, device=a.device) if labels is None else labels
        owner = owner.repeat(2)
        logits = views @ views.T / self.temperature
        positive = (a * b).sum(1).repeat(2) / self.temperature
        kin = owner[:, None] == owner[None, :]
        alone = kin.all(1)
        # Kept finite where all is masked, so that the gradient is too.
        masked = logits.masked_fill(kin & ~alone[:, None], float("-inf"))
        away = masked.logsumexp(1).masked_fill(alone, 0.0)
        losses = away - positive
        return (losses if self.symmetrical else losses[:count]).mean()


def build(*, temperature: float = 0.1, symmetrical: bool = True) -> MultiView:
    """Make the objective.

    Raises:
        ValueError: the temperature is not above zero.
    """
    above_zero("temperature", temperature, "0.1 is the paper's")
    return MultiView(temperature, symmetrical)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    temperature: float = 0.1,
    symmetrical: bool = True,
) -> float:
    """Compute it as the equation reads, view by view."""

    def score(x: Sequence[float], y: Sequence[float]) -> float:
        return sum(p * q for p, q in zip(x, y, strict=True)) / temperature

    count = len(a)
    views, owner = [*a, *b], [*(labels or range(count))] * 2
    total, asking = 0.0, 2 * count if symmetrical else count
    for i in range(asking):
        others = [
            math.exp(score(views[i], v)) for v, o in zip(views, owner, strict=True) if o != owner[i]
        ]
        positive = score(a[i % count], b[i % count])
        total += (math.log(sum(others)) if others else 0.0) - positive
    return total / asking
