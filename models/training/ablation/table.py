"""The lines of trainings as a table."""

import statistics
from collections.abc import Sequence

from models.training.ablation.trainings import Line

SHOWN = ("_r1", "_auc")  # endings of the figures that are shown; the lines keep all


def table(lines: Sequence[Line]) -> str:
    """Write lines as a table in Markdown: one row an objective, the mean of its seeds.

    Where there are several seeds, the lowest and the highest figure stand behind the mean.
    """
    names = [name for name in lines[0] if name.endswith(SHOWN)] if lines else []
    head = ["objective", "seeds", "loss", "s a step", *(name.replace("_", " ") for name in names)]
    rows = [head, ["---"] * len(head)]
    for text in dict.fromkeys(str(line["objective"]) for line in lines):
        own = [line for line in lines if line["objective"] == text]
        cells = [
            _cell([float(line[n]) for line in own]) for n in ("loss", "seconds_a_step", *names)
        ]
        rows.append([f"`{text}`", str(len(own)), *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(values: Sequence[float]) -> str:
    low, mean, high = (f"{v:.3f}" for v in (min(values), statistics.mean(values), max(values)))
    return mean if len(values) == 1 else f"{mean} ({low} to {high})"
