"""Rows as they are in cells around centroids, of which the nearest are looked at, on a GPU."""

from index.faiss_door import gpus
from index.plan import Plan, cells

_CELLS_MAX = 16_384


def plan(rows: int, dim: int) -> Plan | None:
    """Tell how it is built, where there is a GPU, and rows enough for some cells."""
    return cells(rows, _CELLS_MAX, "Flat", bytes_per_row=0.0, gpu=True) if gpus() else None
