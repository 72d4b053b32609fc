"""Marks that are drawn: seeded, each another, cut to what is seen, and kept as they were drawn."""

import io
import random
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw

pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.marks.atlas import SIDE, Atlas, Mark, join, load_atlas, save_atlas, squared
from models.training.marks.emblems import emblem
from models.training.marks.lettering import Type, latin_fonts, wordmark, written
from models.training.marks.outlines import regular, rounded, stroke
from models.training.trials import across_sources, png

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SANS = str(FONTS / "DejaVuSans.ttf")
KIT = Type([SANS], [(SANS, "\u2600"), (SANS, "\u265e")], ["Ada Works", "Babbage"])


def test_fonts_that_draw_letters_are_told_from_those_that_do_not() -> None:
    fonts = {Path(font).name for font in latin_fonts(FONTS)}
    assert "DejaVuSans.ttf" in fonts
    assert "STIXSizOneSymReg.ttf" not in fonts


def test_letters_are_cut_to_what_is_seen() -> None:
    mask = written("HI", SANS)
    assert mask.getbbox() == (0, 0, *mask.size)
    assert np.asarray(written("HI", SANS, stroke=4)).sum() > np.asarray(mask).sum()


@pytest.mark.parametrize("seed", range(40))
def test_the_same_seed_draws_the_same_emblem_and_another_another(seed: int) -> None:
    one, two, other = (emblem(KIT, random.Random(s)) for s in (seed, seed, seed + 1))
    assert one.tobytes() == two.tobytes()
    assert one.size != other.size or one.tobytes() != other.tobytes()
    assert one.getchannel("A").getbbox() == (0, 0, *one.size)


def test_a_wordmark_is_of_its_colour() -> None:
    mark = np.asarray(wordmark(KIT, random.Random(1), (10, 20, 30)))
    assert (mark[mark[..., 3] > 0][:, :3] == (10, 20, 30)).all()


def test_outlines_keep_their_measures() -> None:
    assert regular(4)[0] == pytest.approx((0, -1))
    assert all(x * x + y * y == pytest.approx(1) for x, y in rounded(2.0))
    assert max(abs(x) + abs(y) for x, y in rounded(12.0)) > 1.8
    bar = stroke([(-1.0, 0.0), (0.0, 0.0), (1.0, 0.0)], 0.2)
    assert {round(y, 6) for _, y in bar} == {0.1, -0.1}


def flag() -> Image.Image:
    image = Image.new("RGBA", (300, 200))
    ImageDraw.Draw(image).rectangle((40, 50, 239, 149), fill=(255, 0, 0, 255))
    ImageDraw.Draw(image).rectangle((40, 50, 139, 149), fill=(0, 0, 255, 255))
    return image


def test_an_atlas_keeps_what_is_seen_its_colours_and_its_proportions(tmp_path: Path) -> None:
    made = save_atlas(tmp_path, [("a", "one", flag()), ("b", "two", Image.new("RGBA", (9, 9)))])
    assert made.marks == (Mark("a", "one", 2.0),)
    kept = load_atlas(tmp_path)
    assert kept.marks == made.marks
    assert kept.pixels(0).shape == (4, SIDE, SIDE)
    assert kept.pixels(0)[3].min() == 255
    assert kept.pixels(0)[:3, 50, 5].tolist() == [0, 0, 255]
    assert kept.pixels(0)[:3, 50, -5].tolist() == [255, 0, 0]
    image = Image.open(io.BytesIO(png(kept, 0)))
    assert image.size == (SIDE, SIDE // 2)
    assert image.convert("RGB").getpixel((5, 5)) == (0, 0, 255)
    assert squared(Image.new("RGBA", (9, 9))) is None


def test_atlases_stand_side_by_side_and_are_parted(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    pixels = draw.integers(256, size=(5, 4, SIDE, SIDE)).astype(np.uint8)
    marks = [Mark(str(i), "one", 1.0 + i) for i in range(5)]
    both = join([Atlas.of(marks[:2], pixels[:2]), Atlas.of(marks[2:], pixels[2:])])
    assert both.marks == tuple(marks)
    some = both.part([4, 1, 2])
    assert some.marks == (marks[4], marks[1], marks[2])
    assert np.array_equal(some.look([0, 2]).numpy() * 255, pixels[[4, 2]])


def test_one_source_is_enrolled_and_another_asked() -> None:
    draw = np.random.default_rng(0)
    marks = [
        Mark("a", "one", 1.0),
        Mark("a", "two", 4.0),
        Mark("a", "two", 1.1),
        Mark("b", "two", 1.0),
    ]
    pixels = draw.integers(256, size=(4, 4, SIDE, SIDE)).astype(np.uint8)
    pixels[:, 3] = 255
    import torch

    made = Atlas.of(marks, pixels)
    nothing = made.part([])
    held = across_sources(made, nothing, torch.zeros(1, 3, 64, 64, dtype=torch.uint8), 32)
    assert list(held.printed.references) == [png(made, 0), png(made, 3)]
    more = across_sources(made, made, torch.zeros(1, 3, 64, 64, dtype=torch.uint8), 32)
    assert list(more.printed.references) == [
        *held.printed.references,
        *(png(made, i) for i in range(4)),
    ]
    assert list(held.printed.queries) == [png(made, 2)]
    assert list(held.printed.truth) == list(held.seen.truth) == [0]
    assert Image.open(io.BytesIO(held.seen.queries[0])).size == (32, 32)
