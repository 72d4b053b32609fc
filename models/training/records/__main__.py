"""`python -m models.training.records`: names by their readings, records by their fields.

Each beside what needs no training.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click
import numpy as np

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.training.evaluation import Rows, auc
from models.training.publishing import bundle_embed
from models.training.records import trials
from models.training.records.baselines import STRINGS, Scorer, by_encoder, with_strings
from models.training.records.pool import open_pool
from models.training.records.tables import record_lines
from models.training.records.trials import NameTrial

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
ENCODERS = ("minilm", "names")
SLOW = ("Jaro-Winkler", "token set", "minilm")  # minutes among a hundred thousand names
AMONG = 40  # best of either, to tell what could be had by looking at them again
BOTH = "names and Levenshtein"
WEIGHTS = (0.3, 0.5, 0.7)  # of the picture, beside its reading


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Folder of what is tried on.")
@click.option("--work", type=FOLDER, required=True, help="Where the names and readings are kept.")
@click.option("--legible", type=FOLDER, help="Where readings of legible lines are kept.")
@click.option("--bundles", type=FOLDER, default=Path("models/bundles"), show_default=True)
@click.option("--all-names", is_flag=True, help="Also among all brand names: minutes.")
def main(data: Path, work: Path, legible: Path | None, bundles: Path, all_names: bool) -> None:
    """Print how often each method finds a name by its reading, and tells pairs of records apart."""
    held = name_trials(data, work, legible, all_names=all_names)
    pairs = labelled(data / "records" / "name_bench.csv")
    for line in name_lines(held, pairs, bundles):
        click.echo(line)
    if (bundles / "crops").exists():
        for line in with_crops(bundles, held):
            click.echo(line)
    click.echo()
    for line in record_lines(data / "records", bundles):
        click.echo(line)


def name_trials(
    data: Path, work: Path, legible: Path | None = None, *, all_names: bool
) -> dict[str, NameTrial]:
    """List the trials of which everything is at hand.

    Args:
        legible: holds the readings of lines that a person can read.
    """
    pool = open_pool(data, work)
    made: dict[str, NameTrial | None] = {
        "drawn": trials.drawn(pool),
        "Tesseract": trials.tesseract(pool, work),
        "legible, Tesseract": None
        if legible is None
        else trials.tesseract(pool, legible, beside=trials.BESIDE, others=trials.CROWD),
        "directories, Tesseract": trials.directories(data),
        "directories, second reader": trials.directories(data, "pero_name"),
    }
    if all_names:
        made["among all names"] = trials.directories(data, others=pool.brands)
    return {name: trial for name, trial in made.items() if trial is not None}


def name_lines(
    held: Mapping[str, NameTrial], pairs: Sequence[tuple[str, str, bool]], bundles: Path
) -> Iterator[str]:
    """Tell how often each method finds a name first, and how well it tells labelled pairs apart."""
    yield f"| R@1 | {' | '.join(held)} | name_bench, AUC |"
    yield f"|---|{'---|' * (len(held) + 1)}"
    sizes = (f"{len(t.readings)} / {len(t.names)}" for t in held.values())
    yield f"| asked / names | {' | '.join(sizes)} | |"
    folders = [bundles / name for name in ENCODERS if (bundles / name).exists()]
    scorers = STRINGS | {folder.name: by_encoder(folder) for folder in folders}
    if "names" in scorers:
        scorers[BOTH] = with_strings(scorers["names"])
    for name, score in scorers.items():
        cells = [cell(name, score, kind, trial) for kind, trial in held.items()]
        yield f"| {name} | {' | '.join(cells)} | {told_apart(score, pairs):.3f} |"
    if "names" in scorers:
        two = [scorers["names"], scorers["Levenshtein"]]
        found = (
            trials.found_among([one(trial.readings, trial.names) for one in two], trial, AMONG)
            for trial in held.values()
        )
        cells = [f"{share:.3f}" for share in found]
        yield f"| among the {AMONG} best of `names` or of Levenshtein | {' | '.join(cells)} | |"


def cell(name: str, score: Scorer, kind: str, trial: NameTrial) -> str:
    """Measure one method on one trial."""
    if kind == "among all names" and name in SLOW:
        return "-"
    return f"{trials.found_first(score(trial.readings, trial.names), trial):.3f}"


def with_crops(bundles: Path, held: Mapping[str, NameTrial]) -> list[str]:
    """Measure the picture alone, and pooled with its reading, where there are pictures."""
    read = _rows(OnnxEncoder.open(bundles / "names", provider="cpu"), "text")
    see = _rows(OnnxEncoder.open(bundles / "crops", provider="cpu"), "image")
    lines: dict[str, list[str]] = {}
    for trial in held.values():
        kinds = {"crops": 1.0} | {f"crops {weight}, names": weight for weight in WEIGHTS}
        if trial.crops:
            seen, said, filed = see(trial.crops), read(trial.readings), read(trial.names)
        for kind, weight in kinds.items():
            found = "-"
            if trial.crops:
                rows = pooled(seen, said, weight)
                found = f"{trials.found_first(rows @ filed.T, trial):.3f}"
            lines.setdefault(kind, []).append(found)
    return [f"| {kind} | {' | '.join(cells)} | |" for kind, cells in lines.items()]


def pooled(seen: Rows, said: Rows, weight: float) -> Rows:
    """Pool rows of pictures with those of their readings."""
    both = weight * seen + (1 - weight) * said
    rows: Rows = both / np.linalg.norm(both, axis=1, keepdims=True)
    return rows


def labelled(path: Path) -> list[tuple[str, str, bool]]:
    """Read pairs of names, and whether they are of one person or company."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return [(row["name1"], row["name2"], row["is_match"] == "true") for row in rows]


def told_apart(score: Scorer, pairs: Sequence[tuple[str, str, bool]]) -> float:
    """Tell how likely a pair of one scores above a pair of two."""
    left, right = [one for one, _, _ in pairs], [other for _, other, _ in pairs]
    scores = score(left, right).diagonal()
    same = np.array([same for _, _, same in pairs])
    return auc(scores[same], scores[~same])


def _rows(encoder: OnnxEncoder, kind: str) -> Callable[[Sequence[str | bytes]], Rows]:
    embed = bundle_embed(encoder)
    return lambda items: embed([Item(kind, one or "x") for one in items])


if __name__ == "__main__":
    main()
