"""What commands that ask share: files as items, thresholds, verdicts in words."""

import base64
import mimetypes
from pathlib import Path
from typing import Any

import click

FILE_PATH = click.Path(exists=True, dir_okay=False, path_type=Path)
THRESHOLD = click.option("--threshold", type=float, help="[the gallery's, or the encoder's]")


def item_of_file(file: Path) -> dict[str, Any]:
    """Make an item of a file, of the kind that its name says."""
    from models.modality import modality_of_media_type  # noqa: PLC0415 - for files only

    kind = modality_of_media_type(mimetypes.guess_type(file.name)[0] or "")
    if kind in (None, "text"):
        raise click.UsageError(f"{file.name} is of no kind that can be asked with")
    return {str(kind): base64.b64encode(file.read_bytes()).decode()}


def verdict_of(result: dict[str, Any]) -> str:
    """Word a verdict, its label and its score."""
    named = f"  {result['label']}" if result["label"] is not None else ""
    score = "" if result["score"] is None else f"  score {result['score']:.3f}"
    return f"{result['verdict']}{named}{score}"
