"""Names of people and firms made by code, some again with slips of the hand; the same each time."""

import random

ONSETS = ("b", "br", "c", "ch", "d", "f", "g", "gr", "h", "k", "l", "m", "n", "p", "r", "s", "st",
          "t", "tr", "v", "w", "z")  # fmt: skip
NUCLEI = ("a", "e", "i", "o", "u", "ai", "au", "ie", "ou")
CODAS = ("", "", "n", "r", "l", "s", "t", "ck", "nd", "m", "rt")
FORMS = ("Ltd", "Inc", "GmbH", "SA", "& Sons", "Group")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def people(count: int, copies: float, seed: int = 0) -> tuple[list[str], list[int]]:
    """Make so many names, a share of them written again; return them shuffled, with their owners.

    Among those that are nobody's copy some are near to others by chance, as surnames are.
    """
    draw = random.Random(seed)
    first = round(count * (1 - copies))
    words = [word(draw) for _ in range(max(200, first // 3))]
    names, seen = [], set()
    while len(names) < first:
        parts = [draw.choice(words) for _ in range(2 + (draw.random() < 0.3))]
        if draw.random() < 0.4:
            parts.append(draw.choice(FORMS))
        name = " ".join(part if part in FORMS else part.capitalize() for part in parts)
        if name not in seen:
            seen.add(name)
            names.append(name)
    owners = [*range(first), *(draw.randrange(first) for _ in range(count - first))]
    names += [slipped(names[owner], draw) for owner in owners[first:]]
    order = list(range(count))
    draw.shuffle(order)
    return [names[at] for at in order], [owners[at] for at in order]


def word(draw: random.Random) -> str:
    """Make a word of two or three syllables."""
    syllables = range(draw.choice((2, 2, 3)))
    return "".join(draw.choice(ONSETS) + draw.choice(NUCLEI) + draw.choice(CODAS)
                   for _ in syllables)  # fmt: skip


def slipped(name: str, draw: random.Random) -> str:
    """Write a name with one slip or more: letters lost, doubled, swapped, mistaken; words too."""
    for _ in range(draw.choice((1, 1, 2, 3))):
        place, kind = draw.randrange(1, max(2, len(name))), draw.random()
        before, letter, after = name[:place], name[place : place + 1], name[place + 1 :]
        if kind < 0.25:
            name = before + after
        elif kind < 0.4:
            name = before + 2 * letter + after
        elif kind < 0.6:
            name = before + after[:1] + letter + after[1:]
        elif kind < 0.85:
            name = before + draw.choice(LETTERS) + after
        elif kind < 0.93:
            name = " ".join(reversed(name.split()))
        else:
            head, *rest = name.split()
            name = " ".join([head[:1] + ".", *rest])
    return name
