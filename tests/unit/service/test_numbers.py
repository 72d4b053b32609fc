"""An embedding's dimensions, types and spellings, against their definitions."""

import base64
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import RequestInvalid
from service.numbers import CASTS, DType, check_dimensions, cut, spelled


def unit(n: int, dim: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@given(st.integers(1, 16), st.integers(0, 100))
def test_cut_rows_are_unit_and_point_the_same_way(dimensions: int, seed: int) -> None:
    rows = unit(3, 16, seed)
    kept = cut(rows, dimensions)
    np.testing.assert_allclose(np.linalg.norm(kept, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(
        kept * np.linalg.norm(rows[:, :dimensions], axis=1, keepdims=True),
        rows[:, :dimensions],
        atol=1e-6,
    )


def test_every_type_that_can_be_asked_for_is_made() -> None:
    assert set(CASTS) == set(get_args(DType))


def test_more_dimensions_than_there_are() -> None:
    check_dimensions(16, 16)
    with pytest.raises(RequestInvalid, match="17; the model has 16"):
        check_dimensions(17, 16)


@pytest.mark.parametrize(
    ("dtype", "numpy_type", "bytes_of_16"),
    [
        ("float32", "<f4", 64),
        ("float16", "<f2", 32),
        ("int8", "i1", 16),
        ("uint8", "u1", 16),
        ("binary", "i1", 2),
        ("ubinary", "u1", 2),
    ],
)
def test_both_spellings_hold_the_same_numbers(
    dtype: DType, numpy_type: str, bytes_of_16: int
) -> None:
    rows = unit(2, 16)
    numbers = spelled(rows, dtype=dtype, base64_wanted=False)
    for listed, packed in zip(numbers, spelled(rows, dtype=dtype, base64_wanted=True), strict=True):
        raw = base64.b64decode(packed)
        assert len(raw) == bytes_of_16
        np.testing.assert_array_equal(
            np.frombuffer(raw, numpy_type).astype(np.float64), listed.astype(np.float64)
        )


def test_quantised_numbers_mean_what_is_documented() -> None:
    row = np.array([[1.0, -1.0, 0.5, -0.5, 0.0, 1e-9, -1e-9, 0.25]], np.float32)
    (int8,) = spelled(row, dtype="int8", base64_wanted=False)
    assert int8.tolist() == [127, -127, 64, -64, 0, 0, 0, 32]
    (uint8,) = spelled(row, dtype="uint8", base64_wanted=False)
    assert (uint8.astype(int) - 128).tolist() == int8.tolist()
    (ubinary,) = spelled(row, dtype="ubinary", base64_wanted=False)
    assert ubinary.tolist() == [0b10100101]
    (binary,) = spelled(row, dtype="binary", base64_wanted=False)
    assert binary.tolist() == [0b10100101 - 128]
