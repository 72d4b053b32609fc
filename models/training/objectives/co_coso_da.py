"""CoCoSoDa: six InfoNCE terms over two modalities, with keys and queues of a momentum encoder.

Source: Shi et al., "CoCoSoDa: Effective Contrastive Learning for Code Search", arXiv:2204.03293,
equations 6 to 11; keys and queues after He et al., "Momentum Contrast", arXiv:1911.05722. Each row
looks for its partner, for its softly augmented partner, and for itself, softly augmented.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.training.keyed import found_among, own_keys
from models.training.objective import Keys, above_zero

Plain = Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class CoCoSoDa:
    """The mean of the six terms.

    Args:
        temperature: divides the scores.
        symmetrical: whether the rows of `b` ask as well; otherwise there are three terms.
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
        """Score one batch; see `Objective`. Without keys, the batch is its own, and no queue."""
        owner = torch.arange(len(a), device=a.device) if labels is None else labels
        keys = keys or own_keys(a, b, owner)
        terms = [(a, keys.b, keys.queue_b), (a, keys.soft_b, keys.queue_b)]
        terms += [(a, keys.soft_a, keys.queue_a)]
        if self.symmetrical:
            terms += [(b, keys.a, keys.queue_a), (b, keys.soft_a, keys.queue_a)]
            terms += [(b, keys.soft_b, keys.queue_b)]
        losses = [
            found_among(rows, partners, queue, owner, keys.queue_labels, self.temperature)
            for rows, partners, queue in terms
        ]
        return torch.stack(losses).mean()


def build(*, temperature: float = 0.07, symmetrical: bool = True) -> CoCoSoDa:
    """Make the objective.

    Raises:
        ValueError: the temperature is not above zero.
    """
    above_zero("temperature", temperature, "0.07 is the paper's")
    return CoCoSoDa(temperature, symmetrical)


def reference(
    a: Plain,
    b: Plain,
    labels: Sequence[int] | None = None,
    keys: Keys[Plain, Sequence[int]] | None = None,
    *,
    temperature: float = 0.07,
    symmetrical: bool = True,
) -> float:
    """Compute it as the equations read, row by row."""
    owner = list(range(len(a))) if labels is None else labels
    keys = keys or Keys(a, b, a, b, [], [], [])

    def term(rows: Plain, partners: Plain, queue: Plain) -> float:
        total = 0.0
        for i, row in enumerate(rows):
            among = [(p, o) for j, (p, o) in enumerate(zip(partners, owner, strict=True)) if j != i]
            among += list(zip(queue, keys.queue_labels, strict=True))
            shares = [share(row, other) for other, o in among if o != owner[i]]
            positive = share(row, partners[i])
            total -= math.log(positive / (positive + sum(shares)))
        return total / len(rows)

    def share(x: Sequence[float], y: Sequence[float]) -> float:
        return math.exp(sum(p * q for p, q in zip(x, y, strict=True)) / temperature)

    losses = [
        term(a, keys.b, keys.queue_b),  # a question finds its code,
        term(a, keys.soft_b, keys.queue_b),  # its code augmented,
        term(a, keys.soft_a, keys.queue_a),  # and itself augmented
    ]
    if symmetrical:
        losses += [
            term(b, keys.a, keys.queue_a),
            term(b, keys.soft_a, keys.queue_a),
            term(b, keys.soft_b, keys.queue_b),
        ]
    return sum(losses) / len(losses)
