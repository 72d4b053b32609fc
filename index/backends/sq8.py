"""Every row in eight bits a number: a quarter of the memory traffic of a scan."""

from index.plan import Plan


def plan(rows: int, dim: int) -> Plan | None:
    """Tell how it is built; it has nothing to tune but how many candidates are looked at again."""
    return Plan("SQ8", bytes_per_row=dim)
