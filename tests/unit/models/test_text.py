"""The text modality: each rule of reading, against the tokenizer library as the oracle."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from models.errors import (
    BundleCorrupt,
    BundleUnsupported,
    ItemEmpty,
    ItemTooLarge,
    ItemUndecodable,
    ModalityUnsupported,
)
from models.modalities.text import Text, tokenized
from models.modality import Content, Item

FOLDER = Path(__file__).parents[3] / "models" / "bundles" / "minilm"
CLS, SEP = 101, 102
INPUTS = ["input_ids", "attention_mask", "token_type_ids"]


def opened(**changes: object) -> Text:
    config: dict[str, object] = {"tokenizer": "tokenizer.json", "tokens_max": 16, "inputs": INPUTS}
    return tokenized(config | changes, FOLDER)


TEXT = opened()
ORACLE = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
ORACLE.no_padding()


def ids(content: Content, text: Text = TEXT) -> list[int]:
    return [int(token) for token in text.decode(Item("text", content)).arrays["input_ids"]]


# Few words and much space, so that prefixes, doubling and the exact boundary are all met.
SIGNS = [
    "\u00a0",
    "\u2003",
    "\u2028",
    "\u3000",
    "\x0b",
    "\x1c",
    "\x85",
    "\u200b",
    "\u0301",
    "中",
    "豈",
]
WORDS = st.sampled_from(
    ["a", "unaffable", "日本", " ", "   ", "\n", "\t", "[MASK]", "é", "?!", "x" * 90, *SIGNS]
)


@given(st.lists(WORDS, min_size=1, max_size=120).map("".join), st.integers(3, 40))
@settings(max_examples=300, deadline=None)
def test_truncation_is_that_of_the_tokenizer_library(content: str, tokens_max: int) -> None:
    changed = TEXT.config.model_copy(update={"tokens_max": tokens_max})
    text = dataclasses.replace(TEXT, config=changed)
    ORACLE.no_truncation()
    whole = ORACLE.encode(content)
    if not content.strip() or len(whole.ids) == 2:
        with pytest.raises(ItemEmpty):
            text.decode(Item("text", content))
        return
    features = text.decode(Item("text", content))
    assert features.truncated == (len(whole.ids) > tokens_max)
    ORACLE.enable_truncation(tokens_max)
    assert features.arrays["input_ids"].tolist() == ORACLE.encode(content).ids
    assert features.cost == len(features.arrays["input_ids"]) <= tokens_max


@pytest.mark.parametrize("text", ["word " * 200_000, "中" * 300_000, "w\u00a0" * 300_000])
def test_a_giant_costs_no_more_than_its_first_page(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    ids_of = Text._ids

    def counted(self: Text, part: str) -> list[int]:
        read.append(len(part))
        return ids_of(self, part)

    monkeypatch.setattr(Text, "_ids", counted)
    assert TEXT.decode(Item("text", text)).truncated
    assert sum(read) < 2000


@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_text_that_just_fits_is_whole(room: int) -> None:
    features = TEXT.decode(Item("text", "word " * (14 - room)), truncate=False)
    assert (features.cost, features.truncated) == (16 - room, False)


def test_a_text_too_long_is_refused_when_asked_naming_tokens_and_limit() -> None:
    with pytest.raises(ItemTooLarge, match=r"has 17 tokens .* limit is 16"):
        TEXT.decode(Item("text", "word " * 15), truncate=False)
    with pytest.raises(ItemTooLarge, match=r"at least \d+ tokens .* limit is 16"):
        TEXT.decode(Item("text", "word " * 5000), truncate=False)


@pytest.mark.parametrize("content", ["", " ", "\n\t ", "\u3000", b"", b"  ", ()])
def test_nothing_is_refused(content: Content) -> None:
    with pytest.raises(ItemEmpty):
        TEXT.decode(Item("text", content))


@pytest.mark.parametrize("content", ["\x00", "\u200b\u200d", (CLS, SEP)])
def test_what_leaves_no_token_is_refused(content: Content) -> None:
    with pytest.raises(ItemEmpty):
        TEXT.decode(Item("text", content))


def test_a_lone_surrogate_is_named_by_its_place() -> None:
    with pytest.raises(ItemUndecodable, match="character 3"):
        TEXT.decode(Item("text", "abc\ud800d"))


def test_bytes_are_strict_utf8() -> None:
    assert ids("naïve 日本".encode()) == ids("naïve 日本")
    with pytest.raises(ItemUndecodable, match="byte 2"):
        TEXT.decode(Item("text", b"ab\xff"))


@pytest.mark.parametrize("content", ["é" * 5, ("é" * 5).encode(), "x" * 10])
def test_the_limit_is_in_bytes_and_inclusive(content: Content) -> None:
    assert opened(item_bytes_max=10).decode(Item("text", content)).cost > 0
    with pytest.raises(ItemTooLarge, match="limit is 9"):
        opened(item_bytes_max=9).decode(Item("text", content))


def test_token_ids_are_wrapped_once() -> None:
    assert ids((2023, 2003)) == [CLS, 2023, 2003, SEP]
    assert ids((CLS, 2023, 2003, SEP)) == [CLS, 2023, 2003, SEP]
    assert ids((CLS, 2023)) == [CLS, CLS, 2023, SEP]
    assert ids((CLS,)) == [CLS, CLS, SEP]


@given(st.text(min_size=1, max_size=80))
@settings(deadline=None)
def test_a_text_and_its_own_token_ids_are_one(content: str) -> None:
    ORACLE.no_truncation()
    whole = ORACLE.encode(content).ids
    if content.strip() and len(whole) > 2:
        assert ids(tuple(whole)) == ids(content) == ids(tuple(whole[1:-1]))


def test_token_ids_are_truncated_inside_the_special_tokens() -> None:
    features = TEXT.decode(Item("text", tuple(range(1000, 1030))))
    assert features.arrays["input_ids"].tolist() == [CLS, *range(1000, 1014), SEP]
    assert features.truncated
    with pytest.raises(ItemTooLarge, match="has 32 tokens"):
        TEXT.decode(Item("text", tuple(range(1000, 1030))), truncate=False)


@pytest.mark.parametrize("token", [-1, 30522, 1 << 70])
def test_a_token_id_out_of_the_vocabulary_is_named(token: int) -> None:
    with pytest.raises(ItemUndecodable, match=rf"{token} at place 1"):
        TEXT.decode(Item("text", (5, token)))


def test_prompts_go_before_text_by_role_and_never_before_ids() -> None:
    text = opened(prompts={"query": "find: "}, default_prompt="plain: ")
    item = Item("text", "a cat")
    read = {
        role: text.decode(item, role=role).arrays["input_ids"] for role in ("query", "document")
    }
    assert read["query"].tolist() == ids("find: a cat")
    assert read["document"].tolist() == ids("a cat")
    assert text.decode(item).arrays["input_ids"].tolist() == ids("plain: a cat")
    assert text.decode(Item("text", (5, 6)), role="query").arrays["input_ids"].tolist() == [
        CLS,
        5,
        6,
        SEP,
    ]
    with pytest.raises(ItemEmpty):
        text.decode(Item("text", " "))


def test_another_modality_is_refused() -> None:
    with pytest.raises(ModalityUnsupported, match="'image'"):
        TEXT.decode(Item("image", b"\x89PNG"))


def test_collate_pads_to_the_longest_and_masks_the_rest() -> None:
    feeds = opened(pad_id=7).collate([TEXT.decode(Item("text", t)) for t in ("a b c", "a")])
    assert {name: feeds[name].dtype for name in INPUTS} == dict.fromkeys(INPUTS, np.dtype(np.int64))
    assert feeds["input_ids"].tolist() == [[CLS, 1037, 1038, 1039, SEP], [CLS, 1037, SEP, 7, 7]]
    assert feeds["attention_mask"].tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert not feeds["token_type_ids"].any()


def test_only_the_inputs_of_the_graph_are_made() -> None:
    text = opened(inputs=["input_ids", "attention_mask"])
    feeds = text.collate([text.decode(Item("text", "a"))])
    assert sorted(feeds) == ["attention_mask", "input_ids"]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"stemming": True}, "stemming"),
        ({"tokens_max": 0}, "tokens_max"),
        ({"tokens_max": 2}, "no room"),
        ({"tokens_max": "16"}, "tokens_max"),
        ({"tokenizer": "../tokenizer.json"}, "tokenizer"),
        ({"tokenizer": "/etc/passwd"}, "tokenizer"),
        ({"inputs": ["pixels", "input_ids"]}, "inputs"),
        ({"prompts": {"answer": "x"}}, "prompts"),
    ],
)
def test_a_configuration_that_is_not_known_is_refused(change: dict[str, object], word: str) -> None:
    with pytest.raises(BundleUnsupported, match=word):
        opened(**change)


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff\x00"])
def test_a_tokenizer_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_bytes(content)
    config = {"tokenizer": "tokenizer.json", "tokens_max": 16, "inputs": INPUTS}
    with pytest.raises(BundleCorrupt, match=r"tokenizer\.json"):
        tokenized(config, tmp_path)
