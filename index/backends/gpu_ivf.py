"""Rows as they are in cells around centroids, of which the nearest are looked at, on a GPU."""

import math

from index.faiss_door import gpus
from index.plan import Plan

_CELLS_MAX = 16_384
_ROWS_PER_CELL = 39  # to train a centroid, as few as FAISS takes without complaint


def plan(rows: int, dim: int) -> Plan | None:
    """Tell how it is built, where there is a GPU, and rows enough for some cells."""
    cells = min(_CELLS_MAX, 1 << round(math.log2(max(1.0, 4 * math.sqrt(rows)))))
    if not gpus() or rows < cells * _ROWS_PER_CELL:
        return None
    return Plan(
        f"IVF{cells},Flat",
        bytes_per_row=0.0,
        parameter="nprobe",
        efforts=tuple(n for n in (8, 32, 128, 512) if n <= cells // 2),
        sample=cells * _ROWS_PER_CELL,
        gpu=True,
    )
