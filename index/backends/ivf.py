"""Rows in cells around centroids, of which the nearest are looked at; eight bits a number."""

import math

from index.plan import Plan

_CELLS_MAX = 4096  # more centroids than that take longer to compare than they save
_ROWS_PER_CELL = 39  # to train a centroid, as few as FAISS takes without complaint


def plan(rows: int, dim: int) -> Plan | None:
    """Tell how it is built, where there are rows enough for some cells."""
    cells = min(_CELLS_MAX, 1 << round(math.log2(max(1.0, 4 * math.sqrt(rows)))))
    if rows < cells * _ROWS_PER_CELL:
        return None
    return Plan(
        f"IVF{cells},SQ8",
        bytes_per_row=dim + 8,
        parameter="nprobe",
        efforts=tuple(n for n in (8, 32, 128, 512) if n <= cells // 2),
        sample=cells * _ROWS_PER_CELL,
    )
