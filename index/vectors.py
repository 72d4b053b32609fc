"""The gate: what passes is float32, (n, d), finite and of unit length."""

import numpy as np
import numpy.typing as npt

from index.errors import RowsInvalid

Rows = npt.NDArray[np.float32]

DIM_MAX = 8192

# A row this close to unit length is left as it is: a second pass changes nothing.
UNIT_TOLERANCE = 1e-6


def unit_rows(vectors: npt.ArrayLike, dim: int) -> Rows:
    """Return the vectors as C-contiguous float32 rows (n, dim) of unit length.

    >>> unit_rows([[3.0, 4.0]], 2).tolist()
    [[0.6000000238418579, 0.800000011920929]]

    Raises: RowsInvalid, naming the position of the first row refused.
    """
    rows = _numbers(vectors)
    if rows.ndim != 2:
        raise RowsInvalid(f"vectors have {rows.ndim} dimensions: send a list of rows, shape (n, d)")
    if rows.shape[1] != dim:
        raise RowsInvalid(f"vectors[0] has {rows.shape[1]} numbers: this gallery holds {dim}")
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    _refuse(~np.isfinite(norms), "is not finite: send numbers without NaN or infinity")
    _refuse(norms == 0.0, "is all zeros: a zero vector has no direction")
    away = np.abs(norms - 1.0) > UNIT_TOLERANCE
    if away.any():
        rows = rows / np.where(away, norms, 1.0)[:, np.newaxis]
    return np.ascontiguousarray(rows, dtype=np.float32)


def _numbers(vectors: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """Return float32 as it is, and other real numbers as float64, so that none overflows."""
    try:
        array = np.asarray(vectors)
    except ValueError:
        raise RowsInvalid("vectors are ragged: every row needs the same length") from None
    if array.size == 0 and array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype.kind not in "fiu":
        raise RowsInvalid("vectors are not numbers: send rows of real numbers")
    return array if array.dtype == np.float32 else array.astype(np.float64)


def _refuse(bad: npt.NDArray[np.bool_], why: str) -> None:
    if bad.any():
        raise RowsInvalid(f"vectors[{int(bad.argmax())}] {why}")
