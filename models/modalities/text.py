"""Text, or token ids, by a Hugging Face `tokenizer.json`; truncation is exact and always known.

A bundle that names no tokenizer reads the characters of names; see `models.texts.names`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator
from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from models.abstraction.view import abstracted
from models.errors import (
    BundleCorrupt,
    BundleUnsupported,
    ItemEmpty,
    ItemTooLarge,
    ItemUndecodable,
    ModalityUnsupported,
)
from models.modality import Array, Features, Item, Modality, Role, read_config
from models.texts.names import CharactersConfig, Name
from models.texts.reading import read_text

# What ends a word for BERT's tokenizer, however its texts are normalised: white space that is no
# control character (those are dropped), and ideographs, each of which is a word.
SPACES = " \\t\\n\\r\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
IDEOGRAPHS = (
    "\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\U00020000-\\U0002a6df"
    "\\U0002a700-\\U0002b81f\\U0002b920-\\U0002ceaf\\U0002f800-\\U0002fa1f"
)
COST_UNIT = "tokens"
MEDIA_TYPES = ("text/plain",)
SCHEMA = {
    "type": "object",
    "description": "A text.",
    "properties": {"text": {"type": "string", "minLength": 1}},
    "required": ["text"],
    "additionalProperties": False,
}
CHARACTERS_PER_TOKEN = 16  # first guess for the prefix that fills the encoder; doubled when short


class TextConfig(BaseModel):
    """How a text becomes token ids: the `preprocessing` of a text bundle's manifest.

    Args:
        tokenizer: name of the `tokenizer.json` in the bundle; case folding is its own.
        tokens_max: the longest sequence, special tokens included.
        inputs: what the graph takes.
        pad_id: the id that fills a shorter row; masked, so it never changes an embedding.
        prompts: text put before an item of that role.
        default_prompt: text put before an item without a role.
        item_bytes_max: the longest text in bytes of UTF-8; a longer one is refused unread.
        view: what is embedded of a text: all of it, or its abstract view as a piece of code (see
            `models.abstraction.view`), whose known words are the tokenizer's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    tokenizer: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")
    tokens_max: int = Field(gt=0, le=1 << 20)
    inputs: list[Literal["input_ids", "attention_mask", "token_type_ids"]]
    pad_id: int = Field(default=0, ge=0)
    prompts: dict[Literal["query", "document"], str] = {}
    default_prompt: str = ""
    item_bytes_max: int = Field(default=1 << 20, gt=0)
    view: Literal["abstract"] | None = None

    @field_validator("inputs")
    @classmethod
    def _ids_and_mask(cls, inputs: list[str]) -> list[str]:
        if not {"input_ids", "attention_mask"} <= set(inputs):
            raise ValueError("input_ids and attention_mask are needed")
        return inputs


@dataclass(frozen=True, slots=True)
class Frame:
    """The special tokens that a tokenizer puts around a sequence, with the type ids it gives."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    types_before: tuple[int, ...]
    types_after: tuple[int, ...]
    type_inside: int

    def holds(self, ids: Sequence[int]) -> bool:
        """Tell whether the sequence already starts and ends with the special tokens."""
        return (
            bool(self.before or self.after)
            and len(ids) >= len(self.before) + len(self.after)
            and tuple(ids[: len(self.before)]) == self.before
            and tuple(ids[len(ids) - len(self.after) :]) == self.after
        )


@dataclass(frozen=True, slots=True)
class Text:
    """The text modality of one bundle."""

    config: TextConfig
    tokenizer: Tokenizer
    frame: Frame
    vocabulary_size: int
    known: frozenset[str] = frozenset()
    word_end: re.Pattern[str] | None = None

    @property
    def cost_min(self) -> int:
        """One token between the special ones."""
        return len(self.frame.before) + 1 + len(self.frame.after)

    @property
    def cost_max(self) -> int:
        """The longest sequence in tokens."""
        return self.config.tokens_max

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the graph's inputs."""
        return tuple(self.config.inputs)

    @property
    def is_lettered(self) -> bool:
        """A text says all that it says in its words."""
        return False

    @property
    def room(self) -> int:
        """Tokens left for the text between the special tokens."""
        return self.config.tokens_max - len(self.frame.before) - len(self.frame.after)

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Tokenize one text, or check one sequence of token ids (which takes no prompt)."""
        if item.modality != "text":
            raise ModalityUnsupported(
                f"this encoder reads items of modality 'text', not {item.modality!r}; "
                "send text, or choose a model that lists that modality"
            )
        if isinstance(item.content, tuple):
            ids, whole = self._inner_ids(item.content), True
        else:
            ids, whole = self._tokenize(read_text(item.content, self.config.item_bytes_max), role)
        truncated = len(ids) > self.room
        if truncated and not truncate:
            limit = self.config.tokens_max
            raise ItemTooLarge(
                f"the text has {'' if whole else 'at least '}{len(ids) + limit - self.room} tokens "
                f"with its prompt and special tokens and the limit is {limit}; shorten it, split "
                "it, or allow truncation"
            )
        return self._features(ids[: self.room], truncated)

    def collate(self, batch: Sequence[Features]) -> dict[str, Array]:
        """Pad the sequences of a batch to its longest one, on the right."""
        lengths = [features.cost for features in batch]
        shape = (len(batch), max(lengths, default=0))
        feeds: dict[str, Array] = {name: np.zeros(shape, np.int64) for name in self.config.inputs}
        feeds["input_ids"].fill(self.config.pad_id)
        for row, features in enumerate(batch):
            feeds["attention_mask"][row, : lengths[row]] = 1
            for name, array in features.arrays.items():
                feeds[name][row, : lengths[row]] = array
        return feeds

    def _tokenize(self, text: str, role: Role | None) -> tuple[list[int], bool]:
        """Return token ids without special tokens, and whether they are those of all the text.

        Where the tokenizer splits into words before anything else, each word's tokens depend on
        that word alone, so that a prefix that ends with a word and overfills the encoder gives the
        same leading tokens as the whole text: a megabyte costs no more than its first page.
        """
        if self.config.view == "abstract":
            text = " ".join(abstracted(text, self.known.__contains__))
        text = (
            self.config.default_prompt if role is None else self.config.prompts.get(role, "")
        ) + text
        length = CHARACTERS_PER_TOKEN * self.config.tokens_max
        while self.word_end is not None and length < len(text):
            end = self.word_end.search(text, length)
            if end is None:
                break
            ids = self._ids(text[: end.start()])
            if len(ids) > self.room:
                return ids, False
            length = 2 * end.start()
        ids = self._ids(text)
        if not ids:
            raise ItemEmpty(
                "the tokenizer leaves nothing of the text (control or formatting characters, or "
                "comments, only); send at least one word"
            )
        return ids, True

    def _ids(self, text: str) -> list[int]:
        # The batch call keeps no offsets and releases the GIL: half the time of `encode`.
        return list(self.tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids)

    def _inner_ids(self, ids: tuple[int, ...]) -> Sequence[int]:
        """Check token ids, and take away the special tokens around them when they are there."""
        if not ids:
            raise ItemEmpty("the list of token ids is empty; send at least one id")
        if len(ids) > self.config.item_bytes_max:
            raise ItemTooLarge(
                f"the item has {len(ids)} token ids and the limit is {self.config.item_bytes_max}; "
                "split it into parts"
            )
        for place, token in enumerate(ids):
            if not 0 <= token < self.vocabulary_size:
                raise ItemUndecodable(
                    f"token id {token} at place {place} is not in the vocabulary "
                    f"(0 to {self.vocabulary_size - 1}); use this model's own tokenizer"
                )
        if not self.frame.holds(ids):
            return ids
        inner = ids[len(self.frame.before) : len(ids) - len(self.frame.after)]
        if not inner:
            raise ItemEmpty("the token ids are special tokens only; send at least one more id")
        return inner

    def _features(self, ids: Sequence[int], truncated: bool) -> Features:
        frame = self.frame
        whole = np.array([*frame.before, *ids, *frame.after], np.int64)
        arrays: dict[str, Array] = {"input_ids": whole}
        if "token_type_ids" in self.config.inputs:
            inside = [frame.type_inside] * len(ids)
            arrays["token_type_ids"] = np.array(
                [*frame.types_before, *inside, *frame.types_after], np.int64
            )
        return Features(arrays=arrays, cost=len(whole), truncated=truncated)


def item_of(item: Mapping[str, object]) -> Item:
    """Read the wire's item object `{"text": ...}`.

    Raises:
        ItemUndecodable: it holds something else, or something more.
    """
    text = item.get("text")
    if not isinstance(text, str):
        raise ItemUndecodable('\'text\' is not a string; send {"text": "..."}')
    if len(item) > 1:
        extra = ", ".join(repr(key) for key in item if key != "text")
        raise ItemUndecodable(f'a text item has no field {extra}; send {{"text": "..."}}')
    return Item("text", text)


def build(config: Mapping[str, object], folder: Path) -> Modality:
    """Open the text modality of a bundle: of characters, or of what its tokenizer makes."""
    if "characters_max" in config:
        return Name(read_config(CharactersConfig, "text", config))
    return tokenized(config, folder)


def tokenized(config: Mapping[str, object], folder: Path) -> Text:
    """Open the text modality of a bundle that has a tokenizer.

    Raises:
        BundleUnsupported: the configuration, or the tokenizer, means nothing here.
        BundleCorrupt: the tokenizer cannot be read.
    """
    settings = read_config(TextConfig, "text", config)
    path = folder / settings.tokenizer
    try:
        tokenizer = Tokenizer.from_buffer(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BundleCorrupt(f"{path}: not a readable tokenizer ({error}); copy it again") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    modality = Text(
        config=settings,
        tokenizer=tokenizer,
        frame=_frame(tokenizer, path),
        vocabulary_size=tokenizer.get_vocab_size(with_added_tokens=True),
        known=frozenset(tokenizer.get_vocab()) if settings.view else frozenset(),
        word_end=_word_end(tokenizer),
    )
    if modality.room < 1:
        raise BundleUnsupported(
            f"tokens_max {settings.tokens_max} leaves no room beside the special tokens of {path}"
        )
    return modality


def _frame(tokenizer: Tokenizer, path: Path) -> Frame:
    """Find the special tokens around a sequence by looking at one."""
    encoding = tokenizer.encode("a")
    mask = encoding.special_tokens_mask
    if 0 not in mask:
        raise BundleUnsupported(f"{path}: the tokenizer leaves nothing of the text 'a'")
    start, stop = mask.index(0), len(mask) - mask[::-1].index(0)
    ids, types = encoding.ids, encoding.type_ids
    return Frame(
        before=tuple(ids[:start]),
        after=tuple(ids[stop:]),
        types_before=tuple(types[:start]),
        types_after=tuple(types[stop:]),
        type_inside=types[start],
    )


def _word_end(tokenizer: Tokenizer) -> re.Pattern[str] | None:
    """Find where a text can be cut so that no token, nor its normalisation, reaches across."""
    normalizer = tokenizer.normalizer
    if not (
        isinstance(normalizer, BertNormalizer)
        and isinstance(tokenizer.pre_tokenizer, BertPreTokenizer)
    ):
        return None
    ends = re.compile(f"[{SPACES}{IDEOGRAPHS if normalizer.handle_chinese_chars else ''}]")
    added = tokenizer.get_added_tokens_decoder().values()
    return None if any(ends.search(token.content) for token in added) else ends
