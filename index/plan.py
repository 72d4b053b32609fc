"""What a backend says of the index that it would build, and what kinds of them share."""

import math
from dataclasses import dataclass
from typing import Literal

Parameter = Literal["nprobe", "efSearch"]

_ROWS_PER_CELL = 39  # to train a centroid, as few as FAISS takes without complaint


@dataclass(frozen=True, slots=True)
class Plan:
    """An index to be built and measured.

    Args:
        factory: FAISS's word for it.
        bytes_per_row: what one row takes in the machine's memory, about.
        parameter: what is raised for more recall, to one of the `efforts`.
        sample: rows it is trained on, at most.
        auto_rows_max: of more rows it is built only where it was asked for by name.
        gpu: lies in the memory of the first GPU, and is searched there.
    """

    factory: str
    bytes_per_row: float
    parameter: Parameter | None = None
    efforts: tuple[int, ...] = (0,)
    sample: int = 65_536
    auto_rows_max: int | None = None
    gpu: bool = False


def fast_scan(dim: int, numbers: int) -> Plan | None:
    """Plan four bits for each so many numbers of a row, where the dimension divides evenly."""
    if dim % (2 * numbers):
        return None
    return Plan(f"PQ{dim // numbers}x4fs", bytes_per_row=dim / numbers / 2)


def cells(
    rows: int, cells_max: int, code: str, bytes_per_row: float, *, gpu: bool = False
) -> Plan | None:
    """Plan cells around centroids, where there are rows enough to train some.

    Args:
        code: FAISS's word for how a row is kept in its cell.
    """
    number = min(cells_max, 1 << round(math.log2(max(1.0, 4 * math.sqrt(rows)))))
    sample = number * _ROWS_PER_CELL
    if rows < sample:
        return None
    return Plan(
        f"IVF{number},{code}",
        bytes_per_row=bytes_per_row,
        parameter="nprobe",
        efforts=tuple(n for n in (8, 32, 128, 512) if n <= number // 2),
        sample=sample,
        gpu=gpu,
    )
