"""How texts and code are split into words."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.bags import COUNT_MAX, packed, spoken, term, unpacked
from index.words import WORDS_MAX, identifiers, split

PARTS = st.lists(st.text("abcxyz", min_size=2, max_size=6), min_size=2, max_size=4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("-- ?!", []),
        ("parse json", ["parse", "json"]),
        ("parseJson", ["parsejson", "parse", "json"]),
        ("parse_json", ["parsejson", "parse", "json"]),
        ("__init__", ["init"]),
        ("HTTPHeader", ["httpheader", "http", "header"]),
        ("sha256sum", ["sha256sum", "sha", "256", "sum"]),
        ("os.path.join(a, b)", ["os", "path", "join", "a", "b"]),
        ("Köln, KÖLN, Ko\u0308ln", ["koln"] * 3),
        ("Straße", ["strasse"]),
        ("\uff21\uff22\uff23", ["abc"]),
        ("ﬁle", ["file"]),
        ("東京都庁", ["東京", "京都", "都庁"]),
        ("水", ["水"]),
        ("Pythonで書く", ["python", "で書", "書く"]),
        ("使用parse_json解析", ["使用", "parsejson", "parse", "json", "解析"]),
        ("한국어 검색", ["한국어", "검색"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("поиск_файла", ["поискфаила", "поиск", "фаила"]),
    ],
)
def test_words(text, words):
    assert split(text) == words


@settings(max_examples=25)
@given(PARTS)
def test_an_identifier_is_the_same_word_however_it_is_written(parts):
    snake = "_".join(parts)
    camel = parts[0] + "".join(part.capitalize() for part in parts[1:])
    kinds = [snake, snake.upper(), camel, camel[0].upper() + camel[1:], f"__{snake}__"]
    assert {tuple(split(kind)) for kind in kinds} == {("".join(parts), *parts)}


@settings(max_examples=25)
@given(st.text(max_size=40))
def test_case_and_accents_and_form_do_not_count(text):
    words = split(text)
    # What decomposes to an upper letter begins a part; so only runs of one case are compared.
    folded = text.casefold()
    assert sorted(split(unicodedata.normalize("NFC", folded))) == sorted(
        split(unicodedata.normalize("NFD", folded))
    )
    assert all(word and not word.isspace() for word in words)


@settings(max_examples=25)
@given(st.text(max_size=40), st.text(max_size=40))
def test_texts_beside_each_other_have_the_words_of_both(left, right):
    assert split(f"{left}\n{right}") == split(left) + split(right)


def test_the_first_words_count():
    assert split("ab " * (WORDS_MAX + 5)) == ["ab"] * WORDS_MAX
    assert len(split("éé_aa " * WORDS_MAX)) == WORDS_MAX


@settings(max_examples=25)
@given(st.lists(st.lists(st.sampled_from(["a", "b", "é", "x1"]), max_size=8), max_size=5))
def test_bags_are_read_as_they_were_written(texts):
    terms, counts, ends = unpacked([packed(words) for words in texts])
    start = 0
    for words, end in zip(texts, ends.tolist(), strict=True):
        read = dict(zip(terms[start:end].tolist(), counts[start:end].tolist(), strict=True))
        assert read == {term(word): words.count(word) for word in words}
        start = end
    assert start == len(terms) == len(counts)


def test_a_word_is_counted_to_a_bound_and_a_broken_bag_is_refused():
    assert unpacked([packed(["a"] * 1000)])[1].tolist() == [COUNT_MAX]
    with pytest.raises(ValueError, match="wrong size"):
        unpacked([packed(["a"]) + b"x"])


def test_an_exemplar_is_found_by_the_text_of_its_item_and_by_its_label():
    assert spoken({"text": "a b"}, "Acme") == ["acme", "a", "b"]
    assert spoken({"code": "x = y", "language": "python"}, None) == ["x", "y"]
    record = {"name": "a b", "scan": {"image": "AAAA"}, "more": {"text": "c"}, "text": "d"}
    assert spoken({"record": record, "weights": {}}, "Acme") == ["acme", "a", "b", "c", "d"]
    assert spoken({"record": "AAAA"}, None) == []
    assert spoken({"image": "aGk="}, "Acme Corp") == ["acme", "corp"]
    assert spoken(None, None) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("what does parse_header return", ["parseheader"]),
        ("readFile and ReadFile", ["readfile", "readfile"]),
        ("base64_encode", ["base64encode"]),
        ("utf8 sha256 python3 PhD iPhone os.path a_b _private", []),
        ("straße_länge", ["strasselange"]),
        ("使用parse_json解析", ["parsejson"]),
    ],
)
def test_identifiers_are_words_of_two_words(text, named):
    assert identifiers(text) == named
