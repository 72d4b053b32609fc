"""`python -m models.training.names`: what a reading should weigh, on brands that are learnt."""

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import torch

from models.onnx_encoder import OnnxEncoder
from models.pictures.grams import Grams
from models.pictures.ocr import Reader
from models.training.evaluation import Rows, recall, verification
from models.training.loop import CHECKPOINT
from models.training.names.tower import NameTower
from models.training.names.trials import across_collections, in_photos, lettered, weighed
from models.training.publishing import bundle_embed
from models.training.recipe import Encoded, as_item

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
WEIGHTS = (0.0, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4)


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of what the recipe learns from.")
@click.option("--work", type=FOLDER, required=True, help="Where the recipe keeps its text tower.")
@click.option("--bundle", type=FOLDER, required=True, help="Whose visual tower it stands beside.")
@click.option("--threads", default=2, show_default=True, help="Of the reader.")
def main(data: Path, work: Path, bundle: Path, threads: int) -> None:
    """Print how well marks are found at each weight of what is read in them."""
    encoder = OnnxEncoder.open(bundle, provider="cpu")
    read = Reader(threads=threads)
    printed = across_collections(data / "logos", weighed)
    tower = kept_tower(work, Grams())
    for kind, trial in (("printed", printed), ("in photos", in_photos(printed))):
        told = lettered(trial, read)
        seen = tuple(bundle_embed(encoder)(some) for some in (trial.queries, trial.references))
        said = tuple(_said(tower, some) for some in (told.queries, told.references))
        count = sum(as_item("image", one).reads is not None for one in told.queries)
        click.echo(f"{kind}: {len(trial.queries)} asked, {count} with letters")
        for weight in WEIGHTS:
            scores = joined(seen, said, weight)
            found, auc = recall(scores, trial.truth, 1), verification(scores, trial.truth)
            click.echo(f"  weight {weight:4.2f}  R@1 {found:.3f}  AUC {auc:.3f}")


def kept_tower(work: Path, grams: Grams) -> NameTower:
    """Load the text tower that a recipe has fitted."""
    tower = NameTower(grams.buckets)
    state = torch.load(work / "names" / CHECKPOINT, weights_only=True)
    tower.load_state_dict(state["mean"])
    return tower.eval()


def joined(seen: Sequence[Rows], said: Sequence[Rows], weight: float) -> Rows:
    """Score queries and references, each by its visual row and its row of what it reads."""
    both = [np.concatenate([v, weight * t], axis=1) for v, t in zip(seen, said, strict=True)]
    queries, references = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in both)
    scores: Rows = queries @ references.T
    return scores


@torch.no_grad()
def _said(tower: NameTower, items: Sequence[Encoded]) -> Rows:
    reads = [str(as_item("image", one).reads or "") for one in items]
    ids = np.stack([Grams().ids(text)[0] for text in reads])
    rows: Rows = tower(torch.from_numpy(ids)).numpy()
    return rows


if __name__ == "__main__":
    main()
