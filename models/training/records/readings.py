"""Printed names as Tesseract reads them: what the noise is fitted to, and what is tried on.

`python -m models.training.records.readings --data DATA --work WORK --lines 3000` draws lines, wears
them, has them read (Debian's tesseract-ocr and tesseract-ocr-fra), keeps them in WORK, and counts
the confusions of all that is there. With `--tried` the lines are names that are kept for trials,
and nothing is counted. With `--legible` they are set so large that a person can read what the wear
leaves, whole, and without other lines: as a scan of 300 dots an inch shows small print.
"""

import json
import os
import random
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.training.records import confusions
from models.training.records.crops.printing import HEIGHT, WIDTH, Press
from models.training.records.crops.wear import worn
from models.training.records.naming import Naming
from models.training.records.pairs import unseen
from models.training.records.pool import open_pool

FILE = "readings.jsonl"
FONTS = Path("/usr/share/fonts")
BORDER = 10  # pixels of paper about a line, which the reader wants
AT_ONCE = 50
FOLDER = click.Path(path_type=Path, file_okay=False)
LATIN = frozenset("éèêàùçïôâîœ")  # letters beside ASCII's that all fonts have


@dataclass(frozen=True, slots=True)
class Sheet:
    """How a line is set before it is worn, in pixels; the wear is of so many pixels on either.

    Args:
        height: of the line.
        margin: of paper on its left and, a sixth of it, above and below.
        beside: whether other lines poke in.
    """

    height: int
    margin: int
    beside: bool


COARSE, LEGIBLE = Sheet(32, 0, beside=True), Sheet(48, 24, beside=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """A line as printed, and as read; `rest` is what was printed after the name."""

    name: str
    rest: str
    read: str


def drawn(
    naming: Naming,
    press: Press,
    count: int,
    draw: random.Random,
    *,
    tried: bool,
    sheet: Sheet = COARSE,
) -> list[tuple[str, str, Image.Image]]:
    """Draw lines: most of a name alone, and some of a whole entry."""
    lines: list[NDArray[np.uint8]] = []
    told: list[tuple[str, str]] = []
    while len(lines) < count:
        entry = naming.directory.draw(draw)
        alone = tried or draw.random() < 0.7
        name, rest = (naming.draw(draw), "") if alone else (entry.name, entry.rest)
        if not all(letter.isascii() or letter in LATIN for letter in name):
            continue
        width = 2 * WIDTH * sheet.height // HEIGHT
        line = press.line(name, rest, draw, height=sheet.height, width=width, beside=sheet.beside)
        if line.text == name + rest and (unseen(name) or not tried):
            some = sheet.margin // 6
            lines.append(np.pad(line.ink, ((some, some), (sheet.margin, 0))))
            told.append((name, rest))
    chance = torch.Generator().manual_seed(draw.randrange(1 << 30))
    grey = worn(torch.from_numpy(np.stack(lines)), chance)[:, 0].numpy()
    return [
        (*two, Image.fromarray(_bordered(one, int(np.flatnonzero(ink.any(0))[-1]))))
        for two, ink, one in zip(told, lines, grey, strict=True)
    ]


def _bordered(grey: NDArray[np.uint8], end: int) -> NDArray[np.uint8]:
    """Cut a line off where its text ends, and add paper all around."""
    kept = grey[:, : int(1.1 * end) + BORDER]
    return np.pad(kept, BORDER, constant_values=int(np.percentile(kept, 90)))


def read_lines(images: Sequence[Image.Image], language: str) -> list[str]:
    """Have lines read by Tesseract, in one run."""
    with tempfile.TemporaryDirectory() as folder:
        listed = []
        for number, image in enumerate(images):
            listed.append(f"{folder}/{number}.png")
            image.save(listed[-1])
        Path(folder, "list.txt").write_text("\n".join(listed), encoding="utf-8")
        command = ["tesseract", f"{folder}/list.txt", "-", "-l", language, "--psm", "7"]
        told = subprocess.run(  # noqa: S603 - a fixed command
            command,
            capture_output=True,
            check=True,
            text=True,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        )
    pages = told.stdout.split("\f")[: len(images)]
    return [" ".join(page.split()) for page in pages]


def kept(work: Path) -> list[Reading]:
    """Read the readings that there are."""
    with (work / FILE).open(encoding="utf-8") as lines:
        return [Reading(**json.loads(line)) for line in lines]


@click.command()
@click.option("--data", type=FOLDER, required=True)
@click.option("--work", type=FOLDER, required=True)
@click.option("--lines", default=3000, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--tried", is_flag=True, help="Print names kept for trials; count nothing.")
@click.option("--legible", is_flag=True, help="Set lines that a person can read.")
def main(data: Path, work: Path, lines: int, seed: int, tried: bool, legible: bool) -> None:
    """Draw, wear and read lines, add them to those that are kept, and count what is confused."""
    naming, press, draw = Naming(open_pool(data, work)), Press(FONTS), random.Random(seed)  # noqa: S311
    sheet = LEGIBLE if legible else COARSE
    for _ in range(0, lines, AT_ONCE):
        some = drawn(naming, press, AT_ONCE, draw, tried=tried, sheet=sheet)
        language = "fra" if draw.random() < 0.7 else "eng"
        reads = read_lines([image for _, _, image in some], language)
        with (work / FILE).open("a", encoding="utf-8") as file:
            for (name, rest, _), read in zip(some, reads, strict=True):
                line = asdict(Reading(name, rest, read))
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
    if not tried:
        learnt = [(one.name + one.rest, one.read) for one in kept(work) if not unseen(one.name)]
        confusions.save(confusions.fit(learnt))


if __name__ == "__main__":
    main()
