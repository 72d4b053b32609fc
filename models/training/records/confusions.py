"""What an optical reader makes of letters: fitted to real readings, and drawn from for others.

Source: Brill and Moore, "An Improved Error Model for Noisy Channel Spelling Correction", ACL 2000:
probabilities of edits of a few letters at once. Here a line has a rate of its own, too.
"""

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

FILE = Path(__file__).with_name("confusions.json")
SOURCE_MAX, READ_MAX = 2, 3  # letters of an edit, as printed and as read
SEEN_MIN = 12  # of what was printed seldom, nothing is known
RATE_MAX = 0.6  # a line that is read worse is not read at all
AFTER_MAX = 8
RATES = 400  # of lines, that are kept
HARDER = 0.5  # deviation of the logarithm of the rate, beyond the lines that were read
PROBABILITY_MAX = 0.75
Edit = tuple[float, list[str], list[int]]
"""How probable it is, what is read instead, and the running sum of its counts."""


@dataclass(frozen=True)
class Confusions:
    """Counts of edits.

    Args:
        seen: how often one or two letters were printed.
        read: for these, what was read instead, and how often.
        added: what was read between two letters where nothing was printed.
        after: what was read where the line had ended.
        letters: printed in all.
        lines: in all.
        rates: of lines, the share of letters that were misread.
    """

    seen: dict[str, int]
    read: dict[str, dict[str, int]]
    added: dict[str, int]
    after: dict[str, int]
    letters: int
    lines: int
    rates: list[float]

    @cached_property
    def edits(self) -> dict[str, Edit]:
        """Edits by what was printed."""
        return {
            printed: _edit(read, self.seen[printed])
            for printed, read in self.read.items()
            if self.seen[printed] >= SEEN_MIN
        }

    @cached_property
    def additions(self) -> Edit:
        """What is added after a letter."""
        return _edit(self.added, self.letters)

    @cached_property
    def endings(self) -> Edit:
        """What is added to a line."""
        return _edit(self.after, self.lines)

    @cached_property
    def mean(self) -> float:
        """The mean rate of a line."""
        return sum(self.rates) / len(self.rates)

    def misread(self, text: str, draw: random.Random) -> str:
        """Read a text as one line of a rate of its own may be read."""
        harder = draw.choice(self.rates) / self.mean * math.exp(draw.gauss(0, HARDER))
        found, place, edits = "", 0, self.edits
        while place < len(text):
            for length in (2, 1):
                printed = text[place : place + length]
                edit = edits.get(printed)
                if edit and draw.random() < min(PROBABILITY_MAX, harder * edit[0]):
                    found += draw.choices(edit[1], cum_weights=edit[2])[0]
                    break
            else:
                found += printed
            place += len(printed)
            if draw.random() < harder * self.additions[0]:
                found += draw.choices(self.additions[1], cum_weights=self.additions[2])[0]
        if draw.random() < self.endings[0]:
            found += draw.choices(self.endings[1], cum_weights=self.endings[2])[0]
        return found


def _edit(counts: Mapping[str, int], times: int) -> Edit:
    return sum(counts.values()) / times, list(counts), list(accumulate(counts.values()))


def load() -> Confusions:
    """Read the confusions that were fitted to Tesseract's readings of lines that are drawn here."""
    return Confusions(**json.loads(FILE.read_text(encoding="utf-8")))


def save(found: Confusions) -> None:
    """Write the confusions that `load` reads."""
    text = json.dumps(asdict(found), ensure_ascii=False, sort_keys=True)
    FILE.write_text(text + "\n", encoding="utf-8")


def fit(pairs: Iterable[tuple[str, str]]) -> Confusions:
    """Count the edits between what was printed and what was read; needs the package rapidfuzz."""
    seen, added, after = Counter[str](), Counter[str](), Counter[str]()
    read: dict[str, Counter[str]] = defaultdict(Counter)
    rates, letters = [], 0
    for printed, text in pairs:
        blocks = edited(printed, text)
        rate = sum(max(len(p), len(r)) for p, r in blocks if p != r) / max(1, len(printed))
        if rate > RATE_MAX:
            continue
        rates.append(round(rate, 3))
        letters += len(printed)
        for length in range(1, SOURCE_MAX + 1):
            seen.update(printed[i : i + length] for i in range(len(printed) + 1 - length))
        if blocks and not blocks[-1][0] and len(blocks[-1][1]) <= AFTER_MAX:
            after[blocks.pop()[1]] += 1
        for was, got in blocks:
            if was == got or len(was) > SOURCE_MAX or len(got) > READ_MAX:
                continue
            if was:
                read[was][got] += 1
            else:
                added[got] += 1
    known = {was: dict(got) for was, got in sorted(read.items()) if seen[was] >= SEEN_MIN}
    step = max(1, len(rates) // RATES)
    return Confusions(
        {was: seen[was] for was in known},
        known,
        dict(added),
        dict(after),
        letters,
        len(rates),
        sorted(rates)[::step],
    )


def edited(printed: str, read: str) -> list[tuple[str, str]]:
    """Part two texts into runs that agree and runs that do not, the fewest edits apart."""
    from rapidfuzz.distance import Levenshtein  # noqa: PLC0415 - where it is fitted only

    return [
        (printed[o.src_start : o.src_end], read[o.dest_start : o.dest_end])
        for o in Levenshtein.opcodes(printed, read)
    ]
