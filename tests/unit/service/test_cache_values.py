"""A value that another process wrote is the embedding of its key, or it is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cache_values import HEAD, SUM_BYTES, ValueDamaged, _sum, packed, unpacked
from service.call import Embedded
from tests.fakes import row_of

DIM = 8
KEY, OTHER = b"k" * 32, b"o" * 32
GOOD = packed(KEY, Embedded(row_of("a text", DIM), 12, True))


def signed(body: bytes, key: bytes = KEY) -> bytes:
    """A value whose checksum holds: only what it says is wrong."""
    return body + _sum(key, body)


def test_what_is_packed_comes_back() -> None:
    read = unpacked(KEY, GOOD, DIM)
    np.testing.assert_array_equal(read.row, row_of("a text", DIM))
    assert (read.cost, read.truncated, read.row.dtype) == (12, True, np.float32)
    with pytest.raises(ValueError, match="read-only"):
        read.row[0] = 1


def with_row(*numbers: float) -> bytes:
    return signed(HEAD.pack(1, 0, 0, DIM, 3) + np.array(numbers, "<f4").tobytes())


HEAD_OF = {
    "another version": (2, 0, 0, DIM, 3),
    "truncated twice": (1, 2, 0, DIM, 3),
    "something in the gap": (1, 0, 1, DIM, 3),
    "another dimension": (1, 0, 0, DIM + 1, 3),
    "no cost": (1, 0, 0, DIM, 0),
}
LIES: dict[str, object] = {
    "nothing": b"",
    "garbage": b"garbage",
    "garbage of the right length": b"\xff" * len(GOOD),
    "cut short": GOOD[:-1],
    "grown": GOOD + b"\0",
    "another key's": packed(OTHER, Embedded(row_of("a text", DIM), 12, True)),
    "a text": GOOD.decode("latin-1"),
    "a number": 7,
    "a list": [GOOD],
    "not a number": with_row(*[np.nan] * DIM),
    "one not a number": with_row(1, *[0] * (DIM - 2), np.nan),
    "infinite": with_row(*[np.inf] * DIM),
    "too large to square": with_row(*[3e38] * DIM),
    "zero": with_row(*[0] * DIM),
    "too long": with_row(1.0011, *[0] * (DIM - 1)),
    "too short": with_row(0.9989, *[0] * (DIM - 1)),
} | {
    name: signed(HEAD.pack(*head) + row_of("a text", DIM).tobytes())
    for name, head in HEAD_OF.items()
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_refused(lie: object) -> None:
    with pytest.raises(ValueDamaged):
        unpacked(KEY, lie, DIM)


def test_a_row_within_the_tolerance_is_taken() -> None:
    assert unpacked(KEY, with_row(1.0009, *[0] * (DIM - 1)), DIM).cost == 3


def test_the_row_of_another_dimension_is_refused() -> None:
    with pytest.raises(ValueDamaged):
        unpacked(KEY, GOOD, DIM * 2)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
def test_no_bit_can_be_flipped(place: int, bit: int) -> None:
    flipped = bytearray(GOOD)
    flipped[place] ^= 1 << bit
    with pytest.raises(ValueDamaged):
        unpacked(KEY, bytes(flipped), DIM)
    assert len(GOOD) == HEAD.size + 4 * DIM + SUM_BYTES
