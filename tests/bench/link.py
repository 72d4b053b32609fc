"""Linking misread names to the names they are: seconds by the command, and what is found.

`LINK_ROWS=10000 make bench BENCHMARKS=link` is a short run of it.
"""

import asyncio
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from index.faiss_door import nearest
from index.linking import blocking
from index.linking.blocking import candidates
from index.vectors import Rows
from models.training.records.confusions import load
from service.asking import Asking
from service.assembly import open_shelf
from service.embedder import Embedder
from service.metrics import Metrics
from service.records.shelved import Shelved
from service.settings import Settings
from tests.bench.figures import Figure, seconds_of

ON_REQUEST = True  # minutes, on all cores
ROWS = int(os.environ.get("LINK_ROWS", "100000"))
ASKED = 10_000  # left rows, of which the recall of the candidates is measured
K = 10
SECONDS_MAX = 300.0
STARTS = ("b", "br", "ch", "cl", "d", "dr", "f", "gl", "gr", "h", "k", "l", "m", "n", "p", "pl",
          "qu", "r", "s", "st", "t", "tr", "v", "w", "z")  # fmt: skip
VOWELS = ("a", "e", "i", "o", "u", "ai", "au", "ei", "eau", "ie", "oi", "ou")
ENDS = ("", "", "n", "r", "l", "rd", "t", "s", "x", "ck", "nd", "mann", "ski", "son", "ini")
TRADES = ["Mercer", "Printer", "Bakery", "Hotel", "Ironworks", "Wines", "Books", "Tannery"]
FORMS = ["Ltd", "& Co", "SA", "GmbH", "Inc", "Bros", "& fils", "SARL"]
GIVEN = ["Anna", "Jean", "Karl", "Maria", "Louis", "Otto", "Paul", "Rosa", "Emil", "Clara"]


def figures() -> list[Figure]:
    """Measure the command from its start to its end, and the candidates beside a look at all."""
    names = list(dict.fromkeys(drawn(random.Random(seed)) for seed in range(2 * ROWS)))[:ROWS]
    draw, confusions = random.Random(1), load()
    read = [(place, confusions.misread(name, draw)) for place, name in enumerate(names)]
    draw.shuffle(read)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / "left.csv", [(f"r{place}", text) for place, text in read])
        write(folder / "right.csv", [(f"r{place}", text) for place, text in enumerate(names)])
        started = time.perf_counter()
        linked(folder)
        seconds = time.perf_counter() - started
        right, found, likely = told(folder / "out.csv")
    asked = read[:ASKED]
    rows = asyncio.run(embedded([*names, *(text or "-" for _, text in asked)]))
    recall, exact, taken, looked = recalls(rows[len(names) :], rows[: len(names)], asked)
    return [
        Figure(
            f"link {len(read)} x {len(names)} names, seconds",
            f"{seconds:.0f} s",
            f"{2 * len(names) / seconds:.0f} names/s",
            None,
            f"< {SECONDS_MAX:.0f} s",
            seconds < SECONDS_MAX,
        ),
        Figure(
            f"true pairs among {K} candidates",
            f"{recall:.4f}",
            f"{exact:.4f} of all rows",
            recall / exact,
            ">= .98",
            recall >= 0.98 * exact,
        ),
        Figure(
            f"their index, and {len(asked)} searches, seconds",
            f"{taken:.1f} s",
            f"{looked:.1f} s, of all",
        ),
        Figure(
            "pairs that are right, of all pairs",
            f"{right / max(found, 1):.4f}",
            f"{likely:.4f} by their probability",
        ),
        Figure("records that got theirs, of all", f"{right / len(read):.4f}"),
    ]


def drawn(draw: random.Random) -> str:
    """Draw the name of a person or a firm."""
    surname = "".join(draw.choice(STARTS) + draw.choice(VOWELS) for _ in range(draw.randint(1, 3)))
    surname = (surname + draw.choice(ENDS)).capitalize()
    kind = draw.random()
    if kind < 0.4:
        return f"{draw.choice(GIVEN)} {surname}"
    if kind < 0.7:
        return f"{surname} {draw.choice(FORMS)}"
    return f"{surname} {draw.choice(TRADES)} {draw.choice(FORMS)}"


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "name"])
        writer.writerows(rows)


def linked(folder: Path) -> None:
    """Link the two tables as a user would."""
    command = "link left.csv right.csv --left-id id --right-id id --on name --one-to-one"
    subprocess.run(
        [sys.executable, "-m", "service", *command.split(), "--output", "out.csv"],
        cwd=folder,
        env=os.environ
        | {"PYTHONPATH": str(Path.cwd()), "SEMBLANCE_DATA_DIR": str(folder / "data")},
        check=True,
    )


def told(path: Path) -> tuple[int, int, float]:
    """Count the pairs that are right, and all that were made; and what they are said to be."""
    with path.open(encoding="utf-8", newline="") as file:
        pairs = [row for row in csv.DictReader(file) if row["right_id"]]
    likely = float(np.mean([float(row["probability"] or "nan") for row in pairs]))
    return sum(row["left_id"] == row["right_id"] for row in pairs), len(pairs), likely


async def embedded(names: list[str]) -> Rows:
    metrics = Metrics()
    settings = Settings(models="names")
    shelf = open_shelf(settings, metrics, lambda: None, asleep=True)
    try:
        encoders = Shelved(Embedder(shelf, interactive_items_max=0), Asking())
        rows, _ = await encoders.rows("names", [{"text": name} for name in names], lambda _: None)
    finally:
        shelf.close()
    return rows


def recalls(
    left: Rows, right: Rows, asked: list[tuple[int, str]]
) -> tuple[float, float, float, float]:
    """Return the share of true pairs among the candidates, and among the nearest of all rows."""
    there = np.flatnonzero(np.linalg.norm(left, axis=1) > 0)
    queries, truth = left[there], np.array([place for place, _ in asked])[there]
    made, all_of_them = [], []
    blocking.EXACT_PRODUCTS_MAX = 0  # so few would else be compared with all, as all are not
    taken = seconds_of(lambda: made.append(candidates(queries, right, K)))
    looked = seconds_of(lambda: all_of_them.append(nearest(queries, right, K, None)[1]))
    found = np.bincount(made[0].left[made[0].right == truth[made[0].left]], minlength=len(truth))
    exact = (all_of_them[0] == truth[:, None]).any(axis=1)
    return float((found > 0).mean()), float(exact.mean()), taken, looked
