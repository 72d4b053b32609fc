"""New words that look like those of a list: surnames that nobody keeps a list of."""

import random
from collections.abc import Iterable

START, END = "^", "$"
ORDER = 3  # letters that a next letter depends on
LONGEST = 14


class Spelling:
    """A Markov chain of letters, fitted to a list of words.

    Source: Shannon, "A Mathematical Theory of Communication", 1948, section 3: the series of
    approximations.

    Args:
        words: capitalised, as names are; a word that comes twice counts twice.
    """

    def __init__(self, words: Iterable[str]) -> None:
        follows: dict[str, list[str]] = {}
        for word in words:
            text = START * ORDER + word + END
            for place in range(ORDER, len(text)):
                follows.setdefault(text[place - ORDER : place], []).append(text[place])
        self.follows = follows

    def draw(self, draw: random.Random) -> str:
        """Draw a word of four letters or more."""
        while True:
            text = START * ORDER
            while len(text) < ORDER + LONGEST:
                letter = draw.choice(self.follows[text[-ORDER:]])
                if letter == END:
                    break
                text += letter
            word = text[ORDER:]
            if len(word) > 3:
                return word
