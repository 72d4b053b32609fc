"""Other spellings of a name: legal forms, order, initials, abbreviations, slips of the hand."""

import random
import re
from collections.abc import Sequence
from functools import cached_property

from models.texts.characters import romanised

ABBREVIATED = {
    "saint": ("st", "s", "ste"), "sainte": ("ste",), "compagnie": ("cie", "ce", "comp"),
    "company": ("co", "comp"), "et": ("&", "e"), "and": ("&", "n"), "und": ("&", "u"),
    "brothers": ("bros",), "frères": ("fr", "frs"), "international": ("intl", "int"),
    "incorporated": ("inc",), "limited": ("ltd",), "corporation": ("corp",), "group": ("grp",),
    "services": ("svcs", "serv"), "association": ("assoc", "assn"), "university": ("univ", "u"),
    "department": ("dept",), "doctor": ("dr",), "veuve": ("vve", "ve", "v"),
    "madame": ("mad", "mme"),
    "cie": ("compagnie", "comp", "c ie"), "comp": ("cie", "compagnie"), "street": ("st",),
    "avenue": ("av", "ave"), "national": ("nat", "natl"), "manufacturing": ("mfg",),
    "st": ("saint",), "de": ("d",), "the": ("",), "la": ("",), "le": ("",),
    "proceedings": ("proc",), "edition": ("ed",),
    "version": ("v", "ver"), "professional": ("pro",), "deluxe": ("dlx",), "software": ("sw",),
}  # fmt: skip
# Pieces of Latin spellings of other scripts, and of sounds; either way.
ALIKE = (
    ("sh", "ch"), ("sch", "sh"), ("kh", "h"), ("zh", "j"), ("ts", "tz"), ("ts", "c"), ("yu", "iu"),
    ("ya", "ia"), ("yo", "io"), ("ov", "off"), ("ev", "eff"), ("iy", "y"), ("ij", "y"), ("ii", "y"),
    ("ou", "u"), ("oo", "u"), ("ee", "i"), ("ei", "i"), ("ie", "i"), ("ph", "f"), ("th", "t"),
    ("ck", "k"), ("c", "k"), ("qu", "k"), ("x", "ks"), ("w", "v"), ("y", "i"), ("s", "z"),
    ("ss", "s"), ("tt", "t"), ("ll", "l"), ("nn", "n"), ("mm", "m"), ("ae", "a"), ("oe", "o"),
    ("ue", "u"), ("dj", "j"), ("dzh", "j"), ("gu", "g"), ("eau", "o"), ("au", "o"), ("aine", "ene"),
    ("e", "a"),
    ("ai", "e"), ("er", "ez"), ("d", "t"), ("b", "p"), ("q", "k"), ("o", "u"), ("aa", "a"),
)  # fmt: skip
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Variants:
    """Draws spellings of names.

    Args:
        forms: legal forms; each row spells one.
    """

    def __init__(self, forms: Sequence[Sequence[str]]) -> None:
        self.forms = forms

    @cached_property
    def _rows(self) -> dict[str, Sequence[str]]:
        return {romanised(form): row for row in self.forms for form in row if romanised(form)}

    def draw(self, name: str, draw: random.Random) -> str:
        """Spell a name in another way, mostly by few changes."""
        if draw.random() < 0.6:
            name = self._form(name, draw)
        words = re.split(r"[\s,]+", name.strip()) or [name]
        kind = draw.random()
        if len(words) > 1:
            words = _reworded(words, kind, draw)
        if draw.random() < 0.3:
            words = [_abbreviated(word, draw) for word in words]
        text = " ".join(word for word in words if word) or name
        return respelt(romanised(text), draw) if draw.random() < 0.12 else text

    def _form(self, name: str, draw: random.Random) -> str:
        """Spell the legal form at the end in another way, or leave it out."""
        words = name.split()
        for start in range(1, len(words)):
            row = self._rows.get(romanised(" ".join(words[start:])))
            if row:
                told = "" if draw.random() < 0.35 else draw.choice(row)
                return " ".join([*words[:start], told]).strip()
        return name


def _reworded(words: list[str], kind: float, draw: random.Random) -> list[str]:
    """Turn, shorten, drop or join words."""
    words = list(words)
    place = draw.randrange(len(words))
    if kind < 0.2:
        return [*words[place:], *words[:place]]
    if kind < 0.3:
        return [words[0][:1] + ".", *words[1:]]
    if kind < 0.36 and len(words) > 2:
        del words[place]
    elif kind < 0.42:
        words[place] = words[place][: draw.randint(2, 5)] + "."
    elif kind < 0.5:
        place = draw.randrange(len(words) - 1)
        words[place : place + 2] = ["".join(words[place : place + 2])]
    return words


def _abbreviated(word: str, draw: random.Random) -> str:
    short = ABBREVIATED.get(word.casefold().strip(".,()"))
    return draw.choice(short) if short and draw.random() < 0.6 else word


def respelt(text: str, draw: random.Random) -> str:
    """Spell a piece or two as it sounds, or as another table of transliteration has it."""
    for _ in range(draw.randint(1, 2)):
        found = [(a, b) for pair in ALIKE for a, b in (pair, pair[::-1]) if a in text]
        if found:
            old, new = draw.choice(found)
            text = text.replace(old, new, 1)
    return text


def mistyped(text: str, draw: random.Random) -> str:
    """Make a slip or two: a letter lost, doubled, swapped, or the key beside it; a blank too."""
    for _ in range(draw.choice((1, 1, 1, 2, 2, 3))):
        if len(text) < 2:
            return text
        place, kind = draw.randrange(len(text)), draw.random()
        before, letter, after = text[:place], text[place], text[place + 1 :]
        if kind < 0.25:
            text = before + after
        elif kind < 0.4:
            text = before + 2 * letter + after
        elif kind < 0.6:
            text = before + after[:1] + letter + after[1:]
        elif kind < 0.85:
            text = before + _beside(letter, draw) + after
        elif kind < 0.93:
            text = before + letter + draw.choice(LETTERS) + after
        else:
            text = f"{before} {letter}{after}" if letter != " " else before + after
    return text


def _beside(letter: str, draw: random.Random) -> str:
    for row in ROWS:
        place = row.find(letter.casefold())
        if place >= 0:
            return row[max(0, place - 1) : place + 2].replace(row[place], "")[draw.randrange(1)]
    return draw.choice(LETTERS)


def near(name: str, other: str, draw: random.Random) -> str:
    """Make the name of somebody else that is nearly this one.

    Args:
        other: a name of which a word may be taken.
    """
    words = name.split()
    digits = [i for i, letter in enumerate(name) if letter.isdigit()]
    if digits and draw.random() < 0.5:
        place = draw.choice(digits)
        return f"{name[:place]}{draw.randrange(10)}{name[place + 1 :]}"
    if len(words) > 1 and draw.random() < 0.5:
        words[draw.randrange(len(words))] = draw.choice(other.split() or [""])
        return " ".join(words)
    longest = max(range(len(words)), key=lambda i: len(words[i]) * draw.random(), default=0)
    if words:
        words[longest] = _altered(words[longest], draw)
    return " ".join(words)


def _altered(word: str, draw: random.Random) -> str:
    """Change one letter of a word, or two."""
    for _ in range(draw.choice((1, 1, 2))):
        place, kind = draw.randrange(len(word)), draw.random()
        letter = draw.choice("aeiou" if word[place].casefold() in "aeiouéè" else "bcdfglmnprstvz")
        letter = letter.upper() if word[place].isupper() else letter
        end = place + (kind < 0.75)
        word = f"{word[:place]}{letter if kind < 0.9 else ''}{word[end:]}" or word
    return word
