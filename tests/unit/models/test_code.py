"""The modality of code and of the questions that are asked of it."""

from pathlib import Path

import numpy as np
import pytest

from models.errors import (
    BundleUnsupported,
    InputError,
    ItemEmpty,
    ItemTooLarge,
    ItemUndecodable,
    ModalityUnsupported,
)
from models.manifest import read_manifest
from models.modality import Features, Item, Modality, open_modality, read_item
from models.spelling import spelled

MINILM = Path("models/bundles/minilm").resolve()
WORDS = read_manifest(MINILM).preprocessing
CODE = 'def readLines(path: str) -> list[str]:\n    """Read a file."""\n    return open(path)'


def opened(split: bool = True) -> Modality:
    return open_modality("code", {**WORDS, "split_identifiers": split}, MINILM)


def ids(features: Features) -> list[int]:
    return [int(one) for one in features.arrays["input_ids"]]


def text_ids(text: str) -> list[int]:
    return ids(open_modality("text", WORDS, MINILM).decode(Item("text", text)))


def test_a_question_is_read_as_text_is() -> None:
    question = "how do I readLines() in python?"
    assert ids(opened().decode(Item("text", question), role="query")) == text_ids(question)


def test_code_is_read_as_its_words_with_the_language_first() -> None:
    item = read_item("code", {"code": CODE, "language": "python"})
    assert ids(opened().decode(item, role="document")) == text_ids(
        "python def read Lines path str list str Read a file return open path"
    )
    assert ids(opened(split=False).decode(item)) == text_ids(CODE)


def test_code_needs_no_language() -> None:
    for item in ({"code": CODE}, {"code": CODE, "language": None}):
        assert ids(opened().decode(read_item("code", item))) == text_ids(spelled(f"\n{CODE}"))


def test_code_in_bytes_is_code_of_no_language() -> None:
    assert ids(opened().decode(Item("code", CODE.encode()))) == text_ids(spelled(f"\n{CODE}"))


def test_code_without_a_word_is_read_as_it_stands() -> None:
    assert ids(opened().decode(read_item("code", {"code": "{};"}))) == text_ids("{};")


def test_long_code_is_cut_or_refused() -> None:
    item = read_item("code", {"code": "alpha(beta)\n" * 500})
    features = opened().decode(item)
    assert features.truncated
    assert features.cost == opened().cost_max
    with pytest.raises(ItemTooLarge, match="the limit is 256"):
        opened().decode(item, truncate=False)


@pytest.mark.parametrize(
    ("item", "fault"),
    [
        (Item("code", "python\n"), ItemEmpty),
        (Item("code", "python\n  \n"), ItemEmpty),
        (Item("code", (101, 102)), ItemUndecodable),
        (Item("code", b"\nx = '\xff'"), ItemUndecodable),
        (Item("code", "\nx = '\ud800'"), ItemUndecodable),
        (Item("image", b"x"), ModalityUnsupported),
    ],
)
def test_what_is_no_code_is_told(item: Item, fault: type[InputError]) -> None:
    with pytest.raises(fault):
        opened().decode(item)


@pytest.mark.parametrize(
    "item",
    [
        {"code": 3},
        {"code": CODE, "language": 3},
        {"code": CODE, "language": "Python 3"},
        {"code": CODE, "language": ""},
        {"code": CODE, "language": "go\nfunc"},
        {"code": CODE, "path": "a.py"},
    ],
)
def test_an_object_that_is_no_code_item_is_told(item: dict[str, object]) -> None:
    with pytest.raises(ItemUndecodable):
        read_item("code", item)


def test_questions_and_code_share_a_batch() -> None:
    modality = opened()
    batch = [modality.decode(Item("text", "x")), modality.decode(Item("code", "\nfoo(bar)"))]
    feeds = modality.collate(batch)
    assert feeds["input_ids"].shape == (2, 4)
    np.testing.assert_array_equal(feeds["attention_mask"].sum(axis=1), [3, 4])


@pytest.mark.parametrize("split", [None, 1, "yes"])
def test_a_configuration_says_whether_code_is_parted(split: object) -> None:
    with pytest.raises(BundleUnsupported, match="split_identifiers must be true or false"):
        open_modality("code", {**WORDS, "split_identifiers": split}, MINILM)
