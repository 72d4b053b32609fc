"""Questions as people type them, made of what a docstring says."""

import random
import re

from models.spelling import words
from models.training.code.pairs import Pair, sentence

STYLES = 6  # of a pair; the first half keeps the docstring's words, the other half is as typed
_SMALL_WORDS = (
    "a an the of to in on for from with by and or is are be been was it its this that these "
    "those as at into if when which whose given specified current instance object function "
    "method new will can should may using used not all any each"
)
_SMALL = frozenset(_SMALL_WORDS.split())
_PRELUDE = re.compile(
    r"^(?:(?:this|is|a|an|the|simple|small|private|internal|public)\s+)*"
    r"(?:(?:helper|utility|convenience|factory|wrapper|class)\s+)*"
    r"(?:function|method|routine|decorator|helper|utility|wrapper|property|generator)\s+"
    r"(?:that|which|to|for|used to)\s+", re.I
)  # fmt: skip
_PUNCTUATION = re.compile(r"[^\w\s+#/'-]|(?<=\s)['-]|['-](?=\s)")


def asked(pair: Pair, draw: random.Random) -> list[str]:
    """Draw STYLES questions that a function answers."""
    said = sentence(pair.told)
    return [
        " ".join(said.split()[:40]),
        " ".join((pair.told if draw.random() < 0.5 else said).split()[:60]),
        _plain(said),
        _named(_how_to(said, draw), pair.language, draw),
        _named(_keywords(said, draw), pair.language, draw),
        _named(words(pair.name).lower(), pair.language, draw)
        if draw.random() < 0.3
        else _named("how to " + _keywords(said, draw), pair.language, draw),
    ]


def base(verb: str) -> str:
    """Turn the third person of a verb into its base form.

    >>> [base(verb) for verb in ("returns", "fetches", "copies", "pass", "parses", "is")]
    ['return', 'fetch', 'copy', 'pass', 'parse', 'is']
    """
    if verb.endswith("ies") and len(verb) > 4:
        return verb[:-3] + "y"
    if re.search(r"(?:ss|sh|ch|x|zz)es$", verb):
        return verb[:-2]
    return verb[:-1] if re.search(r"[^siu]s$", verb) else verb


def _plain(said: str) -> str:
    return " ".join(_PUNCTUATION.sub(" ", said.lower()).split()) or said


def _how_to(said: str, draw: random.Random) -> str:
    """Word it as a task: `Returns the index of ...` is `how to get the index of ...`."""
    parts = _plain(_PRELUDE.sub("", said)).split() or said.split()
    verb = base(parts[0])
    if verb == "return" and draw.random() < 0.6:
        verb = draw.choice(["get", "find", "get", "compute"])
    start = draw.choice(["how to ", "how to ", "", "how do i ", "best way to "])
    return start + " ".join([verb, *parts[1:14]])


def _keywords(said: str, draw: random.Random) -> str:
    """Leave the small words out, and now and then another."""
    parts = _plain(_PRELUDE.sub("", said)).split() or said.split()
    kept = [base(word) if i == 0 else word for i, word in enumerate(parts) if word not in _SMALL]
    kept = [word for word in kept if draw.random() > 0.12] or kept or parts
    return " ".join(kept[: draw.randint(3, 9)])


def _named(question: str, language: str, draw: random.Random) -> str:
    """Name the language before or behind, as most who ask a search engine do."""
    chance = draw.random()
    if chance < 0.35:
        return f"{language} {question}"
    if chance < 0.55:
        return f"{question} {language}"
    return f"{question} in {language}" if chance < 0.75 else question
