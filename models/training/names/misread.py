"""A name as an optical reader of a mark returns it: letters confused, lost, added; words too."""

import random
from collections.abc import Callable, Sequence

# What looks alike to a reader, either way.
ALIKE = (
    "O0", "OQ", "OD", "OC", "o0", "oa", "oe", "ec", "eo", "Il", "I1", "l1", "lt", "li", "ij", "S5",
    "B8", "G6", "GC", "Z2", "EF", "PR", "UV", "VY", "MN", "HN", "nh", "nm", "un", "uv", "vy", "rt",
    "ft", "gq", "g9", "bh", "T7", "A4", "KX", "ao", "LI", "TI", "sa", "kx", "cG", "WN",
)  # fmt: skip
RUNS = (("m", "rn"), ("w", "vv"), ("d", "cl"), ("W", "VV"), ("h", "li"), ("K", "IC"), ("u", "ii"))
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
# Of letters, how many are misread: mostly none or few.
RATES, RATE_SHARES = (0.0, 0.06, 0.15, 0.3), (0.35, 0.3, 0.22, 0.13)
CONFUSED: dict[str, str] = {}
for _pair in ALIKE:
    for _one, _other in ((_pair[0], _pair[1]), (_pair[1], _pair[0])):
        CONFUSED[_one] = CONFUSED.get(_one, "") + _other


def misread(name: str, others: Sequence[str], draw: random.Random) -> str:
    """Read a name as it may stand in a mark, and as a reader may get it.

    Args:
        others: names of which words may stand beside it.
    """
    words = _set(name, draw).split() or [name]
    if len(words) > 1 and draw.random() < 0.25:
        del words[draw.randrange(len(words))]
    words = [misspelt(word, draw) for word in words]
    if draw.random() < 0.15:
        words.insert(draw.choice((0, len(words))), draw.choice(draw.choice(others).split() or [""]))
    text = _spaced(words, draw)
    return _part(text, draw) if draw.random() < 0.15 else text


def misspelt(word: str, draw: random.Random) -> str:
    """Confuse, lose and add letters of a word."""
    (rate,) = draw.choices(RATES, RATE_SHARES)
    if draw.random() < rate:
        one, run = draw.choice(RUNS)
        word = word.replace(one, run) if draw.random() < 0.6 else word.replace(run, one)
    return "".join(_letter(letter, draw) if draw.random() < rate else letter for letter in word)


def _letter(letter: str, draw: random.Random) -> str:
    kind = draw.random()
    if kind < 0.6:
        return draw.choice(CONFUSED.get(letter, LETTERS))
    if kind < 0.85:
        return ""
    return letter + draw.choice(LETTERS)


def _set(name: str, draw: random.Random) -> str:
    """Set a name in capitals or small letters, as marks do; other letters are confused in each."""
    case: Callable[[str], str] = draw.choice((str, str.upper, str.lower, str.title))
    return case(name)


def _spaced(words: Sequence[str], draw: random.Random) -> str:
    """Join words, at times without the blank; and part one where there is none."""
    joint = "" if draw.random() < 0.25 else " "
    text = joint.join(words)
    if len(text) > 3 and draw.random() < 0.1:
        cut = draw.randrange(1, len(text))
        text = f"{text[:cut]} {text[cut:]}"
    return text


def _part(text: str, draw: random.Random) -> str:
    """Keep the beginning or the end: the rest is hidden, or outside the crop."""
    kept = max(3, round(len(text) * draw.uniform(0.5, 0.95)))
    return text[:kept] if draw.random() < 0.5 else text[-kept:]
