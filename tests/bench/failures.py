"""What the logo encoder takes for something else: which car badges, and some marks of our own.

The photos of car badges are described, not shown. What is shown are emblems and names that this
file draws, as clean pictures and as photos of them, on grounds that it draws too; among them the
failures from the narrowest to the widest are spread over the sheet.
"""

import io
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from models.onnx_encoder import OnnxEncoder
from models.training.evaluation import Trial, recall, scores_of
from models.training.marks.atlas import Atlas, Mark, encoded, png, squared
from models.training.marks.emblems import colour, emblem
from models.training.marks.lettering import Type, latin_fonts, wordmark
from models.training.publishing import bundle_embed
from models.training.recipes.logo import FONTS, SIDES
from models.training.trials import vehicles
from models.training.views.chance import Chance
from models.training.views.pictures import photo
from tests.bench.figures import Figure
from tests.bench.logos import BUNDLE, DATA

ON_REQUEST = True
SHEET = Path("docs/logos-failures.png")
EMBLEMS, WORDS, SEED = 300, 300, 21
SIGN_FONT, SIGNS = "Symbola_hint.ttf", range(0x2600, 0x2700)
SYLLABLES = ("ba", "cor", "den", "fi", "gra", "hul", "ki", "lo", "mer", "no", "pal", "quo", "ra",
             "sta", "tel", "ur", "vi", "wen", "xa", "zo")  # fmt: skip
TOLD = 12  # confusions that are printed
ROWS, COLUMNS, SIDE, GAP, HEAD = 6, 3, 64, 10, 26


def figures() -> list[Figure]:
    """Print which badges are confused, and draw the sheet."""
    embed = bundle_embed(OnnxEncoder.open(BUNDLE, provider="cpu", threads=1))
    _, every = vehicles(DATA / "vehicles")
    scores = scores_of(every, embed)
    names = [path.stem for path in sorted((DATA / "vehicles" / "references").glob("*.png"))]
    found = confusions(scores, every.truth, names)
    trial = drawn()
    own = scores_of(trial, embed)
    wrong = np.flatnonzero(own.argmax(1) != np.array(trial.truth))
    sheet(trial, own, wrong).save(SHEET, optimize=True)
    words = int((wrong >= EMBLEMS).sum())
    return [
        *found,
        Figure(
            f"R@1 among {len(own)} drawn here, as in a photo",
            f"{recall(own, trial.truth, 1):.3f}",
            f"R@5 {recall(own, trial.truth, 5):.3f}",
        ),
        Figure("of those missed, emblems", f"{len(wrong) - words}", f"names {words}"),
    ]


def confusions(scores: np.ndarray, truth: list[int], names: list[str]) -> list[Figure]:
    """List the pairs (asked, answered) that are most often wrong, and of how many photos."""
    answered = scores.argmax(1)
    photos = Counter(truth)
    pairs = Counter((of, int(to)) for of, to in zip(truth, answered, strict=True) if of != to)
    missed = sum(pairs.values())
    by_make = Counter(of for of, to in pairs.elements())
    return [
        Figure("photos of badges not named first", f"{missed}", f"of {len(truth)}, 387 marks"),
        *(
            Figure(f"  {names[of]}: missed", f"{count}", f"of {photos[of]} photos")
            for of, count in by_make.most_common(TOLD)
        ),
        *(
            Figure(f"  {names[of]} taken for {names[to]}", f"{count}", f"of {photos[of]} photos")
            for (of, to), count in pairs.most_common(TOLD)
        ),
    ]


def drawn() -> Trial:
    """Draw emblems and names that nobody trained on, and each as in a photo."""
    (symbols,) = FONTS.rglob(SIGN_FONT)
    signs = [(str(symbols), chr(code)) for code in SIGNS]
    chance = random.Random(SEED)
    names = sorted({_name(chance) for _ in range(2 * WORDS)})
    kit = Type(latin_fonts(FONTS), signs, names)
    images = [emblem(kit, random.Random(f"failure{i}")) for i in range(EMBLEMS)]
    images += [
        wordmark(replace(kit, names=[name]), chance, colour(chance))
        for name in chance.sample(names, WORDS)
    ]
    kept = [found for image in images if (found := squared(image)) is not None]
    marks = [Mark(f"own-{i}", "own", aspect) for i, (_, aspect) in enumerate(kept)]
    atlas = Atlas.of(marks, np.array([pixels for pixels, _ in kept]))
    rows = range(len(marks))
    scenes = photo(
        Chance(SEED, len(marks)), atlas.look(rows), atlas.aspects(), _grounds(), SIDES[-1]
    )
    queries = [encoded(scene.permute(1, 2, 0).numpy()) for scene in scenes]
    return Trial([png(atlas, row) for row in rows], queries, rows)


def _name(chance: random.Random) -> str:
    """Make a name up."""
    return "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 4))).title()


def _grounds() -> torch.Tensor:
    """Draw soft stains of any colour, in place of photos: uint8 (8, 3, 160, 160)."""
    coarse = np.random.default_rng(SEED).integers(256, size=(8, 6, 6, 3)).astype(np.uint8)
    soft = [Image.fromarray(one).resize((160, 160), Image.Resampling.BICUBIC) for one in coarse]
    return torch.from_numpy(np.stack([np.asarray(one).transpose(2, 0, 1) for one in soft]))


def sheet(trial: Trial, scores: np.ndarray, wrong: np.ndarray) -> Image.Image:
    """Show what was asked, what it is, and what was answered, with the scores of both."""
    truth = np.array(trial.truth)
    short = scores.max(1)[wrong] - scores[wrong, truth[wrong]]
    ranks = np.linspace(0, len(wrong) - 1, min(ROWS * COLUMNS, len(wrong))).astype(int)
    width, height = 3 * SIDE + 4 * GAP, SIDE + GAP + 14
    page = Image.new("RGB", (COLUMNS * width, HEAD + ROWS * height), (255, 255, 255))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    for number, query in enumerate(wrong[np.argsort(short)][ranks]):
        x, y = number % COLUMNS * width, HEAD + number // COLUMNS * height
        best = int(scores[query].argmax())
        told = "", f"{scores[query, truth[query]]:.2f}", f"{scores[query, best]:.2f}"
        pictures = trial.queries[query], trial.references[truth[query]], trial.references[best]
        for place, (picture, text) in enumerate(zip(pictures, told, strict=True)):
            left = x + GAP + place * (SIDE + GAP)
            page.paste(_shown(picture), (left, y))
            pen.text((left + SIDE // 2, y + SIDE + 1), text, (0, 0, 0), font, "ma")
    for column in range(COLUMNS):
        for place, text in enumerate(("asked", "it is", "answered")):
            left = column * width + GAP + place * (SIDE + GAP) + SIDE // 2
            pen.text((left, GAP), text, (90, 90, 90), font, "mm")
    return page.quantize(128)


def _shown(picture: bytes) -> Image.Image:
    """Lay a picture on grey, in its proportions, so that white marks are seen too."""
    image = Image.open(io.BytesIO(picture)).convert("RGBA")
    image.thumbnail((SIDE, SIDE))
    tile = Image.new("RGB", (SIDE, SIDE), (165, 165, 165))
    tile.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2), image)
    return tile
