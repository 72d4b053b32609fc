"""A folder of galleries, and exemplars to put in."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from index.exemplar import Exemplar
from index.galleries import Galleries
from index.vectors import Rows


@pytest.fixture
def galleries(tmp_path: Path) -> Iterator[Galleries]:
    opened = Galleries.open(tmp_path, galleries_max=3, rows_max=100)
    yield opened
    opened.close()


@pytest.fixture
def unit() -> Callable[..., Rows]:
    def make(n: int, dim: int = 8, seed: int = 0) -> Rows:
        rows = np.random.default_rng(seed).standard_normal((n, dim))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    return make


@pytest.fixture
def people(unit: Callable[..., Rows]) -> list[Exemplar]:
    """Thirty exemplars e0..e29 of the labels L0..L4, the last one without a label."""
    return [
        Exemplar(
            f"e{i}", row, None if i == 29 else f"L{i % 5}", {"n": i}, {"text": str(i)}, bytes([i])
        )
        for i, row in enumerate(unit(30))
    ]
