"""The encoder of names: from a name as it was typed or read to the name as it is filed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.modality import Item
from models.texts.characters import romanised
from models.training.evaluation import unrelated
from models.training.objective import open_objective
from models.training.recipe import Embed, Recipe, Stage
from models.training.records import trials
from models.training.records.pairs import NamePairs
from models.training.records.pool import open_pool
from models.training.records.tower import NameEncoder
from models.training.records.trials import NameTrial
from models.training.schedule import Schedule

SEED = 1
STEPS, SIZE, RATE = 3000, 512, 1.5e-3
TEMPERATURE = 0.05
CHARACTERS_MAX = 96
PROBES = 8
# Below these, Levenshtein's distance does as well.
FLOORS: Mapping[str, float] = {"drawn_r1": 0.8}


def build(data: Path, work: Path) -> Recipe:
    """Make the recipe; what names are made of is gathered the first time, and kept in `work`."""
    pool = open_pool(data, work)
    tried = {
        "drawn": trials.drawn(pool),
        "tesseract": trials.tesseract(pool, work),
        "directories": trials.directories(data),
        "directories_pero": trials.directories(data, "pero_name"),
    }
    held = {name: trial for name, trial in tried.items() if trial is not None}

    def figures(embed: Embed) -> dict[str, float]:
        found = {}
        for name, trial in held.items():
            scores = as_items(embed, trial.readings) @ as_items(embed, trial.names).T
            found[f"{name}_r1"] = trials.found_first(scores, trial)
            if name == "drawn":
                found["drawn_unrelated"] = unrelated(scores, list(trial.truth))
        return found

    torch.manual_seed(SEED)
    return Recipe(
        name="names",
        description="Finds a name as it is filed by the name as it was typed, scanned or spelt.",
        modality="text",
        licence="Apache-2.0",
        training_data=(
            "Names drawn by this recipe: entries of French trade directories, people of 86 lists "
            "of languages and companies with legal forms (name lists of the package faker, MIT; "
            "legal forms of opensanctions, MIT; Debian's wordlists of English and French); the "
            "WiRLD list of brand names (by Abhiram4572/LogoIdent); titles of the training parts of "
            "the DeepMatcher sets (by megagonlabs/ditto). Each is misread by confusions that were "
            "counted on Tesseract's readings of lines printed and worn here, mistyped, "
            "abbreviated, reordered or respelt. Of names, one in five by hash is left out."
        ),
        stages=[
            Stage(
                preprocessing=preprocessing(),
                tower=NameEncoder(),
                pairs=NamePairs(pool, SEED),
                schedule=Schedule(steps=STEPS, size=SIZE, rate=RATE, decay=0.02, check_steps=1000),
            )
        ],
        hand_on=lambda weights, _: weights,
        complete=lambda tower: tower,
        preprocessing=preprocessing(),
        objective=open_objective("info_nce").build(temperature=TEMPERATURE),
        trials=figures,
        unrelated="drawn_unrelated",
        floors=FLOORS,
        probe=[Item("text", name) for name in probes(held["drawn"])],
    )


def preprocessing() -> dict[str, object]:
    """Configure the text modality: characters, and no tokenizer."""
    return {"characters_max": CHARACTERS_MAX}


def as_items(embed: Embed, names: Sequence[str]) -> NDArray[np.float32]:
    """Embed names, and something for those of which nothing was read."""
    return embed([Item("text", name if romanised(name) else "x") for name in names])


def probes(trial: NameTrial) -> list[str]:
    """Choose a few names and readings, and names in other letters."""
    some = [*trial.names[:PROBES], *trial.readings[:PROBES]]
    return [*some, "Москва", "Αθήνα", "東京", "Œuvre & Cie", "a", "0" * CHARACTERS_MAX]
