"""Whatever an embedding depends on is in its key; equal items have equal keys."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.modality import Content, Item, Reads
from service.cache_keys import KEY_BYTES, Form, content_size, keys_of

FORM = Form("space", 4, None, True)
contents = st.one_of(
    st.text(max_size=4),
    st.binary(max_size=4),
    st.lists(st.integers(-(2**70), 2**70), max_size=3).map(tuple),
)


def key(content: Content, form: Form = FORM, modality: str = "text") -> bytes:
    return keys_of([Item(modality, content)], form)[0]


@pytest.mark.parametrize(
    "other",
    [
        replace(FORM, space="other"),
        replace(FORM, dim=5),
        replace(FORM, role="query"),
        replace(FORM, role="document"),
        replace(FORM, truncate=False),
    ],
)
def test_every_field_of_the_form_counts(other: Form) -> None:
    assert key("a", other) != key("a")


def test_fields_do_not_run_into_one_another() -> None:
    # Each pair would be one string without the lengths.
    assert key("a", replace(FORM, space="s4")) != key("a", replace(FORM, space="s"))
    assert key("xa", modality="te") != key("a", modality="tex")
    assert key("s", modality="text") != key("", modality="texts")


def test_a_text_its_bytes_and_its_spelling_as_numbers_are_three_things() -> None:
    spelled: Sequence[Content] = ["0x1", b"0x1", (1,), "s0x1", b"i0x1", "", b"", ()]
    assert len({key(content) for content in spelled}) == len(spelled)
    assert key((1, 2)) != key((12,))
    assert key((-1,)) != key((1,))


@given(st.lists(contents, max_size=8), st.sampled_from(["text", "image"]))
def test_keys_are_equal_where_contents_are(these: list[Content], modality: str) -> None:
    items = [Item(modality, content) for content in these]
    keys = keys_of(items, FORM)
    assert all(len(one) == KEY_BYTES for one in keys)
    for one, a in zip(keys, these, strict=True):
        assert one == key(a, modality=modality)
        for another, b in zip(keys, these, strict=True):
            assert (one == another) == (type(a) is type(b) and a == b)


def test_what_a_picture_reads_counts_and_that_it_is_to_be_read_is_no_text() -> None:
    reads: list[Reads] = [None, True, "", "t", "r", "True", "a", "ab"]
    items = [Item("image", b"x", one) for one in reads]
    items += [Item("image", b"bx"), Item("image", b"tbx"), Item("image", b"x", "\ud800")]
    assert len(set(keys_of(items, FORM))) == len(items)


def test_what_no_encoder_reads_has_a_key_too() -> None:
    assert key("\ud800") != key("\ud801")
    assert key((10**5000,)) != key((10**5000 + 1,))


def test_sizes() -> None:
    assert content_size([Item("text", "abc"), Item("image", b"ab"), Item("text", (1,))]) == 6
