import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from index.errors import RowsInvalid
from index.vectors import unit_rows


@given(
    st_np.arrays(
        st.sampled_from([np.float32, np.float64]),
        (3, 4),
        elements=st.floats(-(2.0**100), 2.0**100, width=32),
    )
)
def test_rows_are_scaled_to_unit_length_and_a_second_pass_changes_nothing(rows):
    norms = np.linalg.norm(rows.astype(np.float64), axis=1)
    if (norms < 1e-30).any():
        return
    once = unit_rows(rows, 4)
    assert once.dtype == np.float32
    assert once.flags.c_contiguous
    np.testing.assert_allclose(once, rows / norms[:, None], rtol=1e-5, atol=1e-30)
    np.testing.assert_array_equal(unit_rows(once, 4), once)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[1, 0], [float("nan"), 1]], r"vectors\[1\] is not finite"),
        ([[1, 0], [1, 1], [float("inf"), 1]], r"vectors\[2\] is not finite"),
        ([[0, 0]], r"vectors\[0\] is all zeros"),
        ([[1, 0, 0]], "3 numbers: this gallery holds 2"),
        ([1, 0], "1 dimensions"),
        ([[[1, 0]]], "3 dimensions"),
        ([[1, 0], [1]], "ragged"),
        ([["1", "0"]], "not numbers"),
        ([[True, False]], "not numbers"),
        ([[1j, 0]], "not numbers"),
        ([[None, 1]], "not numbers"),
    ],
)
def test_what_is_no_row_is_refused_by_position(rows, says):
    with pytest.raises(RowsInvalid, match=says):
        unit_rows(rows, 2)


def test_huge_and_tiny_numbers_keep_their_direction():
    rows = unit_rows([[3e200 / 1e100, 4e100], [3e-40, 4e-40]], 2)
    np.testing.assert_allclose(rows, [[0.6, 0.8], [0.6, 0.8]], rtol=1e-6)


def test_no_rows_are_no_rows():
    assert unit_rows(np.empty((0, 4)), 4).shape == (0, 4)
