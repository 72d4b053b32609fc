"""Every row in four bits for each four numbers, looked up in registers.

Source: Andre, Kermarrec and Le Scouarnec, Cache locality is not enough, VLDB 2015.
"""

from index.plan import Plan

_NUMBERS = 4  # of one code


def plan(rows: int, dim: int) -> Plan | None:
    """Tell how it is built, where the dimension divides evenly."""
    if dim % (2 * _NUMBERS):
        return None
    return Plan(f"PQ{dim // _NUMBERS}x4fs", bytes_per_row=dim / _NUMBERS / 2)
