"""Bounded by bytes, the one unused for longest goes first: held against a slow model."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.call import Embedded
from service.lru import ENTRY_BYTES, Lru, entry_bytes, own

steps = st.lists(
    st.tuples(st.sampled_from(["get", "put"]), st.integers(0, 7), st.integers(1, 300)), max_size=80
)


def embedded(columns: int, cost: int = 1) -> Embedded:
    return Embedded(np.zeros(columns, np.float32), cost, False)


@given(steps, st.integers(0, 5000))
def test_it_holds_what_the_model_holds(steps: list[tuple[str, int, int]], bytes_max: int) -> None:
    lru = Lru(bytes_max)
    model: list[tuple[bytes, Embedded]] = []  # the one used last stands last
    for what, number, columns in steps:
        key = bytes([number])
        known = [one for one in model if one[0] == key]
        if what == "get":
            assert lru.get(key) is (known[0][1] if known else None)
            model = [one for one in model if one[0] != key] + known
            continue
        new = embedded(columns)
        evicted = lru.put(key, new)
        if entry_bytes(new) > bytes_max:
            assert evicted == 0
            continue
        model = [one for one in model if one[0] != key] + [(key, new)]
        gone = 0
        while sum(4 * one.row.size + ENTRY_BYTES for _, one in model) > bytes_max:
            model.pop(0)
            gone += 1
        assert evicted == gone
        assert lru.size_bytes == sum(entry_bytes(one) for _, one in model) <= bytes_max
        assert len(lru) == len(model)


def test_an_own_row_is_a_copy_that_nobody_can_change() -> None:
    batch = np.eye(3, dtype=np.float32)
    kept = own(Embedded(batch[1], 7, True))
    batch[:] = 9
    np.testing.assert_array_equal(kept.row, [0, 1, 0])
    assert (kept.cost, kept.truncated, kept.row.base) == (7, True, None)
    with pytest.raises(ValueError, match="read-only"):
        kept.row[0] = 1
