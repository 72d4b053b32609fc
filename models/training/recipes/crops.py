"""The encoder of pictures of names: into the space of the encoder of names."""

import io
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from models.texts.characters import romanised
from models.training.evaluation import Rows, unrelated
from models.training.loop import CHECKPOINT, device_of
from models.training.objective import open_objective
from models.training.recipe import Embed, Recipe, Stage
from models.training.records import trials
from models.training.records.crops.learning import MINED, Aligned, mined
from models.training.records.crops.lines import PRINTED, PrintedNames
from models.training.records.crops.printing import HEIGHT, WIDTH, Press
from models.training.records.crops.tower import CropEncoder
from models.training.records.crops.wear import worn
from models.training.records.pairs import NamePairs, padded
from models.training.records.pool import open_pool
from models.training.records.tower import NameEncoder
from models.training.records.trials import NameTrial
from models.training.schedule import Schedule

SEED = 2
STEPS, SIZES, RATES = (4000, 2500), (192, 192), (1.5e-3, 6e-4)
TEMPERATURE = 0.05
FONTS = Path("/usr/share/fonts")
TRIED, TRIED_SEED = 400, 21
WEIGHT = 0.5  # of the picture, beside its reading
PROBES = 8
FLOORS: Mapping[str, float] = {"drawn_r1": 0.5}


def build(data: Path, work: Path) -> Recipe:
    """Make the recipe, beside the tower that the recipe `names` has trained in the same `work`.

    Raises:
        FileNotFoundError: there is no such tower, or a font is missing.
    """
    pool, names = open_pool(data, work), names_tower(work)
    press = Press(work / "fonts" if (work / "fonts").exists() else FONTS)
    pairs = NamePairs(pool, SEED)
    objective = open_objective("info_nce").build(temperature=TEMPERATURE)
    tried = {
        "drawn": drawn(PrintedNames(NamePairs(pool, TRIED_SEED, tried=True), press, TRIED_SEED)),
        "directories": trials.directories(data),
    }
    held = {name: trial for name, trial in tried.items() if trial is not None}

    def figures(embed: Embed) -> dict[str, float]:
        found = {}
        for name, trial in held.items():
            seen = embed(trial.crops)
            rows = {
                "": seen,
                "_reading": rows_of(names, trial.readings),
                "_pooled": pooled(seen, rows_of(names, trial.readings)),
            }
            filed = rows_of(names, trial.names)
            for kind, asked in rows.items():
                found[f"{name}{kind}_r1"] = trials.found_first(asked @ filed.T, trial)
            if name == "drawn":
                found["drawn_unrelated"] = unrelated(seen @ filed.T, list(trial.truth))
        return found

    torch.manual_seed(SEED)
    return Recipe(
        name="crops",
        description="Finds a name by a picture of it, in the space of the encoder of names.",
        modality="image",
        licence="Apache-2.0",
        training_data=(
            "Lines printed and worn by this recipe, of the names that the encoder `names` learns "
            "from, set in free fonts of Debian; no picture that was scanned."
        ),
        stages=[
            Stage(
                preprocessing=preprocessing(),
                tower=CropEncoder(),
                pairs=PrintedNames(pairs, press, SEED),
                schedule=Schedule(steps=STEPS[0], size=SIZES[0], rate=RATES[0], check_steps=500),
                lose=Aligned(names, objective, pooled=False),
            ),
            Stage(
                preprocessing=preprocessing(),
                tower=CropEncoder(),
                pairs=PrintedNames(pairs, press, SEED + 1, _mined(names, pairs, work)),
                schedule=Schedule(steps=STEPS[1], size=SIZES[1], rate=RATES[1], check_steps=500),
                lose=Aligned(names, objective, pooled=True),
            ),
        ],
        hand_on=lambda weights, _: weights,
        complete=lambda tower: tower,
        preprocessing=preprocessing(),
        objective=objective,
        trials=figures,
        unrelated="drawn_unrelated",
        floors=FLOORS,
        probe=held["drawn"].crops[:PROBES],
        meets="names",
    )


def preprocessing() -> dict[str, object]:
    """Configure the image modality: the first line of print."""
    return {"size": HEIGHT, "width": WIDTH, "fit": "line"}


def names_tower(work: Path) -> NameEncoder:
    """Load the tower that the recipe `names` has trained.

    Raises:
        FileNotFoundError: it has not.
    """
    path = work / "names" / "0" / CHECKPOINT
    if not path.exists():
        raise FileNotFoundError(f"{path}: train the recipe `names` first, with the same --work")
    tower = NameEncoder()
    tower.load_state_dict(torch.load(path, weights_only=True, map_location="cpu")["mean"])
    return tower.eval().requires_grad_(False)


@torch.no_grad()
def rows_of(tower: NameEncoder, names: Sequence[str]) -> Rows:
    """Embed names, and something for those of which nothing was read."""
    texts = [name if romanised(name) else "x" for name in names]
    device = device_of(tower)
    batches = (padded(texts[i : i + 256]).to(device) for i in range(0, len(texts), 256))
    parts = [tower(batch).cpu().numpy() for batch in batches]
    rows: Rows = np.concatenate(parts)
    return rows


def pooled(seen: Rows, read: Rows, weight: float = WEIGHT) -> Rows:
    """Pool rows of pictures with those of their readings."""
    both = weight * seen + (1 - weight) * read
    rows: Rows = both / np.linalg.norm(both, axis=1, keepdims=True)
    return rows


def drawn(lines: PrintedNames) -> NameTrial:
    """Print unseen names, worn as they are to be learnt, and read as they may be."""
    draw = random.Random(TRIED_SEED)  # noqa: S311 - a seeded trial
    names = lines.names(TRIED, draw)
    ink = lines.lines(names, draw).ink
    grey = worn(ink, torch.Generator().manual_seed(TRIED_SEED))[:, 0].numpy()
    readings = [lines.pairs.confusions.misread(name, draw) for name in names]
    return trials.listed(names, readings, (), [_png(line) for line in grey])


def _mined(names: NameEncoder, pairs: NamePairs, work: Path) -> list[list[str]]:
    """Mine groups of names that are nearly the same to the tower of names, once."""
    kept = work / "mined.json"
    if not kept.exists():
        draw = random.Random(SEED)  # noqa: S311 - seeded draws of a training
        some = dict.fromkeys(pairs.names(MINED, draw, pairs.naming.directory.name))
        names.to("cuda" if torch.cuda.is_available() else "cpu")
        groups = mined(names, [name for name in some if PRINTED.issuperset(name)])
        kept.write_text(json.dumps(groups, ensure_ascii=False), encoding="utf-8")
        names.cpu()
    found: list[list[str]] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def _png(line: Rows) -> bytes:
    file = io.BytesIO()
    Image.fromarray(line).save(file, "png")
    return file.getvalue()
