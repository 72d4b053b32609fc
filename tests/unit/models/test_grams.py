"""What a mark reads, as ids: the same for the same letters, near for nearly the same."""

import zlib

import numpy as np
import pytest

from models.pictures.grams import Grams, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NIKE", "nike"),
        ("  Coca-Cola®  ", "coca cola"),
        ("ＦＵＬＬ　ｗｉｄｔｈ", "full width"),  # noqa: RUF001 - as it is printed in Japan
        ("Citroën\nSÃO", "citroen sao"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ﬁat Ⅷ", "fiat viii"),
        ("한글", "한글"),
        ("三菱", "三菱"),
        ("ё", "е"),  # noqa: RUF001 - Cyrillic
        ("… !? ", ""),
        ("", ""),
    ],
)
def test_case_accents_and_punctuation_are_no_part_of_it(text: str, expected: str) -> None:
    assert plain(text) == expected == plain(plain(text))


def test_ids_are_hashes_of_n_grams_with_the_ends_of_words() -> None:
    grams = Grams(sizes=(1, 2), buckets=100, characters_max=5, seed=7)
    row, cut = grams.ids("A.B")
    assert not cut
    expected = [1 + zlib.crc32(g.encode(), 7) % 99 for g in ("a", "b", " a", "a ", " b", "b ")]
    assert row.tolist() == expected + [0] * (grams.length - len(expected))
    assert (row.dtype, row.shape) == (np.int32, (grams.length,))


def test_nothing_is_zeros_and_what_is_long_is_cut() -> None:
    grams = Grams(characters_max=6)
    assert not grams.ids("?!")[0].any()
    whole, cut = grams.ids("abcdef")
    assert not cut
    assert (whole > 0).sum() == grams.length - 2  # the blanks themselves are no n-grams
    longer, cut = grams.ids("abcdefg")
    assert cut
    np.testing.assert_array_equal(longer, whole)


def test_a_misread_letter_leaves_most_n_grams() -> None:
    grams = Grams()

    def found(text: str) -> set[int]:
        return set(grams.ids(text)[0].tolist()) - {0}

    one, misread, other = found("Semblance"), found("Semb1ance"), found("Porcelain")
    assert len(one & misread) >= 0.6 * len(one)
    assert len(one & other) < 0.5 * len(one & misread)
    assert max(found("Semblance, and many more letters")) < grams.buckets
