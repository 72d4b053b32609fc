"""The figures of trainings: a line of JSON each, printed and kept in the folder of the training."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

FIGURES = "figures.jsonl"


def told(out: Path, name: str, figures: Mapping[str, float]) -> None:
    """Print a line of figures, and add it to those of a folder."""
    line = json.dumps({"name": name} | {key: round(float(v), 4) for key, v in figures.items()})
    click.echo(line)
    with (out / FIGURES).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def told_by(out: Path) -> dict[str, dict[str, float]]:
    """Read what a folder has of figures: by name, the last line of each."""
    path = out / FIGURES
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = [json.loads(line) for line in lines]
    return {line.pop("name"): line for line in found}
