"""SwAV: the prototypes of one view are told from the other, and they are used evenly.

Source: Caron et al., "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments",
arXiv:2006.09882, equations 1 to 5; temperature 0.1, epsilon 0.05, three rounds of Sinkhorn's
normalisation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from models.training.objective import above_zero

SEED = 20_060_988  # of prototypes that nobody learns


@dataclass(frozen=True, slots=True)
class SwAV:
    """The cross-entropy of a view's shares of prototypes and the other view's codes.

    Args:
        temperature: divides the scores of a view and the prototypes.
        symmetrical: whether both views are told from each other, as in the paper.
        prototypes: how many are drawn where none are given.
        epsilon: how soft the codes are.
        rounds: of normalising rows and columns.
    """

    temperature: float
    symmetrical: bool
    prototypes: int
    epsilon: float
    rounds: int

    def __call__(
        self,
        a: torch.Tensor,
        b: torch.Tensor,
        labels: torch.Tensor | None = None,
        prototypes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Score one batch; see `Objective`. It has no negatives, so that labels say nothing.

        Args:
            prototypes: unit rows (k, d), learnt beside the encoder; otherwise fixed random ones.
        """
        if prototypes is None:
            prototypes = drawn(self.prototypes, a.shape[1]).to(a)
        first, second = a @ prototypes.T, b @ prototypes.T
        loss = self._told(first, second)
        return (loss + self._told(second, first)) / 2 if self.symmetrical else loss

    def _told(self, asking: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        codes = self._codes(other.detach())
        return -(codes * (asking / self.temperature).log_softmax(1)).sum(1).mean()

    def _codes(self, scores: torch.Tensor) -> torch.Tensor:
        """Share each row out over the prototypes, all of which get as much."""
        shares = ((scores - scores.max()) / self.epsilon).exp()
        for _ in range(self.rounds):
            shares = shares / shares.sum(0, keepdim=True) / shares.shape[1]
            shares = shares / shares.sum(1, keepdim=True) / shares.shape[0]
        return shares * shares.shape[0]


def drawn(count: int, dim: int) -> torch.Tensor:
    """Draw unit rows, the same each time."""
    generator = torch.Generator().manual_seed(SEED)
    rows = torch.randn(count, dim, generator=generator, dtype=torch.float64)
    return torch.nn.functional.normalize(rows, dim=1)


def build(
    *,
    temperature: float = 0.1,
    symmetrical: bool = True,
    prototypes: int = 64,
    epsilon: float = 0.05,
    rounds: int = 3,
) -> SwAV:
    """Make the objective; the paper has 3 000 prototypes for a million pictures.

    Raises:
        ValueError: the temperature is not above zero.
    """
    above_zero("temperature", temperature, "0.1 is the paper's")
    return SwAV(temperature, symmetrical, prototypes, epsilon, rounds)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    temperature: float = 0.1,
    symmetrical: bool = True,
    prototypes: int = 64,
    epsilon: float = 0.05,
    rounds: int = 3,
) -> float:
    """Compute it as the equations read, prototype by prototype."""
    rows = drawn(prototypes, len(a[0])).tolist()

    def scores(views: Sequence[Sequence[float]]) -> list[list[float]]:
        return [[sum(p * q for p, q in zip(v, c, strict=True)) for c in rows] for v in views]

    def codes(of: list[list[float]]) -> list[list[float]]:
        shares = [[math.exp(s / epsilon) for s in row] for row in of]
        for _ in range(rounds):
            sums = [sum(column) for column in zip(*shares, strict=True)]
            shares = [
                [s / t / prototypes for s, t in zip(row, sums, strict=True)] for row in shares
            ]
            shares = [[s / sum(row) / len(of) for s in row] for row in shares]
        return [[s * len(of) for s in row] for row in shares]

    def told(asking: list[list[float]], other: list[list[float]]) -> float:
        total = 0.0
        for row, shares in zip(asking, codes(other), strict=True):
            whole = math.log(sum(math.exp(s / temperature) for s in row))
            total -= sum(q * (s / temperature - whole) for q, s in zip(shares, row, strict=True))
        return total / len(asking)

    first, second = scores(a), scores(b)
    loss = told(first, second)
    return (loss + told(second, first)) / 2 if symmetrical else loss
