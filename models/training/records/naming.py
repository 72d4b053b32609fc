"""Names of any kind: of directories, people, companies, brands, products."""

import random
from functools import cached_property

from models.training.records.directories import PRE_NAMES, Directory
from models.training.records.pool import Pool
from models.training.records.spelling import Spelling

KINDS = ("entry", "person", "company", "brand", "title")
SHARES = (0.4, 0.16, 0.16, 0.18, 0.1)
LEADS = ("Maison", "Société", "Compagnie", "Groupe", "Cabinet", "Atelier", "The", "Grupo", "Studio")
TAILS = (
    "Group", "Holding", "International", "Services", "Solutions", "Partners", "Industries", "Bank",
    "Technologies", "Consulting", "Logistics", "Trading", "Foods", "Energy", "Media", "Systems",
    "Capital", "Insurance", "Transport", "Construction", "Pharma", "Hotel", "Restaurant", "Café",
)  # fmt: skip


class Naming:
    """Draws names from a pool and, of what directories and companies are named, new ones."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool

    @cached_property
    def directory(self) -> Directory:
        """The entries of trade directories."""
        words = [word.capitalize() for word in self.pool.words[::60] if len(word) < 8]
        return Directory(self.pool.surnames, Spelling([*self.pool.surnames * 4, *words]))

    def draw(self, draw: random.Random) -> str:
        """Draw a name of some kind."""
        (kind,) = draw.choices(KINDS, SHARES)
        if kind == "entry":
            return self.directory.name(draw)
        if kind == "person":
            return self.person(draw)
        if kind == "company":
            return self.company(draw)
        return draw.choice(self.pool.brands if kind == "brand" else self.pool.titles)

    def person(self, draw: random.Random) -> str:
        """Draw a person of some language: in its own script, or written in Latin letters."""
        firsts, lasts = draw.choice(self.pool.people)
        first, last = draw.choice(firsts), draw.choice(lasts)
        kind = draw.random()
        if kind < 0.15:
            first = f"{first} {draw.choice(firsts)}"
        elif kind < 0.25:
            first = f"{first} {draw.choice('ABCDEFGHIJKLMNOPRSTVW')}."
        elif kind < 0.3:
            first = draw.choice(PRE_NAMES)
        if draw.random() < 0.1:
            last = f"{last}{draw.choice(' -')}{draw.choice(lasts)}"
        return f"{first} {last}"

    def company(self, draw: random.Random) -> str:
        """Draw a company, mostly with its legal form."""
        kind = draw.random()
        if kind < 0.35:
            core = draw.choice(draw.choice(self.pool.people)[1])
        elif kind < 0.55:
            core = draw.choice(self.pool.words).capitalize()
        elif kind < 0.75:
            core = " ".join(draw.choice(self.pool.words).capitalize() for _ in range(2))
        else:
            core = draw.choice(self.pool.brands)
        core = f"{draw.choice(LEADS)} {core}" if draw.random() < 0.15 else core
        core = f"{core} {draw.choice(TAILS)}" if draw.random() < 0.45 else core
        if draw.random() < 0.75:
            return f"{core} {draw.choice(draw.choice(self.pool.forms))}"
        return core
