"""A trained tower to a bundle: export, compare, measure, publish; or refuse."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.bundle import Bundle
from models.manifest import Metric
from models.modality import Features, open_modality
from models.onnx_encoder import OnnxEncoder
from models.region import REGIONS_NAME
from models.training.bundling import SEQUENCES, bundled
from models.training.recipe import Embed, Encoded, Recipe, as_item

ROWS_AT_ONCE = 256
# The axes of an input that differ from batch to batch.
FREE = {"image": ("batch",), "text": SEQUENCES}


class FloorMissed(Exception):
    """A figure of the trained encoder is below what its recipe asks."""


def tower_embed(tower: torch.nn.Module, kind: str, preprocessing: Mapping[str, object]) -> Embed:
    """Embed with a tower, through the preprocessing of serving; each item is decoded once."""
    modality = open_modality(kind, preprocessing, Path())
    kept: dict[Encoded, Features] = {}

    def embed(items: Sequence[Encoded]) -> NDArray[np.float32]:
        for item in items:
            if item not in kept:
                kept[item] = modality.decode(as_item(kind, item))
        rows = []
        for start in range(0, len(items), ROWS_AT_ONCE):
            feeds = modality.collate([kept[item] for item in items[start : start + ROWS_AT_ONCE]])
            with torch.no_grad():
                rows.append(tower(*(torch.from_numpy(feeds[n]) for n in modality.inputs)).numpy())
        return np.concatenate(rows)

    return embed


def bundle_embed(encoder: OnnxEncoder) -> Embed:
    """Embed with an opened bundle, as the service does."""

    def embed(items: Sequence[Encoded]) -> NDArray[np.float32]:
        features = [encoder.decode(as_item(encoder.modality, item)) for item in items]
        parts = [
            encoder.forward(features[start : start + ROWS_AT_ONCE])
            for start in range(0, len(features), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts)

    return embed


def publish(
    tower: torch.nn.Module,
    recipe: Recipe,
    destination: Path,
    *,
    version: str,
    command: str,
    replace: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Make a bundle of a trained tower, measured as it will be served.

    A bundle that gives way hands on what proposes its regions: no part of the encoder, and trained
    by itself.

    Args:
        version: of the bundle; another training is another version.
        command: what prints the figures again.

    Raises:
        FloorMissed: a figure is below its floor.
        ProbeMismatch: the bundle does not compute what the tower does.
        FileExistsError: the destination is there, and `replace` is not set.
        BundleError: the bundle that it was trained to meet is not beside the destination.
    """
    facts = {
        "name": recipe.name,
        "version": version,
        "description": recipe.description,
        "modality": recipe.modality,
        "preprocessing": dict(recipe.preprocessing),
        "licence": recipe.licence,
        "source": f"trained by models/training/recipes/{recipe.name}.py",
        "training_data": recipe.training_data,
        "space": None if recipe.meets is None else _met(destination.parent / recipe.meets),
    }

    def measure(encoder: OnnxEncoder) -> Mapping[str, object]:
        figures = recipe.trials(bundle_embed(encoder))
        check_floors(figures, recipe.floors)
        unrelated = figures[recipe.unrelated]
        return {"metrics": _metrics(figures, command), "unrelated_score_q99": unrelated}

    return bundled(
        tower,
        facts,
        [as_item(recipe.modality, one) for one in recipe.probe],
        destination,
        beside=_regions(destination),
        free=FREE[recipe.modality],
        measure=measure,
        replace=replace,
        on_progress=on_progress,
    )


def _met(folder: Path) -> str:
    """Return the space of the bundle that an encoder was trained to meet."""
    return Bundle.open(folder).space


def _regions(folder: Path) -> dict[str, bytes | Path]:
    """Find what proposes regions in a bundle that is there."""
    if not folder.exists() or REGIONS_NAME not in Bundle.open(folder).manifest.files:
        return {}
    return {REGIONS_NAME: folder / REGIONS_NAME}


def check_floors(figures: Mapping[str, float], floors: Mapping[str, float]) -> None:
    """Refuse an encoder that misses what its recipe asks.

    Raises:
        FloorMissed: naming every figure that falls short.
    """
    short = [
        f"{name} is {figures[name]:.3f} and must be {floor:.3f}"
        for name, floor in floors.items()
        if not figures[name] >= floor
    ]
    if short:
        raise FloorMissed("; ".join(short) + ": train longer, or lower the recipe's floors")


def _metrics(figures: Mapping[str, float], command: str) -> list[Metric]:
    """Word figures named SET_MEASURE as the manifest's metrics."""
    return [
        Metric(
            name=name.rpartition("_")[2],
            dataset=name.rpartition("_")[0],
            split="held out",
            value=round(value, 4),
            command=command,
        )
        for name, value in figures.items()
    ]
