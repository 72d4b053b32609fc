"""The closed vocabulary of abstract views: structure, roles, kinds, and names of libraries."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from models.abstraction.roles import ROLES
from models.abstraction.words import ITSELF, KEYWORDS, NUMBERS_KEPT, SILENT, SPELT

PAD, UNKNOWN, START, MASK = "<pad>", "<unknown>", "<code>", "<mask>"
_KINDS = r"""
<float> <half> <empty> <letter> <digit> <blank> <mark> <text> <int1> <int2> <int3> <int4>
<int5> <int6> <int7> <int8> <int9> <int10>
"""
KINDS = tuple(_KINDS.split())
_OPERATORS = r"""
( ) [ ] { } ; , . : ? @ # $ \ ~ + - * / % & | ^ < > = ** // << <= >= == != <=> -> => ++ -- ??
... += -= *= /= %= &= |= ^= **= //= <<= >>= >>>= &&= ||= ??= ! and or not
"""
OPERATORS = tuple(_OPERATORS.split())


def vocabulary() -> dict[str, int]:
    """Number all tokens that a view may hold; the same everywhere."""
    words = [PAD, UNKNOWN, START, MASK, *KINDS, *OPERATORS, *map(str, sorted(NUMBERS_KEPT))]
    words += [f"{role}{number}" for role, count in ROLES.items() for number in range(count)]
    names = {*KEYWORDS, *_listed()}
    kept = sorted({SPELT.get(name, name) for name in names} - SILENT - ITSELF)
    return {word: number for number, word in enumerate(dict.fromkeys([*words, *kept]))}


def tokenizer_json(words: dict[str, int]) -> str:
    """Write the vocabulary as a Hugging Face `tokenizer.json`: a word is a token, and nothing else.

    Every sequence begins with `<code>`.
    """
    special = [
        {"id": words[word], "content": word, "special": True, "single_word": False}
        | {"lstrip": False, "rstrip": False, "normalized": False}
        for word in (PAD, UNKNOWN, START, MASK)
    ]
    start = {"id": START, "ids": [words[START]], "tokens": [START]}
    single = [
        {"SpecialToken": {"id": START, "type_id": 0}},
        {"Sequence": {"id": "A", "type_id": 0}},
    ]
    fields = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {START: start},
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": words, "unk_token": UNKNOWN},
    }
    return json.dumps(fields, ensure_ascii=False)


def _listed() -> Iterator[str]:
    text = Path(__file__).with_name("library.txt").read_text("utf-8")
    for line in text.splitlines():
        if not line.startswith("#"):
            yield from line.split()


def ids_of(tokens: Sequence[str], words: dict[str, int], tokens_max: int) -> list[int]:
    """Number a view's tokens, as the tokenizer of the bundle does."""
    unknown = words[UNKNOWN]
    return [words[START], *(words.get(t, unknown) for t in tokens[: tokens_max - 1])]
