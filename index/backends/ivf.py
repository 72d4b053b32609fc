"""Rows in cells around centroids, of which the nearest are looked at; eight bits a number."""

from index.plan import Plan, cells

_CELLS_MAX = 4096  # more centroids than that take longer to compare than they save


def plan(rows: int, dim: int) -> Plan | None:
    """Tell how it is built, where there are rows enough for some cells."""
    return cells(rows, _CELLS_MAX, "SQ8", bytes_per_row=dim + 8)
