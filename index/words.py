"""The words of a text or of code, by which it is found: folded, and identifiers split."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice
from typing import Final

VERSION: Final = 1  # of how words are split: another makes those that are kept anew
WORDS_MAX: Final = 16_384  # of one text; what stands behind them is not found by its words

# Scripts that are written without spaces: pairs of their letters stand for words.
_UNSPACED: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs and the like, which are part of a word though no letters.
_MARKS: Final = "".join(
    chr(code) for code in range(0x300, 0x1C00) if unicodedata.category(chr(code))[0] == "M"
)
_RUN: Final = re.compile(rf"(?P<unspaced>[{_UNSPACED}]+)|(?:(?![{_UNSPACED}])[\w{_MARKS}])+")
_LETTER: Final = rf"[^\W\d_A-Z]|[{_MARKS}]"
_PART: Final = re.compile(rf"[A-Z]+(?!{_LETTER})|[A-Z]?(?:{_LETTER})+|\d+")
_RUN_ASCII: Final = re.compile(r"[A-Za-z0-9_]+")
_PART_ASCII: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")


def split(text: str) -> list[str]:
    """Return the words of a text in their order, with repetitions, the first `WORDS_MAX` at most.

    An identifier gives itself as one word, however it is written, and its parts where there are
    several. Case, accents and forms of width do not count; what is written without spaces gives
    its pairs of letters.

    >>> split("parse_HTTPHeader2(naïve)")
    ['parsehttpheader2', 'parse', 'http', 'header', '2', 'naive']
    """
    words: list[str] = []
    for whole, parts in _runs(text):
        words += parts if whole is None else [whole, *parts]
        if len(words) >= WORDS_MAX:
            break
    return words[:WORDS_MAX]


def identifiers(text: str) -> list[str]:
    """Return those words of a text that are identifiers: of two words, written as one.

    >>> identifiers("what does parse_header or os.path or readFile do, in PhD and utf8?")
    ['parseheader', 'readfile']
    """
    return [whole for whole, parts in islice(_runs(text), WORDS_MAX) if whole and _is_named(parts)]


def _is_named(parts: list[str]) -> bool:
    return sum(len(part) > 1 and part.isalpha() for part in parts) > 1


def _runs(text: str) -> Iterator[tuple[str | None, list[str]]]:
    """Yield what stands between spaces and signs: as one word, where it has several, and these."""
    if text.isascii():
        for match in _RUN_ASCII.finditer(text):
            run = match[0]
            plain = run.islower() and run.isalpha()  # as most are: nothing to be split
            parts = [run] if plain else [part.lower() for part in _PART_ASCII.findall(run)]
            yield "".join(parts) if len(parts) > 1 else None, parts
        return
    bare = _ACCENTS.sub("", unicodedata.normalize("NFKD", text))
    for match in _RUN.finditer(unicodedata.normalize("NFC", bare)):
        run = match[0]
        if match["unspaced"]:
            yield None, [run[at : at + 2] for at in range(max(1, len(run) - 1))]
        else:
            parts = [part.casefold() for part in _PART.findall(run)]
            yield "".join(parts) if len(parts) > 1 else None, parts
