"""Random draws of a batch of views, all from one seeded generator."""

from collections.abc import Callable

import torch


class Chance:
    """A seeded source of the random numbers of one batch.

    Args:
        seed: the same seed draws the same views, on the same kind of device.
        rows: how many views are drawn at once.
        device: where they are drawn.
    """

    def __init__(self, seed: int, rows: int, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self.rows = rows

    def uniform(self, low: float, high: float, *shape: int) -> torch.Tensor:
        """Draw (rows, *shape) numbers, evenly from low to high."""
        return low + (high - low) * self._drawn(torch.rand, *shape)

    def normal(self, deviation: float, *shape: int) -> torch.Tensor:
        """Draw (rows, *shape) numbers around zero."""
        return deviation * self._drawn(torch.randn, *shape)

    def happens(self, probability: float, *shape: int) -> torch.Tensor:
        """Draw (rows, *shape) booleans, each true with this probability."""
        return self._drawn(torch.rand, *shape) < probability

    def choice(self, weights: tuple[float, ...]) -> torch.Tensor:
        """Draw (rows,) indices, by weight."""
        return torch.multinomial(
            torch.tensor(weights, device=self.device),
            self.rows,
            replacement=True,
            generator=self.generator,
        )

    def integers(self, high: int, *shape: int) -> torch.Tensor:
        """Draw (rows, *shape) whole numbers below high."""
        return torch.randint(
            high, (self.rows, *shape), generator=self.generator, device=self.device
        )

    def order(self) -> torch.Tensor:
        """Draw (rows,) an order of the rows."""
        return torch.randperm(self.rows, generator=self.generator, device=self.device)

    def axis(self, low: float, high: float, steps: int) -> torch.Tensor:
        """Return (steps,) numbers from low to high, which no chance decides, where it draws."""
        return torch.linspace(low, high, steps, device=self.device)

    def _drawn(self, how: Callable[..., torch.Tensor], *shape: int) -> torch.Tensor:
        return how(self.rows, *shape, generator=self.generator, device=self.device)
