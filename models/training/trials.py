"""What the logo encoder is tried on: photos of car badges, and brands that it never saw."""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from models.training.evaluation import Trial
from models.training.marks.atlas import Atlas, encoded, load_atlas, png
from models.training.views.chance import Chance
from models.training.views.pairs import held_out
from models.training.views.pictures import photo

DISTRACTORS = 1000
DRAWN = {"emblem", "word", "sign"}  # sources of what nobody designed
SEED = 5
RENAMED = {"mercedes": "mercedes-benz"}  # where photos and references name a make differently


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Brands kept from training, of which one source is enrolled and another asked.

    Args:
        printed: asked as the other source draws them.
        seen: the same, as in a photo.
    """

    printed: Trial
    seen: Trial


def kept_trials(data: Path, work: Path, side: int) -> dict[str, Trial]:
    """Open all trials of the logo encoder, by name, from what its recipe drew and keeps in `work`.

    Args:
        side: pixels of the queries that are drawn as photos.

    Raises:
        FileNotFoundError: nothing is kept there; build the recipe first.
    """
    atlas = load_atlas(work / "svg")
    photos = torch.from_numpy(np.load(work / "grounds.npy"))
    out = [held_out(mark.brand) for mark in atlas.marks]
    unseen, learnt = (
        atlas.part([i for i, kept in enumerate(out) if kept is wanted]) for wanted in (True, False)
    )
    held = across_sources(unseen, learnt, photos, side)
    few, every = vehicles(data / "vehicles")
    return {
        "vehicles34": few,
        "vehicles387": every,
        "held_printed": held.printed,
        "held_seen": held.seen,
    }


def vehicles(folder: Path) -> tuple[Trial, Trial]:
    """Read the photos of car badges: against the marks of their makes, and against all marks."""
    with (folder / "structure.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    marks = sorted((folder / "references").glob("*.png"))
    place = {path.stem: i for i, path in enumerate(marks)}
    truth = [place[_make(row["Template Name"])] for row in rows]
    photos = [(folder / "photos" / Path(row["Image"]).name).read_bytes() for row in rows]
    pictures = [path.read_bytes() for path in marks]
    makes = sorted(set(truth))
    names = [path.stem.replace("-", " ") for path in marks]
    few = Trial(
        [pictures[i] for i in makes],
        photos,
        [makes.index(i) for i in truth],
        [names[i] for i in makes],
    )
    return few, Trial(pictures, photos, truth, names)


def across_sources(atlas: Atlas, learnt: Atlas, photos: torch.Tensor, side: int) -> HeldOut:
    """Pair the sources of held-out brands, by the nearest proportions; others are distractors.

    Args:
        atlas: marks of held-out brands only.
        learnt: marks whose designed ones are distractors too, where held-out ones are too few.
        photos: uint8 (m, 3, h, w), grounds for the photo-like queries.
        side: pixels of those queries.
    """
    brands: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, mark in enumerate(atlas.marks):
        brands[mark.brand][mark.source].append(row)
    pairs, others = [], []
    for _, sources in sorted(brands.items()):
        rows = [sources[name] for name in sorted(sources)]
        if len(rows) > 1:
            pairs.append(_nearest(atlas, rows[0], [i for part in rows[1:] for i in part]))
        others += [part[0] for part in rows[:1] if len(rows) == 1]
    enrolled = [a for a, _ in pairs]
    asked = [b for _, b in pairs]
    references = [png(atlas, i) for i in enrolled + others[:DISTRACTORS]]
    designed = [i for i, mark in enumerate(learnt.marks) if mark.source not in DRAWN]
    lacking = DISTRACTORS - len(others)
    if lacking > 0:
        every = max(1, len(designed) // lacking)
        references += [png(learnt, i) for i in designed[::every][:lacking]]
    truth = range(len(pairs))
    looks = atlas.look(asked)
    chance = Chance(SEED, len(asked))
    scenes = photo(chance, looks, atlas.aspects()[asked], photos, side)
    return HeldOut(
        printed=Trial(references, [png(atlas, i) for i in asked], truth),
        seen=Trial(
            references, [encoded(scene.permute(1, 2, 0).numpy()) for scene in scenes], truth
        ),
    )


def _nearest(atlas: Atlas, first: Sequence[int], second: Sequence[int]) -> tuple[int, int]:
    """Find the two marks of nearest proportions: icon with icon, wordmark with wordmark."""
    marks = atlas.marks
    return min(
        ((i, j) for i in first for j in second),
        key=lambda pair: abs(np.log(marks[pair[0]].aspect / marks[pair[1]].aspect)),
    )


def _make(template: str) -> str:
    """Name the reference of a photo's template: `Smart 2` is `smart`."""
    slug = re.sub(r" \d$", "", template).lower().replace(" ", "-")
    return RENAMED.get(slug, slug)
