"""What a caller may send as an item, and how a bad one is named."""

import base64

import numpy as np
import pytest

from models.errors import InputError, ItemUndecodable, ModalityUnsupported
from models.modality import Item
from service.intake import Vector, parse_embeddable, parse_item, parse_vector, spread


def test_text_in_both_spellings() -> None:
    assert parse_item("a") == parse_item({"text": "a"}) == Item("text", "a")


def test_a_kind_that_is_not_served_is_said_to_be_unsupported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("service.intake.modality_names", lambda: ("text",))
    with pytest.raises(ModalityUnsupported, match="audio"):
        parse_item({"audio": "AAAA"})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null"),
        (3, "a number"),
        (True, "a boolean"),
        ([1], "a list"),
        ({}, "none"),
        ({"text": "a", "vector": [1]}, "text, vector"),
        ({"text": "a", "colour": 1}, "'colour'"),
        ({"txt": "a"}, "none"),
        ({"text": 3}, "not a string"),
    ],
)
def test_what_is_no_item_is_named(value: object, said: str) -> None:
    with pytest.raises(ItemUndecodable, match=said):
        parse_item(value)


def test_vectors_in_both_spellings_are_the_same_row() -> None:
    row = np.array([0.25, -1.5, 3.0], "<f4")
    listed = parse_vector(row.tolist())
    packed = parse_vector(base64.b64encode(row.tobytes()).decode())
    np.testing.assert_array_equal(listed, packed)
    assert isinstance(parse_item({"vector": [1, 2]}), Vector)


@pytest.mark.parametrize(
    "value",
    [
        [],
        [[1.0]],
        ["1"],
        [None],
        [1, [2]],
        [True, False],
        {},
        5,
        "no base64!",
        "AAA=",
        "",
        [10**400],
    ],
)
def test_what_is_no_vector_is_refused(value: object) -> None:
    with pytest.raises(InputError):
        parse_vector(value)


def test_spread_reads_the_shapes_of_openai() -> None:
    assert spread("a") == ["a"]
    assert spread(["a", "b"]) == ["a", "b"]
    assert spread([1, 2]) == [[1, 2]]
    assert spread([[1, 2], [3]]) == [[1, 2], [3]]
    assert parse_embeddable([1, 2]) == Item("text", (1, 2))


@pytest.mark.parametrize("value", [[1.5], ["a", 1], [True]])
def test_token_ids_are_whole_numbers(value: object) -> None:
    with pytest.raises(ItemUndecodable, match="whole numbers"):
        parse_embeddable(value)
