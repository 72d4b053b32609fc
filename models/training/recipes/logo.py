"""The logo encoder: from one clean picture of a mark to the mark in a photo."""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from models.modality import Item
from models.pictures.grams import Grams
from models.training import trials
from models.training.evaluation import recall, scores_of, unrelated, verification
from models.training.histograms import Directions, Histograms, Joined, principal
from models.training.marks import drawn
from models.training.marks.atlas import PIXELS, Atlas, join, load_atlas, save_atlas
from models.training.marks.collections import svg_marks
from models.training.marks.lettering import Type
from models.training.names.fitting import fitted
from models.training.names.pairs import learnable
from models.training.names.tower import Lettered
from models.training.objective import Objective, open_objective
from models.training.recipe import Embed, Encoded, Recipe, Stage, as_item
from models.training.schedule import Schedule
from models.training.towers import Tower, fitted_to
from models.training.views.pairs import MarkPairs, held_out

SIDES = (48, 64)  # pixels of a picture, in each stage: the first is learnt on faster
STEPS, SIZE = (2500, 7500), 1024  # what a GPU does in minutes; `--within` fits it to any machine
RATES = (2e-3, 1.5e-3)
TEMPERATURE, NAMES_TEMPERATURE = 0.05, 0.07
TURNED = 0.4  # of the marks: a mark turned or mirrored is another mark
# Sources, and their part of a batch: what is drawn here is many, what was designed is real.
SHARES = {
    "emblem": 0.42, "word": 0.12, "sign": 0.08,
    "gilbarbara": 0.12, "simple-icons": 0.12, "svgl": 0.07, "devicon": 0.07,
}  # fmt: skip
EMBLEMS, WORDS, SIGNS = 14_000, 5_000, 3_500
# Of the score, what histograms of gradients have; and how they are fitted.
SHARE, DIRECTIONS, WHITENED = 0.15, 256, 0.3
# How what a mark reads becomes ids, and what that weighs beside what it looks like.
GRAMS, READS_WEIGHT = Grams(), 0.5
FITTED_BATCHES, FITTED_PAIRS, FITTED_SEED = 45, 128, 77
FONTS = Path("/usr/share/fonts")
SIGN_FONTS = ("Symbola_hint.ttf", "wqy-microhei.ttc")
LANDSCAPES = Path("/usr/share/backgrounds/mate")
GROUND_SIDE = 160
PROBES = 6
PROBE_NAMES = ("Semblance", "SEMBIANCE", "a")
# Below these, histograms of gradients do as well.
FLOORS: Mapping[str, float] = {"vehicles34_r1": 0.506, "vehicles387_r1": 0.379}
SEED = 1


def build(data: Path, work: Path) -> Recipe:
    """Make the recipe: about ten minutes of drawing the first time, kept in `work`."""
    atlas = _atlas(data / "logos", work)
    grounds = _grounds(data / "backgrounds", work)
    kept = [m.source not in trials.DRAWN and held_out(m.brand) for m in atlas.marks]
    learnt = atlas.part([i for i, out in enumerate(kept) if not out])
    unseen = atlas.part([i for i, out in enumerate(kept) if out])
    torch.manual_seed(SEED)
    held = trials.across_sources(unseen, learnt, grounds, SIDES[-1])
    few, all_marks = trials.vehicles(data / "vehicles")
    plain = held.printed.queries

    def figures(embed: Embed) -> dict[str, float]:
        found = {}
        for name, trial in (
            ("vehicles34", few),
            ("vehicles387", all_marks),
            ("held_printed", held.printed),
            ("held_seen", held.seen),
        ):
            scores = scores_of(trial, embed)
            found[f"{name}_r1"] = recall(scores, trial.truth, 1)
            found[f"{name}_r5"] = recall(scores, trial.truth, 5)
            found[f"{name}_auc"] = verification(scores, trial.truth)
            found[f"{name}_unrelated"] = unrelated(scores, trial.truth)
        return found

    return Recipe(
        name="logo",
        description="Names a mark in a photo crop by one clean picture of it.",
        modality="image",
        licence="Apache-2.0",
        training_data=(
            "SVG marks of gilbarbara/logos (CC0), simple-icons (CC0), pheralb/svgl (MIT) and "
            "devicon (MIT), less one brand in ten by hash; emblems, wordmarks and signs drawn by "
            "this recipe; grounds from GroceryStoreDataset (MIT) and Debian's mate-backgrounds; "
            "for what marks read, names of the WiRLD list (by Abhiram4572/LogoIdent). "
            "Trade marks remain their owners'."
        ),
        stages=[
            Stage(
                preprocessing=preprocessing(side),
                tower=Tower(side),
                pairs=MarkPairs(learnt, grounds, side, SHARES, SEED, turns=TURNED),
                schedule=Schedule(
                    steps=steps, size=SIZE, rate=rate, report_steps=50, check_steps=500
                ),
            )
            for side, steps, rate in zip(SIDES, STEPS, RATES, strict=True)
        ],
        hand_on=fitted_to,
        complete=lambda tower: Lettered(
            Joined(tower, _directions(learnt, grounds, work), SHARE),
            fitted(_names(data, atlas), GRAMS, _info_nce(NAMES_TEMPERATURE), work / "names"),
            READS_WEIGHT,
        ),
        preprocessing=preprocessing(SIDES[-1]) | {"text": text_preprocessing()},
        objective=_info_nce(TEMPERATURE),
        trials=figures,
        unrelated="held_seen_unrelated",
        floors=FLOORS,
        probe=[*plain[:PROBES], *held.seen.queries[:PROBES], *map(_named, plain, PROBE_NAMES)],
    )


def preprocessing(side: int) -> dict[str, object]:
    """Configure the image modality: a crop's proportions tell its angle as much as its mark."""
    return {
        "size": side,
        "fit": "stretch",
        "ground": [255, 255, 255],
        "contrast": [0, 0, 0],
        "emblem": True,
    }


def text_preprocessing() -> dict[str, object]:
    """Configure how what a mark reads becomes ids."""
    return asdict(GRAMS) | {"sizes": list(GRAMS.sizes)}


def _info_nce(temperature: float) -> Objective:
    made: Objective = open_objective("info_nce").build(temperature=temperature)
    return made


def _named(one: Encoded, name: str) -> Item:
    return replace(as_item("image", one), reads=name)


def _names(data: Path, atlas: Atlas) -> list[str]:
    """List the names to learn: those of the list, and of brands that are not kept from training."""
    brands = {mark.brand for mark in atlas.marks if mark.source not in trials.DRAWN}
    lines = (data / "logos" / "brand_names.txt").read_text(encoding="utf-8").splitlines()
    unseen = [brand for brand in brands if held_out(brand)]
    makes = [path.stem for path in (data / "vehicles" / "references").glob("*.png")]
    return learnable([*lines, *brands - set(unseen)], [*unseen, *makes])


def _directions(learnt: Atlas, grounds: torch.Tensor, work: Path) -> Directions:
    """Fit the principal directions of histograms on views that are drawn for it."""
    kept = work / "histograms.pt"
    if not kept.exists():
        pairs = MarkPairs(learnt, grounds, SIDES[-1], SHARES, FITTED_SEED)
        batches = (pairs.draw(step, FITTED_PAIRS) for step in range(FITTED_BATCHES))
        describe = Histograms()
        rows = [describe(view) for pair in batches for view in (pair.first, pair.second)]
        torch.save(torch.cat(rows).half(), kept)
    return principal(torch.load(kept, weights_only=True).float(), DIRECTIONS, WHITENED)


def _atlas(logos: Path, work: Path) -> Atlas:
    """Draw what is missing of the atlas, and read it whole."""
    kits: list[Type] = []

    def kit() -> Type:
        if not kits:
            kits.append(drawn.type_of(FONTS, logos / "brand_names.txt", SIGN_FONTS))
        return kits[0]

    parts: dict[str, Callable[[], Iterable[tuple[str, str, Image.Image]]]] = {
        "svg": lambda: svg_marks(logos),
        "emblem": lambda: drawn.draw_emblems(kit(), EMBLEMS),
        "word": lambda: drawn.draw_words(kit(), WORDS),
        "sign": lambda: drawn.draw_signs(kit(), SIGNS),
    }
    for name, draw in parts.items():
        if not (work / name / PIXELS).exists():
            save_atlas(work / name, draw())
    return join([load_atlas(work / name) for name in parts])


def _grounds(folder: Path, work: Path) -> torch.Tensor:
    """Read every third ground, and the landscapes where there are any: uint8 (m, 3, h, w)."""
    kept = work / "grounds.npy"
    if not kept.exists():
        files = [*sorted(folder.rglob("*.jpg"))[::3], *sorted(LANDSCAPES.rglob("*.jpg"))]
        rows = []
        for path in files:
            image = Image.open(io.BytesIO(path.read_bytes())).convert("RGB")
            small = image.resize((GROUND_SIDE, GROUND_SIDE))
            rows.append(np.asarray(small).transpose(2, 0, 1))
        np.save(kept, np.stack(rows))
    return torch.from_numpy(np.load(kept))
