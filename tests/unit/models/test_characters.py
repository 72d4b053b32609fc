"""Names as characters: any script in Latin letters, and the limits of an item."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ItemEmpty, ItemTooLarge, ItemUndecodable, ModalityUnsupported
from models.modality import Item, open_modality
from models.texts.characters import ALPHABET, EDGE, numbered, romanised
from models.texts.names import CharactersConfig, Name

NAME = Name(CharactersConfig(characters_max=10, item_bytes_max=64))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Dufour (V.e) & Cie", "dufour v e cie"),
        ("LEFÈVRE-Œuvré", "lefevre oeuvre"),
        ("Straße 7", "strasse 7"),
        ("Газпром", "gazprom"),
        ("Ελλάδα", "ellada"),
        ("\u00a0…", ""),
    ],
)
def test_a_name_of_any_script_is_written_in_latin_letters(text: str, written: str) -> None:
    assert romanised(text) == written


@given(st.text())
def test_what_is_written_is_of_the_alphabet_and_stays_as_it_is(text: str) -> None:
    written = romanised(text)
    assert set(written) <= set(ALPHABET)
    assert romanised(written) == written
    ids = numbered(written)
    assert [ALPHABET[i - 1] for i in ids[1:-1]] == list(written)
    assert ids[0] == ids[-1] == EDGE


def test_what_is_beyond_the_limit_is_cut_and_told_or_refused() -> None:
    whole = NAME.decode(Item("text", "abcdefgh"))
    cut = NAME.decode(Item("text", "abcdefghi"))
    assert (whole.cost, whole.truncated, cut.cost, cut.truncated) == (10, False, 10, True)
    assert cut.arrays["characters"].tolist() == numbered("abcdefghi")[:10].tolist()
    with pytest.raises(ItemTooLarge, match="has 9 letters, digits and blanks, and the limit is 8"):
        NAME.decode(Item("text", "abcdefghi"), truncate=False)


def test_a_batch_is_filled_up_with_nothing() -> None:
    feeds = NAME.collate([NAME.decode(Item("text", text)) for text in ("ab", "abcd")])
    assert feeds["characters"].tolist() == [[1, 2, 3, 1, 0, 0], [1, 2, 3, 4, 5, 1]]
    assert NAME.collate([])["characters"].shape == (0, 0)


@pytest.mark.parametrize(
    ("item", "error"),
    [
        (Item("text", "  "), ItemEmpty),
        (Item("text", "?!"), ItemEmpty),
        (Item("text", "a" * 65), ItemTooLarge),
        (Item("text", "\ud800"), ItemUndecodable),
        (Item("text", b"\xff"), ItemUndecodable),
        (Item("text", (1, 2)), ModalityUnsupported),
        (Item("image", b"a"), ModalityUnsupported),
    ],
)
def test_what_is_no_name_is_refused(item: Item, error: type[Exception]) -> None:
    with pytest.raises(error):
        NAME.decode(item)


def test_bytes_are_read_as_text_and_its_cost_is_its_characters() -> None:
    opened = open_modality("text", {"characters_max": 10}, Path())
    one, other = (opened.decode(Item("text", content)) for content in ("né", "né".encode()))
    np.testing.assert_array_equal(one.arrays["characters"], other.arrays["characters"])
    assert one.cost == 4
    assert (opened.cost_min, opened.cost_max, opened.inputs) == (3, 10, ("characters",))
    assert not opened.is_lettered
