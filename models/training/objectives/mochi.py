"""MoCHi: harder negatives are mixed from the hardest that there are.

Source: Kalantidis et al., "Hard Negative Mixing for Contrastive Learning", arXiv:2010.01028,
equations 3 to 5, with the batch in place of the queue. What is mixed is not learnt through.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.training.objective import above_zero

SEED = 20_101_028  # equal batches are mixed alike


@dataclass(frozen=True, slots=True)
class MoChi:
    """InfoNCE with synthetic negatives added to the denominator.

    Args:
        temperature: divides the scores.
        symmetrical: whether the rows of `b` ask as well.
        hardest: how many of the hardest negatives are mixed (the paper's N).
        mixed: how many are made of two of them (s).
        harder: how many are made of one of them and the row itself (s').
    """

    temperature: float
    symmetrical: bool
    hardest: int
    mixed: int
    harder: int

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch; see `Objective`."""
        owner = torch.arange(len(a), device=a.device) if labels is None else labels
        loss = self._one_way(a, b, owner)
        return (loss + self._one_way(b, a, owner)) / 2 if self.symmetrical else loss

    def _one_way(self, a: torch.Tensor, b: torch.Tensor, owner: torch.Tensor) -> torch.Tensor:
        logits = a @ b.T
        kin = owner[:, None] == owner[None, :]
        itself = torch.eye(len(a), dtype=torch.bool, device=a.device)
        scores = logits.masked_fill(kin & ~itself, float("-inf"))
        with torch.no_grad():
            made = self._made(a, b, logits.masked_fill(kin, float("-inf")))
        if made is not None:
            synthetic, there = made
            extra = (a[:, None] * synthetic).sum(2).masked_fill(~there, float("-inf"))
            scores = torch.cat([scores, extra], 1)
        return torch.nn.functional.cross_entropy(
            scores / self.temperature, torch.arange(len(a), device=a.device)
        )

    def _made(
        self, a: torch.Tensor, b: torch.Tensor, negatives: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Mix (n, mixed + harder, d) unit rows, and tell which rows had negatives to mix."""
        found = negatives.isfinite().sum(1).clamp(max=self.hardest)
        if not self.mixed + self.harder or not found.any():
            return None
        order = negatives.argsort(dim=1, descending=True, stable=True)
        first, second, share = draw(self.mixed, self.harder)
        places = (torch.cat([first, second]).to(a.device) * found[:, None]).long()
        rows = order.gather(1, places)
        one, two = b[rows[:, : len(first)]], b[rows[:, len(first) :]]
        two = torch.cat([two, a[:, None].expand(-1, self.harder, -1)], 1)
        share = share.to(a)[:, None]
        rows = torch.nn.functional.normalize(share * one + (1 - share) * two, dim=2)
        return rows, (found > 0)[:, None]


def draw(mixed: int, harder: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw places among the hardest, as shares of their number, and the shares of the first.

    Of two negatives the first weighs 0 to 1, of a negative and the row the negative 0.5 to 1. All
    rows of a batch mix by the same places, so that the order of the pairs does not matter.
    """
    generator = torch.Generator().manual_seed(SEED)
    first = torch.rand(mixed + harder, generator=generator, dtype=torch.float64)
    second = torch.rand(mixed, generator=generator, dtype=torch.float64)
    share = torch.rand(mixed + harder, generator=generator, dtype=torch.float64)
    share[mixed:] = 0.5 + share[mixed:] / 2
    return first, second, share


def build(
    *,
    temperature: float = 0.2,
    symmetrical: bool = True,
    hardest: int = 64,
    mixed: int = 32,
    harder: int = 16,
) -> MoChi:
    """Make the objective; the paper's N = 1024, s = 512 of a queue of 16 384, to a batch's scale.

    Raises:
        ValueError: the temperature is not above zero, or a count is negative.
    """
    above_zero("temperature", temperature, "0.2 is the paper's")
    if min(hardest - 1, mixed, harder) < 0:
        raise ValueError("hardest must be at least 1, mixed and harder at least 0")
    return MoChi(temperature, symmetrical, hardest, mixed, harder)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    temperature: float = 0.2,
    symmetrical: bool = True,
    hardest: int = 64,
    mixed: int = 32,
    harder: int = 16,
) -> float:
    """Compute it as the equations read, row by row, over the same draws."""
    owner = labels or list(range(len(a)))
    first, second, shares = (t.tolist() for t in draw(mixed, harder))

    def dot(x: Sequence[float], y: Sequence[float]) -> float:
        return sum(p * q for p, q in zip(x, y, strict=True))

    def blend(x: Sequence[float], y: Sequence[float], share: float) -> list[float]:
        sums = [share * p + (1 - share) * q for p, q in zip(x, y, strict=True)]
        length = math.sqrt(dot(sums, sums))
        return [value / length for value in sums]

    def one_way(rows: Sequence[Sequence[float]], partners: Sequence[Sequence[float]]) -> float:
        total = 0.0
        for i, row in enumerate(rows):
            negatives = [p for p, o in zip(partners, owner, strict=True) if o != owner[i]]
            ranked = sorted(negatives, key=lambda p: -dot(row, p))[:hardest]
            others = list(negatives)
            for j in range(mixed + harder if ranked else 0):
                one = ranked[int(first[j] * len(ranked))]
                two = ranked[int(second[j] * len(ranked))] if j < mixed else row
                others.append(blend(one, two, shares[j]))
            positive = math.exp(dot(row, partners[i]) / temperature)
            total -= math.log(
                positive / (positive + sum(math.exp(dot(row, o) / temperature) for o in others))
            )
        return total / len(rows)

    return (one_way(a, b) + one_way(b, a)) / 2 if symmetrical else one_way(a, b)
