"""What a backend says of the index that it would build."""

from dataclasses import dataclass
from typing import Literal

Parameter = Literal["nprobe", "efSearch"]


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
