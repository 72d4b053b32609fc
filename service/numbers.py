"""How an embedding leaves the service: its dimensions, its type, its spelling."""

import base64
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from service.errors import RequestInvalid

Rows = NDArray[np.float32]
DType = Literal["float32", "float16", "int8", "uint8", "binary", "ubinary"]


def check_dimensions(wanted: int | None, dim: int) -> None:
    """Refuse more dimensions than the model has.

    Raises:
        RequestInvalid: naming both.
    """
    if wanted is not None and wanted > dim:
        raise RequestInvalid(
            f"dimensions is {wanted}; the model has {dim}: ask for as many or fewer",
            param="dimensions",
        )


def cut(rows: Rows, dimensions: int | None) -> Rows:
    """Keep the first dimensions and make the rows unit again, as OpenAI's ``dimensions`` does."""
    if dimensions is None or dimensions == rows.shape[1]:
        return rows
    kept = rows[:, :dimensions]
    norms = np.linalg.norm(kept, axis=1, keepdims=True)
    unit: Rows = kept / np.maximum(norms, np.finfo(np.float32).tiny)
    return unit


def _steps(rows: Rows) -> NDArray[np.float32]:
    # A fixed scale, not one fitted to the batch: an item's code never depends on its company.
    scaled: NDArray[np.float32] = np.rint(rows * 127).clip(-127, 127)
    return scaled


def _bits(rows: Rows) -> NDArray[np.uint8]:
    return np.packbits(rows > 0, axis=1)


CASTS: dict[DType, Callable[[Rows], NDArray[Any]]] = {
    "float32": lambda rows: rows,
    "float16": lambda rows: rows.astype(np.float16),
    "int8": lambda rows: _steps(rows).astype(np.int8),
    "uint8": lambda rows: (_steps(rows) + 128).astype(np.uint8),
    "binary": lambda rows: (_bits(rows).astype(np.int16) - 128).astype(np.int8),
    "ubinary": _bits,
}


def spelled(rows: Rows, *, dtype: DType, base64_wanted: bool) -> list[Any]:
    """Spell rows as lists of numbers, or as the base64 of their little-endian bytes.

    int8 is ``round(127 x)``, uint8 is that plus 128; ubinary packs the signs of eight dimensions
    into a byte, first dimension in the highest bit; binary is that minus 128.

    >>> spelled(np.array([[1.0, -1.0]], np.float32), dtype="int8", base64_wanted=False)[0].tolist()
    [127, -127]
    """
    cast = CASTS[dtype](rows)
    if base64_wanted:
        little = cast.astype(cast.dtype.newbyteorder("<"), copy=False)
        return [base64.b64encode(row.tobytes()).decode("ascii") for row in little]
    # JSON has one kind of number; half precision is widened so that it can be written.
    return list(cast.astype(np.float32) if dtype == "float16" else np.ascontiguousarray(cast))
