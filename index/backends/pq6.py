"""Every row in four bits for each six numbers: two thirds of the memory traffic of `pq`.

More candidates make up for what is coarser, where there are many rows. Source: as `pq`.
"""

from index.plan import Plan

_NUMBERS = 6  # of one code


def plan(rows: int, dim: int) -> Plan | None:
    """Tell how it is built, where the dimension divides evenly."""
    if dim % (2 * _NUMBERS):
        return None
    return Plan(f"PQ{dim // _NUMBERS}x4fs", bytes_per_row=dim / _NUMBERS / 2)
