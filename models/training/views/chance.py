"""Random draws of a batch of views, all from one seeded generator."""

import torch


class Chance:
    """A seeded source of the random numbers of one batch.

    Args:
        seed: the same seed draws the same views.
        rows: how many views are drawn at once.
    """

    def __init__(self, seed: int, rows: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.rows = rows

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Draw (rows, *shape) numbers, evenly from low to high."""
        drawn = torch.rand(self.rows, *shape, generator=self.generator)
        return low + (high - low) * drawn

    def normal(self, deviation: float, *shape: int) -> torch.Tensor:
        """Draw (rows, *shape) numbers around zero."""
        return deviation * torch.randn(self.rows, *shape, generator=self.generator)

    def happens(self, probability: float, *shape: int) -> torch.Tensor:
        """Draw (rows, *shape) booleans, each true with this probability."""
        return torch.rand(self.rows, *shape, generator=self.generator) < probability

    def choice(self, weights: tuple[float, ...]) -> torch.Tensor:
        """Draw (rows,) indices, by weight."""
        return torch.multinomial(
            torch.tensor(weights), self.rows, replacement=True, generator=self.generator
        )

    def integers(self, high: int, *shape: int) -> torch.Tensor:
        """Draw (rows, *shape) whole numbers below high."""
        return torch.randint(high, (self.rows, *shape), generator=self.generator)
