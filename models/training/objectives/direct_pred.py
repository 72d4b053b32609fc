"""SimSiam with DirectPred: no negatives, and a predictor that is not learnt but computed.

Each view, through a linear predictor, is drawn to the other view, which stands still. The predictor
is set from the correlation of what goes into it, so that it keeps its eigenspaces.

Source: Chen and He, "Exploring Simple Siamese Representation Learning" (SimSiam), arXiv:2011.10566,
equation 1 and 2; Tian, Chen, Ganguli, "Understanding Self-supervised Learning Dynamics without
Contrastive Pairs" (DirectPred), arXiv:2102.06810, section 4: the moving average F of the
correlation with eigenvalues s and eigenvectors U gives W = U diag(sqrt(s) + eps max(s)) U^T.
"""

import math
from collections.abc import Sequence

import torch
from torch.nn.functional import normalize

SWEEPS = 60  # of Jacobi's rotations; four dimensions settle in six


class DirectPred:
    """The negative cosine of predicted rows and their partners.

    It keeps the moving average of the correlation from batch to batch.

    Args:
        momentum: of the moving average.
        eps: how much of the largest eigenvalue each direction gets.
        symmetrical: whether the rows of `b` are predicted too, as in the paper.
    """

    def __init__(self, momentum: float, eps: float, symmetrical: bool) -> None:
        self.momentum, self.eps, self.symmetrical = momentum, eps, symmetrical
        self._correlation: torch.Tensor | None = None

    def __call__(
        self, a: torch.Tensor, b: torch.Tensor, labels: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Score one batch; see `Objective`. Labels mean nothing, as there are no negatives."""
        predictor = self._predictor(torch.cat([a, b]).detach())
        loss = -(normalize(a @ predictor, dim=1) * b.detach()).sum(1).mean()
        if not self.symmetrical:
            return loss
        return (loss - (normalize(b @ predictor, dim=1) * a.detach()).sum(1).mean()) / 2

    def _predictor(self, rows: torch.Tensor) -> torch.Tensor:
        now = rows.T @ rows / len(rows)
        before = now if self._correlation is None else self._correlation.to(now)
        self._correlation = self.momentum * before + (1 - self.momentum) * now
        values, vectors = torch.linalg.eigh(self._correlation)
        values = values.clamp(min=0)
        weights: torch.Tensor = values.sqrt() + self.eps * values.max()
        return torch.einsum("ij,j,kj->ik", vectors, weights, vectors)


def build(*, momentum: float = 0.3, eps: float = 0.1, symmetrical: bool = True) -> DirectPred:
    """Make the objective; 0.3 and 0.1 are the authors' on STL-10.

    Raises:
        ValueError: the momentum is not within 0 and 1, or eps is negative.
    """
    if not 0 <= momentum < 1:
        raise ValueError(
            f"momentum is {momentum} and must be from 0 to below 1; 0.3 is the paper's"
        )
    if eps < 0:
        raise ValueError(f"eps is {eps} and must not be negative; 0.1 is the paper's")
    return DirectPred(momentum, eps, symmetrical)


def reference(
    a: Sequence[Sequence[float]],
    b: Sequence[Sequence[float]],
    labels: Sequence[int] | None = None,
    *,
    momentum: float = 0.3,
    eps: float = 0.1,
    symmetrical: bool = True,
) -> float:
    """Compute it of a first batch as the equations read, with Jacobi's eigenvalues."""
    rows, dim = [*a, *b], len(a[0])
    matrix = [[sum(r[i] * r[j] for r in rows) / len(rows) for j in range(dim)] for i in range(dim)]
    values, vectors = _jacobi(matrix)
    weights = [math.sqrt(max(0.0, s)) + eps * max(values) for s in values]
    predictor = [
        [sum(w * u[i] * u[j] for w, u in zip(weights, vectors, strict=True)) for j in range(dim)]
        for i in range(dim)
    ]

    def side(asking: Sequence[Sequence[float]], still: Sequence[Sequence[float]]) -> float:
        total = 0.0
        for row, partner in zip(asking, still, strict=True):
            told = [sum(row[i] * predictor[i][j] for i in range(dim)) for j in range(dim)]
            length = math.sqrt(sum(x * x for x in told))
            total -= sum(x * y for x, y in zip(told, partner, strict=True)) / length
        return total / len(asking)

    return (side(a, b) + side(b, a)) / 2 if symmetrical else side(a, b)


def _jacobi(matrix: list[list[float]]) -> tuple[list[float], list[list[float]]]:
    """Return eigenvalues and eigenvectors of a symmetric matrix, by plane rotations."""
    size = len(matrix)
    m = [row[:] for row in matrix]
    vectors = [[float(i == j) for j in range(size)] for i in range(size)]
    for _ in range(SWEEPS):
        for p in range(size):
            for q in range(p + 1, size):
                if abs(m[p][q]) < 1e-18:
                    continue
                angle = 0.5 * math.atan2(2 * m[p][q], m[q][q] - m[p][p])
                c, s = math.cos(angle), math.sin(angle)
                for k in range(size):
                    m[k][p], m[k][q] = c * m[k][p] - s * m[k][q], s * m[k][p] + c * m[k][q]
                for k in range(size):
                    m[p][k], m[q][k] = c * m[p][k] - s * m[q][k], s * m[p][k] + c * m[q][k]
                first, second = vectors[p], vectors[q]
                vectors[p] = [c * x - s * y for x, y in zip(first, second, strict=True)]
                vectors[q] = [s * x + c * y for x, y in zip(first, second, strict=True)]
    return [m[i][i] for i in range(size)], vectors
