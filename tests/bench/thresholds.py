"""Thresholds of links without labels: what is promised of them, and what is so.

By name only. DATA names the folder that holds `records/directories`. Readings of entries against
their names, and names made by code, with slips, against the names: all of them there, or half; and
beside a twin of each, which differs by a letter or a word.
"""

import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from index.linking.assignment import best
from models.training.records.variants import near
from service.linking import _Ways
from service.records.linking import Terms, link
from tests.bench.figures import Figure
from tests.people import people, slipped

ON_REQUEST = True
PEOPLE = 2000
Asked = list[tuple[str, str]]
"""Readings with their names."""


def figures() -> list[Figure]:
    """Link each set, and hold what is told beside what is so."""
    return [_figure(*one) for one in (*_directories(), *_people())]


def _directories() -> Iterator[tuple[str, Asked, list[str]]]:
    path = Path(os.environ["DATA"]) / "records" / "directories" / "entries.jsonl"
    with path.open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines]
    names = sorted({one["name"] for one in entries})
    draw = random.Random(0)
    half = [name for name in names if draw.random() < 0.5]
    for field, reader in (("tesseract_name", "Tesseract"), ("pero_name", "second reader")):
        asked = [(one[field] or "x", one["name"]) for one in entries]
        yield f"directories, {reader}, all", asked, names
        yield f"directories, {reader}, half", asked, half


def _people() -> Iterator[tuple[str, Asked, list[str]]]:
    draw = random.Random(0)
    names, _ = people(PEOPLE, 0.0, 1)
    asked = [(slipped(name, draw), name) for name in names]
    twins = [near(name, draw.choice(names), draw) for name in names]
    yield "names, all", asked, names
    yield "names, half", asked, names[: PEOPLE // 2]
    yield "names and twins, all", asked, [*names, *twins]
    yield "names and twins, half", asked, [*names[: PEOPLE // 2], *twins]


def _figure(what: str, asked: Asked, names: list[str]) -> Figure:
    known = sorted(set(names))
    ways = _Ways(
        [{"name": read} for read, _ in asked],
        [{"name": one} for one in known],
        "name",
        None,
        None,
        None,
    )
    linked = link(*ways.pooled, Terms())
    told, firsts = linked.expected, best(linked.candidates.pairs)
    right = np.array(
        [
            asked[one][1] == known[other]
            for one, other in zip(firsts.left, firsts.right, strict=True)
        ]
    )
    there = sum(name in set(known) for _, name in asked)

    def real(threshold: float) -> tuple[float, float, float]:
        kept = firsts.scores >= threshold
        hits = int((right & kept).sum())
        return hits / max(1, kept.sum()), hits / there, 2 * hits / max(1, kept.sum() + there)

    most = max(real(one)[2] for one in np.linspace(0.3, 1.0, 141))
    if told is None:
        return Figure(what, "none", f"best F1 {most:.3f}")
    precision, recall, f1 = real(told.threshold)
    return Figure(
        what,
        f"F1 {f1:.3f}",
        f"best {most:.3f}; at {told.threshold:.3f}; precision told {told.precision:.3f}, at least "
        f"{told.precision_low:.3f}, real {precision:.3f}; recall told {told.recall_low:.3f} to "
        f"{told.recall:.3f}, real {recall:.3f}",
    )
