"""What the text tower is tried on: marks across collections, named, and as a reader reads them."""

import csv
import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from models.modality import Item
from models.pictures.photo import photographed
from models.training.evaluation import Trial
from models.training.marks.atlas import encoded
from models.training.marks.collections import LISTING, rasterised
from models.training.recipe import as_item
from models.training.views.pairs import held_out

LEARNT_EVERY = 8  # of the brands that are learnt from, one in so many is weighed on
Read = Callable[[bytes], str]
Mark = tuple[float, bytes]
"""Width by height, and the picture."""


def weighed(brand: str) -> bool:
    """Tell whether a brand that is learnt from is one to choose the weight of readings on."""
    number = int(hashlib.sha256(f"weighed {brand}".encode()).hexdigest(), 16)
    return not held_out(brand) and number % LEARNT_EVERY == 0


def across_collections(logos: Path, asked: Callable[[str], bool]) -> Trial:
    """Enrol brands as one collection draws them, and ask as another does, at nearest proportions.

    Args:
        asked: of which brands; those of one collection only are distractors.
    """
    pairs, others = [], []
    for brand, files in sorted(_files(logos).items()):
        if not asked(brand):
            continue
        found = [[mark for path in files[name] if (mark := _mark(path))] for name in sorted(files)]
        found = [marks for marks in found if marks]
        if len(found) > 1:
            pairs.append((brand, *_nearest(found[0], [m for marks in found[1:] for m in marks])))
        elif found:
            others.append((brand, found[0][0][1]))
    return Trial(
        [one for _, one, _ in pairs] + [one for _, one in others],
        [other for _, _, other in pairs],
        range(len(pairs)),
        [brand for brand, *_ in pairs] + [brand for brand, _ in others],
    )


def in_photos(trial: Trial) -> Trial:
    """Ask with each mark as a photo of a wall might show it."""
    scenes = [
        photographed(_content(as_item("image", one)), seed=seed)
        for seed, one in enumerate(trial.queries)
    ]
    return replace(trial, queries=scenes)


def lettered(trial: Trial, read: Read) -> Trial:
    """Enrol references with their names, and ask with what a reader reads of each picture."""
    items = [as_item("image", one) for one in trial.queries]
    return replace(
        trial,
        references=[
            replace(as_item("image", one), reads=name)
            for one, name in zip(trial.references, trial.names, strict=True)
        ],
        queries=[replace(item, reads=read(_content(item)) or None) for item in items],
    )


def _content(item: Item) -> bytes:
    assert isinstance(item.content, bytes)
    return item.content


def _files(logos: Path) -> dict[str, dict[str, list[Path]]]:
    """List the files of each brand by collection."""
    found: dict[str, dict[str, list[Path]]] = defaultdict(lambda: defaultdict(list))
    with (logos / LISTING).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found[row["brand"]][row["source"]].append(logos / row["file"])
    return found


def _mark(path: Path) -> Mark | None:
    """Draw a mark on transparency; None where it cannot be drawn, or is nothing."""
    image = rasterised(path.read_text(encoding="utf-8"))
    box = None if image is None else image.getchannel("A").point(_seen).getbbox()
    if image is None or box is None:
        return None
    return (box[2] - box[0]) / (box[3] - box[1]), encoded(np.asarray(image))


def _seen(alpha: int) -> int:
    return 255 * (alpha >= 16)


def _nearest(first: list[Mark], second: list[Mark]) -> tuple[bytes, bytes]:
    """Take the two marks of nearest proportions: icon with icon, wordmark with wordmark."""
    one, other = min(
        ((a, b) for a in first for b in second), key=lambda two: abs(np.log(two[0][0] / two[1][0]))
    )
    return one[1], other[1]
